"""Elementwise nests that read across memory what they write along it: tiles in workgroup memory.

    y[j, i] = x[i, j]

    a block has a square of i and j: neighbours read neighbours of x into the tile, and after a
    barrier, the tile turned over, write neighbours of y

Rows of the tile are longer by one bank than the tile is wide, so that neither direction has two
work-items of a subgroup at one bank (banks are 4 bytes wide).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.loops.body import Body, start_of
from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.loops.meeting import barrier
from pharos.targets.common.loops.memory import Memory
from pharos.targets.common.loops.numbers import Number, Numbers, both, when

BANK = 4


@dataclass(frozen=True)
class Tiles:
    """Squares of ``size`` by ``size`` of the loops ``across`` (along which the inputs numbered
    ``turned`` are contiguous) and ``along`` (the results are), by blocks of ``block`` work-items of
    which ``lanes`` stand side by side."""

    across: int
    along: int
    turned: tuple[int, ...]
    size: int
    lanes: int
    block: int

    def counts(self, found: Flat) -> list[int]:
        """Tiles along ``across`` and ``along``."""
        return [-(-found.loops[n].size // self.size) for n in (self.across, self.along)]

    def grid(self, found: Flat) -> int:
        """Blocks in all."""
        across, along = self.counts(found)
        return found.count(self.others(found)) * across * along

    def others(self, found: Flat) -> list[int]:
        """The loops that tiles do not run along."""
        return [n for n in found.parallel if n not in (self.across, self.along)]


def pitch(reach: Reach, size: int) -> int:
    """Elements from one row of a tile to the next."""
    return size + max(1, BANK // reach.bytes)


def scratch_of(found: Flat, plan: Tiles) -> list[tuple[int, Any]]:
    """Elements and element types of the tiles."""
    reads = [r for r in found.reads if r is not None and r.number in plan.turned]
    return [(plan.size * pitch(r, plan.size), r.element) for r in reads]


@dataclass
class TileWriter:
    """Writes the kernel for ``found`` at the insertion point; see ``PartWriter`` for the fields."""

    found: Flat
    plan: Tiles
    buffers: Sequence[Any]
    outside: dict[Any, Any]
    scratch: Sequence[Any]
    numbers: Numbers

    def write(self) -> None:
        """The whole kernel."""
        found, plan, numbers, gpu = self.found, self.plan, self.numbers, dialect("gpu")
        self.memory = Memory(found, self.buffers, numbers)
        self.memory.prepare()
        self.tiles = dict(zip(plan.turned, self.scratch, strict=True))
        thread = numbers.of(gpu.thread_id(gpu.Dimension.x))
        block = numbers.of(gpu.block_id(gpu.Dimension.x)) if plan.grid(found) > 1 else 0
        others = plan.others(found)
        sizes = [*(found.loops[n].size for n in others), *plan.counts(found)]
        *outer, across, along = numbers.digits(block, sizes)
        self.at: list[Number] = [0] * len(found.loops)
        for n, digit in zip(others, outer, strict=True):
            self.at[n] = digit
        self.first = (numbers.mul(across, plan.size), numbers.mul(along, plan.size))
        self.lane = numbers.rem(thread, plan.lanes)
        self.row = numbers.div(thread, plan.lanes)
        for reach in found.reads:
            if reach is not None and reach.number in plan.turned:
                self._each_place(plan.across, plan.along, self._filler(reach))
        barrier()
        self._each_place(plan.along, plan.across, self._compute)

    def _each_place(
        self, fast: int, slow: int, body: Callable[[list[Number], Number, Number], None]
    ) -> None:
        """``body(iteration, place along fast, place along slow)`` for the places of the tile,
        neighbouring work-items side by side along the loop ``fast``."""
        plan, numbers = self.plan, self.numbers
        rows = plan.block // plan.lanes
        start = dict(zip((plan.across, plan.along), self.first, strict=True))

        def place(inner: Number, outer: Number) -> None:
            at = list(self.at)
            at[fast] = numbers.add(start[fast], inner)
            at[slow] = numbers.add(start[slow], outer)
            when(both(self._inside(fast, at), self._inside(slow, at)),
                 lambda: body(at, inner, outer))  # fmt: skip

        for down in range(0, plan.size, rows):
            for right in range(0, plan.size, plan.lanes):
                place(numbers.add(self.lane, right), numbers.add(self.row, down))

    def _inside(self, loop: int, at: Sequence[Number]) -> Any:
        size = self.found.loops[loop].size
        return None if size % self.plan.size == 0 else self.numbers.below(at[loop], size)

    def _filler(self, reach: Reach) -> Callable[[list[Number], Number, Number], None]:
        def fill(at: list[Number], inner: Number, outer: Number) -> None:
            value = self.memory.load(reach, at)
            place = self._place(reach, outer, inner)
            dialect("memref").store(value, self.tiles[reach.number], [place])

        return fill

    def _place(self, reach: Reach, row: Number, column: Number) -> Any:
        numbers = self.numbers
        return numbers.index(numbers.add(numbers.mul(row, pitch(reach, self.plan.size)), column))

    def _compute(self, at: list[Number], inner: Number, outer: Number) -> None:
        found, memory = self.found, self.memory
        inputs = []
        for reach in found.reads:
            if reach is not None and reach.number in self.tiles:
                place = self._place(reach, inner, outer)
                inputs.append(dialect("memref").load(self.tiles[reach.number], [place]))
            else:
                inputs.append(reach and memory.load(reach, at))
        old = [self._before(n, at) for n in range(len(found.writes))]
        body = Body(found.nest, self.outside)
        built = body.build([*inputs, *old], lambda d: self._count(d, at))
        for write, value in zip(found.writes, body.yields(built), strict=True):
            memory.store(write, at, value)

    def _before(self, number: int, at: Sequence[Number]) -> Any:
        """What an output is before, None where the body does not ask."""
        write = self.found.writes[number]
        if number not in self.found.before:
            return None
        start = start_of(self.found.nest, write.number, self.outside)
        return self.memory.load(write, at) if start is None else start

    def _count(self, dim: int, at: Sequence[Number]) -> Any:
        for n, loop in enumerate(self.found.loops):
            if dim in loop.dims:
                return self.numbers.index(at[n])
        return self.numbers.index(0)
