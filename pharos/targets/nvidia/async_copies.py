"""cp.async: copies to shared memory that go on while the work-item does (sm_80 and later).

PTX ISA 9.0, 9.7.9.25.3: 4, 8 or 16 bytes; those of 16 pass by the first cache.
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index


class CpAsync:
    """Implements ``pharos.targets.common.contractions.gpu_plan.AsyncCopies``."""

    def takes(self, size: int) -> bool:
        """Whether there is a copy of ``size`` bytes."""
        return size in (4, 8, 16)

    def copy(
        self, source: Any, at: Any, target: Any, to: Any, count: int, inside: Any | None
    ) -> None:
        """Copy ``count`` elements; bytes that are not read become zeros."""
        size = count * mlir.MemRefType(source.type).element_type.width // 8
        read = None
        if inside is not None:
            read = dialect("arith").select(inside, index.constant(count), index.constant(0))
        dialect("nvgpu").DeviceAsyncCopyOp(
            target,
            [to],
            source,
            [at],
            count,
            srcElements=read,
            bypassL1=True if size == 16 else None,
            results=[mlir.Type.parse("!nvgpu.device.async.token")],
        )

    def commit(self) -> None:
        """cp.async.commit_group"""
        dialect("nvvm").CpAsyncCommitGroupOp()

    def wait(self, pending: int) -> None:
        """cp.async.wait_group"""
        dialect("nvvm").CpAsyncWaitGroupOp(pending)
