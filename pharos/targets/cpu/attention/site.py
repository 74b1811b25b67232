"""What a kernel function sees of an attention: its operands and outside values as parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionOperand, AttentionSite
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import DYNAMIC
from pharos.targets.cpu.attention.parameters import Tiles
from pharos.targets.cpu.attention.vectors import maximum
from pharos.targets.cpu.kernels import LONG, is_flat


@dataclass(frozen=True)
class Plan:
    """All decisions for one attention."""

    site: AttentionSite
    tiles: Tiles

    @property
    def values(self) -> tuple[Any, ...]:
        """The outside values that kernel functions need, the operation's operands first."""
        operands = tuple(self.site.operation.operands)
        return tuple(dict.fromkeys((*operands, *self.site.score.outside)))


@dataclass(frozen=True)
class Place:
    """An operand as one row of memory: ``flat[start + sum(steps[loop] * i[loop])]``."""

    flat: Any
    start: Any
    steps: Mapping[int, Any]

    @property
    def element(self) -> Any:
        """The element type."""
        return mlir.MemRefType(self.flat.type).element_type

    def step(self, loop: int) -> Any:
        """Elements from one step of ``loop`` to the next."""
        return self.steps.get(loop, index.constant(0))


class Inside:
    """``plan`` at the insertion point; ``values`` stand for the plan's."""

    def __init__(self, plan: Plan, values: Sequence[Any]) -> None:
        self.plan, self.site, self.tiles = plan, plan.site, plan.tiles
        self.known = dict(zip(plan.values, values, strict=True))
        buffers = {o.number: self.known[o.buffer] for o in self.site.operands}
        self.counts = [self._count(loop, buffers) for loop in range(len(self.site.sizes))]
        self.places = {o.number: place(o, buffers[o.number]) for o in self.site.operands}

    def _count(self, loop: int, buffers: Mapping[int, Any]) -> Any:
        known = self.site.sizes[loop]
        if known is not None:
            return index.constant(known)
        shown = next(o for o in self.site.operands if o.uses(loop))
        position = index.constant(shown.loops.index(loop))
        return dialect("memref").dim(buffers[shown.number], position)

    def depth(self, loop: int) -> int:
        """The size of ``loop``, a head size: it is known, the stage sees to that."""
        size = self.site.sizes[loop]
        if size is None:
            raise ValueError(f"the size of loop {loop} is known only at run time")
        return size

    def total(self, loops: Sequence[int]) -> Any:
        """The product of the trip counts of ``loops``."""
        product = index.constant(1)
        for loop in loops:
            product = index.mul(product, self.counts[loop])
        return product

    def digits(self, flat: Any, loops: Sequence[int]) -> dict[int, Any]:
        """The number of each of ``loops``, the last fastest, for the flat number ``flat``."""
        arith, found = dialect("arith"), {}
        for depth in reversed(range(len(loops))):
            loop = loops[depth]
            if index.known(self.counts[loop]) == 1:
                found[loop] = index.constant(0)
            elif depth == 0:
                found[loop] = flat
            else:
                found[loop] = arith.remui(flat, self.counts[loop])
                flat = arith.divui(flat, self.counts[loop])
        return found

    def origin(self, operand: AttentionOperand, numbers: Mapping[int, Any]) -> Any:
        """The offset of ``operand`` where the loops have these ``numbers``, others 0."""
        place_ = self.places[operand.number]
        offset = place_.start
        for loop, number in numbers.items():
            offset = index.add(offset, index.mul(place_.step(loop), number))
        return offset

    def first_key(self, row: Any) -> Any:
        """The first key that query ``row`` sees, 0 to the number of keys."""
        causal, window = self.site.causal, self.site.window
        if causal is None or window is None:
            return index.constant(0)
        return self._clamped(index.add(row, index.constant(causal - window + 1)))

    def end_key(self, row: Any) -> Any:
        """One more than the last key that query ``row`` sees, 0 to the number of keys."""
        if self.site.causal is None:
            return self.counts[self.site.n]
        return self._clamped(index.add(row, index.constant(self.site.causal + 1)))

    def _clamped(self, key: Any) -> Any:
        return index.minimum(maximum(key, index.constant(0)), self.counts[self.site.n])


def place(operand: AttentionOperand, buffer: Any) -> Place:
    """``buffer``, which stands for ``operand``, at the insertion point."""
    strides, offset = operand.type.get_strides_and_offset()
    if is_flat(buffer.type):
        steps = dict(zip(operand.loops, map(index.constant, strides), strict=True))
        return Place(buffer, index.constant(offset), steps)
    results = list(dialect("memref").ExtractStridedMetadataOp(buffer).operation.results)
    rank = len(strides)
    steps = {
        loop: index.constant(stride) if stride != DYNAMIC else results[2 + rank + d]
        for d, (loop, stride) in enumerate(zip(operand.loops, strides, strict=True))
    }
    layout = mlir.StridedLayoutAttr.get(offset, [1])
    type_ = mlir.MemRefType(buffer.type)
    flat = mlir.MemRefType.get([LONG], type_.element_type, layout, type_.memory_space)
    offsets = [results[1]] if offset == DYNAMIC else []
    cast = dialect("memref").ReinterpretCastOp
    row = cast(flat, results[0], offsets, [], [], [offset], [LONG], [1]).result
    return Place(row, index.constant(0), steps)
