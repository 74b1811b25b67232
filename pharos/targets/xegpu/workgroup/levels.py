"""Both levels at once: every kernel runs lane by lane and workgroup by workgroup.

Kernels of tiles run on tiles (``interpreter``), kernels of one work-item on all work-items at the
same time (``lockstep``), both as they are before math becomes arithmetic and tiles become lanes.

The two must leave the same numbers behind, but for the order of sums and for how exact functions
are; what differs by more is an error of the lowering, of an instruction's meaning, or of a kernel.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pharos.core.errors import InternalError
from pharos.ir.bindings import mlir
from pharos.runtime.dtypes import numpy_dtype
from pharos.targets.xegpu.workgroup.interpreter import WorkgroupKernel
from pharos.targets.xegpu.workgroup.lockstep import LockstepKernel


@dataclass(frozen=True)
class Difference:
    """How far the levels of a launch are apart: at most ``largest``, relative to the largest
    number in the same buffer."""

    kernel: str
    largest: float


class BothLevels:
    """Runs launches as ``engine`` (lane level) does, and those of ``kernels`` on both levels.

    ``tolerance`` by dtype is what may differ relative to the largest number of a buffer; nothing
    where it is not given.
    ``differences`` lists what did. Takes the place of a simulated module's engine.
    """

    def __init__(self, engine: Any, module: Any, tolerance: Mapping[str, float]) -> None:
        self.engine = engine
        self.kernels = {kernel.name: kernel for kernel in map(_kernel, _kernels(module))}
        self.tolerance = tolerance
        self.differences: list[Difference] = []
        self._module = module

    def run(self, launch: Any, operands: Sequence[float], regions: Sequence[Any]) -> None:
        """Run ``launch``; InternalError when the levels differ. Memory is then the lanes'."""
        kernel = self.kernels.get(launch.kernel)
        if kernel is None:
            self.engine.run(launch, operands, regions)
            return
        before = [_bytes(region) for region in regions]
        kernel.run(launch, operands, regions)
        expected = [_bytes(region) for region in regions]
        for region, data in zip(regions, before, strict=True):
            ctypes.memmove(region.address, data, len(data))
        self.engine.run(launch, operands, regions)
        dtypes = self._dtypes(kernel, operands)
        pairs = zip(regions, expected, strict=True)
        found = [self._apart(kernel.name, r, data, dtypes) for r, data in pairs]
        self.differences.append(Difference(kernel.name, max(found, default=0.0)))

    def _dtypes(
        self, kernel: WorkgroupKernel | LockstepKernel, operands: Sequence[float]
    ) -> dict[int, str]:
        """The element type of the memory at each pointer."""
        kinds = zip(kernel.kinds, operands, strict=True)
        return {
            int(value): str(mlir.MemRefType(kind).element_type)
            for kind, value in kinds
            if isinstance(kind, mlir.MemRefType)
        }

    def _apart(self, name: str, region: Any, wanted: bytes, dtypes: Mapping[int, str]) -> float:
        """How far ``region`` is from what the workgroups left there. InternalError when too far."""
        found = _bytes(region)
        if found == wanted:
            return 0.0
        inside = range(region.address, region.address + region.size)
        dtype = next((d for address, d in dtypes.items() if address in inside), None)
        if dtype is None:
            raise InternalError(f"{name} changed '{region.name}', which it was not given")
        lanes, group = (
            np.frombuffer(data, numpy_dtype(dtype)).astype(np.float64) for data in (found, wanted)
        )
        finite = np.isfinite(lanes) & np.isfinite(group)
        scale = max(1e-30, float(np.abs(group[finite]).max(initial=0)))
        apart = float(np.abs(lanes[finite] - group[finite]).max(initial=0)) / scale
        same = np.array_equal(lanes[~finite], group[~finite], equal_nan=True)
        if apart > self.tolerance.get(dtype, 0.0) or not same:
            raise InternalError(
                f"{name}: lanes and workgroups differ by {apart:.2e} of the largest number in "
                f"'{region.name}' ({dtype})"
            )
        return apart


def _kernel(function: Any) -> WorkgroupKernel | LockstepKernel:
    return WorkgroupKernel(function) if "xegpu." in str(function) else LockstepKernel(function)


def _kernels(module: Any) -> list[Any]:
    holders = [o.operation for o in module.body.operations if o.operation.name == "gpu.module"]
    kernels = [k.operation for h in holders for k in h.regions[0].blocks[0].operations]
    return [kernel for kernel in kernels if kernel.name == "gpu.func"]


def _bytes(region: Any) -> bytes:
    return ctypes.string_at(region.address, region.size)
