"""Single instructions of sm_90, on addresses in shared memory (index values).

PTX ISA 9.0: mbarrier 9.7.13.15, cp.async.bulk.tensor 9.7.9.25.5.2, wgmma 9.7.15, setmaxnreg
9.7.19.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index

_TICKS = 10_000_000  # of one try; the waiting goes on after it


def shared_pointer(address: Any) -> Any:
    """``address`` as a pointer to shared memory."""
    return _pointer(address, "!llvm.ptr<3>")


def generic_pointer(address: Any) -> Any:
    """``address`` as a pointer that says nothing of its memory."""
    return _pointer(address, "!llvm.ptr")


def address_of(memory: Any) -> Any:
    """Where the memref ``memory`` begins."""
    return dialect("memref").extract_aligned_pointer_as_index(memory)


def barrier_init(address: Any, arrivals: int) -> None:
    """A barrier whose phases end after so many arrivals (and the bytes that were announced)."""
    dialect("nvvm").MBarrierInitOp(shared_pointer(address), _i32(arrivals))


def barriers_are_ready() -> None:
    """What was initialised is seen by copies, too."""
    dialect("nvvm").FenceMbarrierInitOp()


def barrier_arrive(address: Any) -> None:
    """One arrival."""
    i64 = mlir.IntegerType.get_signless(64)
    dialect("nvvm").MBarrierArriveOp(shared_pointer(address), results=[i64])


def barrier_expect(address: Any, bytes_: int) -> None:
    """One arrival, and the announcement of ``bytes_`` that copies bring."""
    dialect("nvvm").MBarrierArriveExpectTxOp(shared_pointer(address), _i32(bytes_), results=[])


def barrier_wait(address: Any, parity: Any) -> None:
    """Wait for the end of the phase with ``parity`` (an index value, 0 or 1)."""
    i32 = mlir.IntegerType.get_signless(32)
    phase = index.cast(parity, i32)
    dialect("nvvm").MBarrierTryWaitParityOp(shared_pointer(address), phase, _i32(_TICKS))


def tensor_copy(target: Any, map_: Any, at: Sequence[Any], barrier: Any) -> None:
    """Begin the copy of the box of ``map_`` (a pointer) at the coordinates ``at``, innermost first;
    ``barrier`` hears of its bytes."""
    i32 = mlir.IntegerType.get_signless(32)
    cluster = mlir.Type.parse("!llvm.ptr<7>")
    to = dialect("llvm").AddrSpaceCastOp(cluster, shared_pointer(target)).result
    coordinates = [index.cast(value, i32) for value in at]
    dialect("nvvm").CpAsyncBulkTensorGlobalToSharedClusterOp(
        to, map_, coordinates, shared_pointer(barrier), []
    )


def prefetch_map(map_: Any) -> None:
    """Have the tensor map ready."""
    dialect("nvvm").PrefetchOp(map_, tensormap=True)


def registers(count: int, more: bool) -> None:
    """Take or give back registers, until each work-item of the warpgroup has ``count``."""
    action = "increase" if more else "decrease"
    dialect("nvvm").SetMaxRegisterOp(count, mlir.Attribute.parse(f"#nvvm<action {action}>"))


def fence() -> None:
    """Registers and shared memory are ready for wgmma."""
    dialect("nvvm").WgmmaFenceAlignedOp()


def commit() -> None:
    """The wgmma since the last call are a group."""
    dialect("nvvm").WgmmaGroupSyncAlignedOp()


def wait(pending: int) -> None:
    """Wait until at most the last ``pending`` groups are under way."""
    dialect("nvvm").WgmmaWaitGroupSyncOp(pending)


def multiply(
    left: Any, right: Any, sums: Any, columns: int, element: str, k_major: tuple[bool, bool]
) -> Any:
    """``sums`` plus the product of the matrices with the descriptors ``left`` (64 rows) and
    ``right``, 16 inner steps; ``k_major`` tells for each whether steps are neighbours."""
    parse = mlir.Attribute.parse
    kind = parse(f"#nvvm.wgmma_type<{element}>")
    one = parse("#nvvm.wgmma_scale_in<one>")
    layout_a = parse(f"#nvvm.mma_layout<{'row' if k_major[0] else 'col'}>")
    layout_b = parse(f"#nvvm.mma_layout<{'col' if k_major[1] else 'row'}>")
    return (
        dialect("nvvm")
        .WgmmaMmaAsyncOp(
            sums.type,
            sums,
            left,
            right,
            parse(f"#nvvm.shape<m = 64, n = {columns}, k = 16>"),
            kind,
            kind,
            parse("#nvvm.wgmma_type<f32>"),
            parse("#nvvm.wgmma_scale_out<one>"),
            one,
            one,
            layout_a,
            layout_b,
        )
        .result
    )


def _pointer(address: Any, type_: str) -> Any:
    i64 = mlir.IntegerType.get_signless(64)
    return dialect("llvm").IntToPtrOp(mlir.Type.parse(type_), index.cast(address, i64)).result


def _i32(value: int) -> Any:
    return dialect("arith").ConstantOp(mlir.IntegerType.get_signless(32), value).result
