"""From loops to memory: operands as flat buffers, and offsets for the loops of a role.

Everything linear in the loops stays arithmetic. Where several loops of a role do not lie evenly
in memory (output row and column of a convolution), a table holds the offset of each flat index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Operand, is_known
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import DYNAMIC
from pharos.targets.cpu.kernels import LONG, is_flat


@dataclass(frozen=True)
class Place:
    """An operand inside a function: ``flat[start + sum(steps[loop] * i[loop])]``."""

    flat: Any
    start: Any
    steps: dict[int, Any]

    @property
    def element(self) -> Any:
        return mlir.MemRefType(self.flat.type).element_type


@dataclass(frozen=True)
class Even:
    """Offsets ``step * i``."""

    step: Any

    def at(self, i: Any) -> Any:
        """The offset of flat index ``i``."""
        return index.mul(self.step, i)

    @property
    def unit(self) -> bool:
        """Whether neighbours are neighbours in memory."""
        return index.known(self.step) == 1

    @property
    def still(self) -> bool:
        """Whether all indices reach the same element."""
        return index.known(self.step) == 0


@dataclass(frozen=True)
class Listed:
    """Offsets from a table, padded with zeros to a whole number of vectors."""

    table: Any
    unit = False
    still = False

    def at(self, i: Any) -> Any:
        """The offset of flat index ``i``."""
        return index.cast(dialect("memref").load(self.table, [i]))


def place(operand: Operand, buffer: Any) -> Place:
    """``buffer``, which stands for ``operand``, at the insertion point."""
    if is_flat(buffer.type):
        strides, offset = operand.type.get_strides_and_offset()
        return _steps(buffer, operand, list(map(index.constant, strides)), index.constant(offset))
    type_ = mlir.MemRefType(buffer.type)
    rank = len(type_.shape)
    strides, offset = type_.get_strides_and_offset()
    meta = dialect("memref").ExtractStridedMetadataOp(buffer)
    results = list(meta.operation.results)
    at = [
        index.constant(s) if is_known(s) else results[2 + rank + r] for r, s in enumerate(strides)
    ]
    flat = _flat(results[0], offset, results[1], type_)
    return _steps(flat, operand, at, index.constant(0))


def _steps(flat: Any, operand: Operand, at: Sequence[Any], start: Any) -> Place:
    """``operand`` in ``flat``, its dimensions ``at`` so many elements from each other."""
    steps: dict[int, Any] = {}
    for stride, factor, constant in zip(at, operand.factors, operand.starts, strict=True):
        start = index.add(start, index.mul(stride, index.constant(constant)))
        for loop, times in factor.items():
            step = index.mul(stride, index.constant(times))
            steps[loop] = index.add(steps[loop], step) if loop in steps else step
    return Place(flat, start, steps)


def _flat(base: Any, offset: int, dynamic_offset: Any, type_: Any) -> Any:
    """The memory behind ``base`` as one long row."""
    layout = mlir.StridedLayoutAttr.get(offset, [1])
    flat = mlir.MemRefType.get([DYNAMIC], type_.element_type, layout, type_.memory_space)
    offsets = [] if is_known(offset) else [dynamic_offset]
    return (
        dialect("memref")
        .ReinterpretCastOp(
            flat, base, offsets, [index.constant(LONG)], [], [offset], [DYNAMIC], [1]
        )
        .result
    )


def evenly(operand: Operand, loops: Sequence[int], sizes: Sequence[int | None]) -> bool:
    """Whether the flat index over ``loops`` (the last fastest) moves ``operand`` evenly."""
    steps = operand.steps()
    moving = [steps.get(loop, 0) for loop in loops]
    for k in range(len(loops) - 1):
        outer, inner, size = moving[k], moving[k + 1], sizes[loops[k + 1]]
        if outer == 0 and inner == 0:
            continue
        if outer is None or inner is None or size is None or outer != inner * size:
            return False
    return True


def even_offsets(place_: Place, loops: Sequence[int]) -> Even:
    """Offsets over ``loops`` of a place for which ``evenly`` holds."""
    return Even(place_.steps.get(loops[-1], index.constant(0)) if loops else index.constant(0))


def narrow(operand: Operand, sizes: Sequence[int | None]) -> bool:
    """Whether every offset fits 32 bits."""
    reach = 0
    for loop, step in operand.steps().items():
        size = sizes[loop]
        if step is None or size is None:
            return False
        reach += abs(step) * size
    return reach < 2**31


def write_table(place_: Place, loops: Sequence[int], counts: Sequence[Any], table: Any) -> None:
    """Write the offset of every flat index over ``loops`` into ``table``, at the insertion point.

    ``counts`` are the trip counts of ``loops``.
    """
    memref = dialect("memref")
    element = mlir.MemRefType(table.type).element_type

    def level(depth: int, position: Any, offset: Any) -> None:
        if depth == len(loops):
            memref.store(index.cast(offset, element), table, [position])
            return
        step = place_.steps.get(loops[depth], index.constant(0))

        def body(i: Any, _: list[Any]) -> list[Any]:
            inner = index.add(index.mul(position, counts[depth]), i)
            level(depth + 1, inner, index.add(offset, index.mul(step, i)))
            return []

        index.loop(index.constant(0), counts[depth], 1, [], body)

    level(0, index.constant(0), index.constant(0))


def batch_offset(place_: Place, loops: Sequence[int], counts: Sequence[Any], flat: Any) -> Any:
    """Where ``place_`` starts for flat batch index ``flat`` over ``loops``."""
    arith = dialect("arith")
    offset = place_.start
    for depth in reversed(range(len(loops))):
        digit = flat
        if depth:
            digit = arith.remui(flat, counts[depth])
            flat = arith.divui(flat, counts[depth])
        step = place_.steps.get(loops[depth], index.constant(0))
        offset = index.add(offset, index.mul(step, digit))
    return offset
