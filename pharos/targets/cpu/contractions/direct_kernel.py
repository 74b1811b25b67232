"""The loops of a direct convolution, around its microkernel.

for row of the result, for tile of the row, for panel of filters:    // or panels outside
  for taps of the other windows that reach the image, for channels:
    sums[p] += filters[tap] * image[p + tap]                         // taps of the row unrolled
  transpose the sums: a vector has neighbours in the result, not filters
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions import lanes as lane
from pharos.targets.cpu.contractions.direct import DirectPlan, TileKind, Window
from pharos.targets.cpu.contractions.direct_tile import Range, Tile
from pharos.targets.cpu.contractions.site import Site
from pharos.targets.cpu.contractions.store import Spot, Writer
from pharos.targets.cpu.contractions.transpose import transpose


class DirectLoops:
    """Writes the tiles of the rows and panels that a thread has, of one batch.

    ``filters`` has panels of all steps, one after the other.
    """

    def __init__(self, site: Site, plan: DirectPlan, batch: Any, filters: Any) -> None:
        self.site, self.plan, self.filters = site, plan, filters
        self.direct, self.tiles = plan.direct, plan.tiles
        self.lanes = plan.vectors * self.tiles.width
        self.steps = index.known(site.steps()) or 1
        self.image = site.place(self.direct.image)
        self.origin = site.origin(self.direct.image, batch)
        element = mlir.MemRefType.get([self.lanes * self.tiles.width], self.image.element)
        scratch = dialect("memref").alloca(element, [], [], alignment=64)
        self.writer = Writer(site, batch, scratch)
        self.ends = dict(self.writer.ends)

    def write(self, rows: tuple[Any, Any], filters: tuple[Any, Any]) -> None:
        """All tiles of these rows of the result for these filters."""

        def panels(body: Callable[[Any], None]) -> None:
            low, high = filters
            if index.known(low) == 0 and (index.known(high) or self.lanes + 1) <= self.lanes:
                body(index.constant(0))
            else:
                _loop(low, high, self.lanes, body)

        def each_row(body: Callable[[Any], None]) -> None:
            _loop(*rows, 1, body)

        if self.plan.rows_inside:
            panels(lambda f: each_row(lambda row: self._row(row, lambda body: body(f))))
        else:
            each_row(lambda row: self._row(row, panels))

    def _row(self, row: Any, panels: Callable[[Callable[[Any], None]], None]) -> None:
        """The tiles of one row of the result."""
        where = self._places(row)
        at, ranges = self.origin, list[Range]()
        for window, place in zip(self.direct.others, where, strict=True):
            at = index.add(at, index.mul(place, self.image.steps.get(window.out, _zero())))
            if window.tap is not None:
                ranges.append(_taps(window, place))
        self._move_ends(where)
        for kind in self.plan.kinds:

            def tile(x: Any, _: list[Any], kind: TileKind = kind) -> list[Any]:
                step = self.image.steps.get(self.direct.row.out, _zero())
                first = index.add(at, index.mul(x, step))
                panels(lambda f: self._tile(kind, first, ranges, f, x))
                return []

            if kind.count == 1:
                tile(index.constant(kind.at), [])
            else:
                end = index.constant(kind.at + kind.count * kind.pixels)
                index.loop(index.constant(kind.at), end, kind.pixels, [], tile)

    def _places(self, row: Any) -> list[Any]:
        """The loops of the other windows at flat number ``row``."""
        arith, found = dialect("arith"), list[Any]()
        for window in reversed(self.direct.others):
            size = index.constant(window.outs)
            found.append(
                arith.remui(row, size) if len(found) + 1 < len(self.direct.others) else row
            )
            row = arith.divui(row, size)
        return found[::-1]

    def _move_ends(self, where: Sequence[Any]) -> None:
        """Let the writer's operands begin at the row that is at ``where``."""
        for key, end in self.ends.items():
            origin = end.origin
            for window, place in zip(self.direct.others, where, strict=True):
                step = end.place.steps.get(window.out, _zero())
                origin = index.add(origin, index.mul(place, step))
            self.writer.ends[key] = replace(end, origin=origin)

    def _tile(
        self, kind: TileKind, pixels: Any, ranges: Sequence[Range], filters: Any, x: Any
    ) -> None:
        """One tile: ``pixels`` is where its first lies in the image."""
        panel = index.mul(filters, index.constant(self.steps))
        tile = Tile(self.plan, kind, (self.filters, panel), (self.image, pixels))
        each = -(-self.lanes // tile.turns)

        def ask(turn: Any) -> None:
            for row in range(each):
                self._ask(
                    index.add(index.mul(turn, index.constant(each)), index.constant(row)),
                    filters,
                    index.add(x, index.constant(kind.pixels - 1)),
                )

        self._store(kind, tile.multiply(ranges, ask), filters, x)

    def _ask(self, row: Any, filters: Any, x: Any) -> None:
        """Ask for where a result will be written: the last pixel of a filter's row of the tile.

        The first was in the line of the tile before.
        """
        end = self.writer.asked
        row = index.add(filters, index.minimum(row, index.constant(self.lanes - 1)))
        at = index.add(end.origin, index.add(end.rows.at(row), end.columns.at(x)))
        dialect("memref").prefetch(end.place.flat, [at], True, 3, True)

    def _store(self, kind: TileKind, sums: list[Any], filters: Any, x: Any) -> None:
        """The results of a tile, from ``filters`` and pixel ``x`` on."""
        width, vectors = self.tiles.width, self.plan.vectors
        nothing = lane.zeros(width, self.image.element)
        for first in range(0, kind.pixels, width):
            count = min(width, kind.pixels - first)
            mask = lane.mask(width, index.constant(count))
            column = index.add(x, index.constant(first))
            rows: list[Any] = []
            for v in range(vectors):
                square = [sums[(first + p) * vectors + v] for p in range(count)]
                rows += transpose(square + [nothing] * (width - count))
            self._rows(rows, filters, column, mask)

    def _rows(self, rows: list[Any], filters: Any, column: Any, mask: Any) -> None:
        """``rows[f]`` are neighbours in the result for filter ``filters + f``."""
        count = index.known(self.site.count("rows")) or 1
        if count % self.lanes == 0:
            for f, value in enumerate(rows):
                spot = Spot(index.add(filters, index.constant(f)), column, mask, {})
                self.writer.complete(value, spot, True, True)
            return
        width, vector = self.tiles.width, dialect("vector")
        scratch = self.writer.scratch
        for f, value in enumerate(rows):
            vector.store(value, scratch, [index.constant(f * width)])
        left = index.sub(index.constant(count), filters)

        def each(f: Any, _: list[Any]) -> list[Any]:
            type_ = lane.vector_of(width, self.image.element)
            value = vector.load(type_, scratch, [index.mul(f, index.constant(width))])
            spot = Spot(index.add(filters, f), column, mask, {})
            self.writer.complete(value, spot, True, True)
            return []

        end = index.minimum(left, index.constant(self.lanes))
        index.loop(index.constant(0), end, 1, [], each)


def _loop(low: Any, high: Any, step: int, body: Callable[[Any], None]) -> None:
    def turn(i: Any, _: list[Any]) -> list[Any]:
        body(i)
        return []

    index.loop(low, high, step, [], turn)


def _zero() -> Any:
    return index.constant(0)


def _taps(window: Window, place: Any) -> Range:
    """The taps of ``window`` that result ``place`` reaches."""
    low, high = index.constant(0), index.constant(window.taps)
    if window.whole:
        return low, high
    arith, d = dialect("arith"), window.dilation
    at = index.add(index.mul(place, index.constant(window.stride)), index.constant(window.start))
    missing = arith.maxsi(low, index.sub(low, at))
    left = arith.maxsi(low, index.sub(index.constant(window.size - 1 + d), at))
    return index.ceil_div(missing, d), index.minimum(high, _quotient(left, d))


def _quotient(value: Any, divisor: int) -> Any:
    return value if divisor == 1 else dialect("arith").divui(value, index.constant(divisor))
