"""From what a block has summed to memory: the result, or a part of it for the kernel that joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_block import Block
from pharos.targets.common.attention.gpu_copies import both, less, vector_of, when
from pharos.targets.common.attention.gpu_plan import AttentionPlan, stride
from pharos.targets.common.attention.gpu_rows import over_partners
from pharos.targets.common.contractions.unit import Sums
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import scalar

STATISTICS = 2  # of each row and split: its maximum and its total


@dataclass(frozen=True)
class Partial:
    """Where splits leave what they found: ``results`` (splits, batch x rows, dv), not yet divided,
    and ``statistics`` (splits, batch x rows, 2), both f32 and of one dimension."""

    results: Any
    statistics: Any


class Ending:
    """Stores what a subgroup has; ``part`` is None where it has seen all keys."""

    def __init__(self, plan: AttentionPlan, block: Block, part: Partial | None) -> None:
        self.plan, self.block, self.partial = plan, block, part
        self.layout = plan.layouts.values
        own = index.mul(block.subgroup, index.constant(plan.tiles.subgroup_rows))
        self.first = index.add(block.first_row, own)

    def write(
        self, totals: Sequence[Any], maxima: Sequence[Any], results: Sequence[Sequence[Sums]]
    ) -> None:
        """Totals and maxima by row of a lane, pieces of results by piece of rows."""
        totals = [over_partners(self.layout, "addf", total) for total in totals]
        slots = self.layout.slots
        for piece, row in enumerate(results):
            own = slice(piece * slots, (piece + 1) * slots)
            if self.partial is None:
                factors = [inverse(total, self.plan) for total in totals[own]]
                row = [self.layout.scaled(one, factors) for one in row]
            else:
                self._statistics(piece, maxima[own], totals[own])
            for column, sums in enumerate(row):
                self._piece(piece, column, sums)

    def _piece(self, piece: int, column: int, sums: Sums) -> None:
        unit = self.layout.unit
        runs = unit.runs(self.block.lane)
        for run, values in zip(runs, unit.values(sums), strict=True):
            row = index.add(run.row, index.constant(piece * unit.rows))
            at = index.add(run.column, index.constant(column * unit.columns))
            self._run(index.add(self.first, row), at, values)

    def _run(self, row: Any, column: Any, values: Sequence[Any]) -> None:
        """Neighbouring elements of a row, in one vector, or one by one."""
        length = len(values) if self._together() >= len(values) else 1
        for first in range(0, len(values), length):
            at = index.add(column, index.constant(first))
            own = values[first : first + length]
            inside = both(self._row_exists(row), self._column_exists(at))
            when(inside, partial(self._store, row, at, own))

    def _together(self) -> int:
        """Neighbours that are one vector in memory."""
        if self.partial is not None:
            return 1 if self.plan.sizes.dv % 4 else 4
        return vector_of(self.plan.site.out, self.plan.site.dv)

    def _row_exists(self, row: Any) -> Any | None:
        sizes = self.plan.sizes
        return less(row, sizes.rows) if sizes.rows % self.plan.tiles.query_rows else None

    def _column_exists(self, column: Any) -> Any | None:
        count, wide = self.plan.value_chunks
        return less(column, self.plan.sizes.dv) if count * wide > self.plan.sizes.dv else None

    def _store(self, row: Any, column: Any, values: Sequence[Any]) -> None:
        flat, at = self._place(row, column)
        element = mlir.MemRefType(flat.type).element_type
        if len(values) == 1:
            dialect("memref").store(narrowed(values[0], element), flat, [at])
            return
        type_ = mlir.VectorType.get([len(values)], values[0].type)
        vector = narrowed(dialect("vector").from_elements(type_, list(values)), element)
        size = len(values) * element.width // 8
        dialect("vector").store(vector, flat, [at], alignment=size)

    def _place(self, row: Any, column: Any) -> tuple[Any, Any]:
        if self.partial is not None:
            first = index.mul(self._partial_row(row), index.constant(self.plan.sizes.dv))
            return self.partial.results, index.add(first, column)
        out, site = self.plan.site.out, self.plan.site
        at = self.block.moved(self.block.origin(out), out, self.block.row(row))
        further = index.mul(column, index.constant(stride(out, site.dv)))
        return self.block.flat(out), index.add(at, further)

    # A part of the keys.

    def _partial_row(self, row: Any) -> Any:
        """The number of ``row`` of the block's batch among all of all splits."""
        sizes = self.plan.sizes
        batch = index.mul(self.block.number, index.constant(sizes.rows))
        split = index.mul(self.block.split, index.constant(sizes.batch * sizes.rows))
        return index.add(index.add(split, batch), row)

    def _statistics(self, piece: int, maxima: Sequence[Any], totals: Sequence[Any]) -> None:
        """Maximum and total of the rows of a piece, stored by one of the lanes that share them."""
        arith, unit = dialect("arith"), self.layout.unit
        bits = sum(self.layout.partners)
        own = arith.andi(self.block.lane, index.constant(bits))
        chosen = less(own, 1)
        for slot, row in enumerate(self.layout.rows(self.block.lane)):
            number = index.add(self.first, index.add(row, index.constant(piece * unit.rows)))
            inside = both(chosen, self._row_exists(number))
            when(inside, partial(self._note, number, (maxima[slot], totals[slot])))

    def _note(self, row: Any, values: Sequence[Any]) -> None:
        assert self.partial is not None
        first = index.mul(self._partial_row(row), index.constant(STATISTICS))
        for number, value in enumerate(values):
            at = index.add(first, index.constant(number))
            dialect("memref").store(value, self.partial.statistics, [at])


def inverse(total: Any, plan: AttentionPlan) -> Any:
    """1 / ``total``; for rows without a weight what makes zeros of the result, or NaN."""
    arith = dialect("arith")
    found = arith.divf(scalar(total.type, 1), total)
    if plan.site.empty_rows != "zero":
        return found
    zero = scalar(total.type, 0)
    empty = arith.cmpf(arith.CmpFPredicate.OEQ, total, zero)
    return arith.select(empty, zero, found)


def narrowed(value: Any, element: Any) -> Any:
    """``value`` (f32, or a vector of it) as ``element``."""
    lanes = isinstance(value.type, mlir.VectorType)
    type_ = mlir.VectorType.get(value.type.shape, element) if lanes else element
    return value if value.type == type_ else dialect("arith").truncf(type_, value)
