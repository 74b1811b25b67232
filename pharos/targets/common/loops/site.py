"""A kernel in place of nests: what it is passed, and what it may assume of that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.gpu.kernels import Kernel, launched, workgroup_type
from pharos.targets.common.loops.body import captured, constants
from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.loops.numbers import Numbers
from pharos.targets.common.nests.memory import root
from pharos.targets.common.nests.nest import Nest
from pharos.targets.common.nests.sharing import may_share

# Views that keep the elements' type and count offsets from the same start.
_SAME_START = frozenset(
    {
        "memref.cast",
        "memref.collapse_shape",
        "memref.expand_shape",
        "memref.subview",
        "memref.transpose",
    }
)
# Devices hand out memory at multiples of at least this.
ALIGNMENT = 16


@dataclass(frozen=True)
class Inside:
    """Inside a kernel: what stands for ``values`` from outside, and the workgroup buffers."""

    values: dict[Any, Any]
    workgroup: tuple[Any, ...]

    def buffers(self, found: Flat) -> list[Any]:
        """What stands for the operands of ``found``; None for those that were not passed."""
        operands = found.nest.operation.operands
        passed = {r.number: passed_for(found, r) for r in found.reaches}
        return [self.values.get(passed.get(n, v)) for n, v in enumerate(operands)]


def passed_for(found: Flat, reach: Reach) -> Any:
    """The array to pass so that ``reach`` can be had: where offsets allow, what it is a view of."""
    value = found.nest.operation.operands[reach.number]
    if reach.odd or reach.offset is None:
        return value
    while not isinstance(value.owner, mlir.Block) and value.owner.name in _SAME_START:
        value = value.owner.operands[0]
    return value


@contextmanager
def kernel_for(
    founds: Sequence[Flat],
    hint: str,
    *,
    grid: int,
    block: int,
    scratch: Iterable[tuple[int, Any]] = (),
    hidden: Collection[Any] = (),
    extra: Sequence[Any] = (),
    extra_written: bool = False,
) -> Iterator[Inside]:
    """Write one kernel for ``founds``, launched before the last of their operations.

    ``scratch`` are counts and element types of workgroup buffers; operands whose memory is in
    ``hidden`` are not passed; ``extra`` are passed beside the operands, to be written or read.
    """
    nests = [found.nest for found in founds]
    passed = list(dict.fromkeys([*_passed(founds, hidden), *extra]))
    written = {root(passed_for(f, w)) for f in founds for w in f.writes}
    written.update(extra if extra_written else ())
    with launched(
        nests[-1].operation,
        hint,
        passed,
        grid=[grid],
        block=[block],
        workgroup=[workgroup_type([count], element) for count, element in scratch],
    ) as kernel:
        values = dict(zip(passed, kernel.arguments, strict=True))
        _copy_constants(values, nests)
        yield Inside(values, kernel.workgroup)
    _promise(kernel, passed, written)


def _passed(founds: Sequence[Flat], hidden: Collection[Any]) -> list[Any]:
    """The arrays that kernels for ``founds`` reach, and what their bodies use from outside."""
    reached = [passed_for(f, r) for f in founds for r in f.reaches]
    arrays = [value for value in reached if root(value) not in hidden]
    return [*arrays, *(value for f in founds for value in captured(f.nest))]


def _copy_constants(values: dict[Any, Any], nests: Iterable[Nest]) -> None:
    for nest in nests:
        for value in constants(nest):
            if value not in values:
                values[value] = value.owner.clone().results[0]


def _promise(kernel: Kernel, passed: Sequence[Any], written: Collection[Any]) -> None:
    """Tell the code generator which arguments are aligned, share memory with no other, are not
    written: that decides whether loads are wide, reordered and cached as constant."""
    arrays = [value for value in passed if _is_array(value)]
    arguments = list(kernel.function.regions[0].blocks[0].arguments)
    promises: list[dict[str, Any]] = [{} for _ in mlir.FunctionType(_type_of(kernel)).inputs]
    for outer, inner in zip(passed, kernel.arguments, strict=True):
        if not _is_array(outer) or inner not in arguments:
            continue
        found = promises[arguments.index(inner)]
        i64 = mlir.IntegerType.get_signless(64)
        found["llvm.align"] = mlir.IntegerAttr.get(i64, ALIGNMENT)
        if sum(may_share(outer, other) for other in arrays) == 1:
            found["llvm.noalias"] = mlir.UnitAttr.get()
        if not any(may_share(outer, other) for other in written):
            found["llvm.readonly"] = mlir.UnitAttr.get()
    attributes = mlir.ArrayAttr.get([mlir.DictAttr.get(found) for found in promises])
    kernel.function.attributes["arg_attrs"] = attributes


def _type_of(kernel: Kernel) -> Any:
    return mlir.TypeAttr(kernel.function.attributes["function_type"]).value


def _is_array(value: Any) -> bool:
    return isinstance(value.type, mlir.MemRefType)


def numbers_for(founds: Iterable[Flat], workers: int) -> Numbers:
    """Arithmetic wide enough for every count and every place of ``founds``, and ``workers``."""
    most = 1
    for found in founds:
        places = [_end(r) for r in found.reaches]
        most = max([most, *places, found.count(range(len(found.loops)))])
    return Numbers(most + 2 * workers)


def _end(reach: Reach) -> int:
    kind = reach.access.type
    strides, offset = kind.get_strides_and_offset()
    return int(sum(n * s for n, s in zip(kind.shape, strides, strict=True)) + max(0, offset))
