"""The kernel for few query rows, as in decoding: bound by reading keys and values once.

for each batch (heads that share keys are rows of one), for a split of its keys:
  for key_tile keys at a time, for each row: scores, weights, weighted sums
  out / sum of weights -> output; or out, maximum and sum of each split to ``merge``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.records import (
    finish_row,
    own_loops,
    partial_rows,
    record,
    row_loops,
)
from pharos.targets.cpu.attention.row_tile import Keys, Reader, Row, RowTile
from pharos.targets.cpu.attention.site import Inside, Place
from pharos.targets.cpu.attention.staging import Source, Target, masked_load, stage
from pharos.targets.cpu.attention.vectors import Vectors, round_up, widened
from pharos.targets.cpu.contractions.site import allocate, free

# Bytes of keys and of values that are asked for ahead; 4096 and less were slower.
_AHEAD = 8192


class RowLoops:
    """Writes the loops over work items ``low .. high``: batches, and splits of each."""

    def __init__(self, inside: Inside, low: Any, high: Any, partial: list[Any]) -> None:
        self.inside, self.site, self.tiles = inside, inside.site, inside.tiles
        self.low, self.high, self.partial = low, high, partial
        self.vectors = Vectors(self.tiles.width)
        self.records = partial[0] if partial else allocate(mlir.F32Type.get(), partial_rows(inside))
        self.tile = RowTile(inside, self.vectors, self.records)
        self.copies = {
            operand.number: self._copy(depth)
            for operand, depth in ((self.site.k, self.site.dk), (self.site.v, self.site.dv))
            if operand.stride(depth) != 1
        }

    def _copy(self, depth: int) -> Any:
        width = round_up(self.inside.depth(depth), self.tiles.width)
        return allocate(mlir.F32Type.get(), index.constant(self.tiles.key_tile * width))

    def write(self) -> None:
        """Write everything."""

        def item(number: Any, _: list[Any]) -> list[Any]:
            self._item(number)
            return []

        index.loop(self.low, self.high, 1, [], item)
        own = [] if self.partial else [self.records]
        free([*own, *self.tile.buffers, *self.copies.values()])

    def _item(self, number: Any) -> None:
        arith, splits = dialect("arith"), self.tiles.key_splits
        batch, part = number, index.constant(0)
        if splits > 1:
            batch = arith.divui(number, index.constant(splits))
            part = arith.remui(number, index.constant(splits))
        numbers = self.inside.digits(batch, own_loops(self.inside))
        base = index.constant(0)
        if self.partial:
            base = index.mul(number, partial_rows(self.inside))

        def tile(first: Any, _: list[Any]) -> list[Any]:
            keys = self._keys(numbers, first, high)
            self._rows(numbers, base, lambda row: self.tile.write(row, keys))
            return []

        self._rows(numbers, base, self.tile.start)
        low, high = self._bounds(part)
        index.loop(low, high, self.tiles.key_tile, [], tile)
        if not self.partial:
            self._rows(numbers, base, self._finish)

    def _rows(self, numbers: Mapping[int, Any], base: Any, write: Callable[[Row], None]) -> None:
        """``write`` for every row of an item; records begin at ``base``."""

        def body(number: Any, _: list[Any]) -> list[Any]:
            own = {**numbers, **self.inside.digits(number, row_loops(self.inside))}
            at = index.add(base, index.mul(number, index.constant(record(self.inside))))
            write(Row(number, own, at))
            return []

        count = self.inside.total(row_loops(self.inside))
        index.loop(index.constant(0), count, 1, [], body)

    def _finish(self, row: Row) -> None:
        finish_row(self.inside, self.vectors, self.records, row.record, row.numbers)

    def _bounds(self, part: Any) -> tuple[Any, Any]:
        """The keys that any row sees; those of a split, whole vectors but for the last."""
        low = self.inside.first_key(index.constant(0))
        last = index.sub(self.inside.counts[self.site.m], index.constant(1))
        high = self.inside.end_key(last)
        if self.tiles.key_splits == 1:
            return low, high
        size = index.ceil_div(index.sub(high, low), self.tiles.key_splits)
        size = index.ceil_div(size, self.tiles.width)
        size = index.mul(size, index.constant(self.tiles.width))
        first = index.minimum(index.add(low, index.mul(part, size)), high)
        return first, index.minimum(index.add(first, size), high)

    def _keys(self, numbers: Mapping[int, Any], first: Any, high: Any) -> Keys:
        """The tile of keys from ``first`` on, which ends at ``high`` at the latest."""
        count = index.minimum(index.sub(high, first), index.constant(self.tiles.key_tile))
        numbers = {**numbers, self.site.n: first}
        keys = self._reader(self.site.k, self.site.dk, numbers, count)
        values = self._reader(self.site.v, self.site.dv, numbers, count)
        return Keys(first, count, keys, values)

    def _reader(
        self, operand: AttentionOperand, depth: int, numbers: Mapping[int, Any], count: Any
    ) -> Reader:
        """Reads rows where they are, or from a copy where their numbers are no neighbours."""
        place, size = self.inside.places[operand.number], self.inside.depth(depth)
        origin = self.inside.origin(operand, numbers)
        step = place.step(self.site.n)
        if operand.number not in self.copies:
            return lambda row, column: self._read(
                place, index.add(origin, index.mul(row, step)), column, size
            )
        width = self.tiles.width
        buffer, wide = self.copies[operand.number], round_up(size, width)
        source = Source(place, origin, place.step(depth), step, index.constant(size))
        target = Target(buffer, index.constant(0), wide, wide // width, width)
        stage(source, target, index.constant(0), count)
        return lambda row, column: self.vectors.load(
            buffer, index.add(index.mul(row, index.constant(wide)), index.constant(column))
        )

    def _read(self, place: Place, row: Any, column: int, size: int) -> Any:
        """A vector from ``column`` on of the row at ``row``; the line that comes after is asked
        for, beyond the last one that is harmless."""
        at = index.add(row, index.constant(column))
        ahead = index.add(at, index.constant(_AHEAD * 8 // place.element.width))
        dialect("memref").prefetch(place.flat, [ahead], False, 3, True)
        if column + self.tiles.width <= size:
            return self.vectors.load(place.flat, at)
        mask = self.vectors.mask(index.constant(size - column))
        return widened(masked_load(place, at, mask, self.tiles.width))
