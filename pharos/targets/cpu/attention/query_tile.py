"""One tile of query rows, which are on lanes, with one tile of keys.

scores, weights, weighted sums      // maximum and sum of each row go on from tile to tile
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.extras import Extras
from pharos.targets.cpu.attention.products import Products
from pharos.targets.cpu.attention.scores import Rows, Scores
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.vectors import LOWEST, Vectors, maximum, round_up
from pharos.targets.cpu.contractions.site import allocate


@dataclass(frozen=True)
class Item:
    """A block of query rows: the numbers of its batch, the first row, how many rows there are from
    there on, and where extras start in the batch."""

    numbers: Mapping[int, Any]
    row: Any
    left: Any
    extras: Mapping[int, Any]


@dataclass(frozen=True)
class Keys:
    """Keys of a tile from ``first`` on, and their values, as rows that products want."""

    first: Any
    keys: Rows
    values: Rows


class QueryTile:
    """Writes what is done with the rows of a tile: ``group`` is its number in a block."""

    def __init__(self, inside: Inside, vectors: Vectors, products: Products) -> None:
        self.inside, self.site, self.tiles = inside, inside.site, inside.tiles
        self.vectors, self.products = vectors, products
        self.value_depth = inside.depth(self.site.dv)
        self.out_rows = round_up(self.value_depth, vectors.width)
        self.extras = Extras(inside, vectors)
        groups = self.tiles.groups
        self.queries = products.query_buffer(groups)
        self.out = self._buffer(groups * self.out_rows)
        self.state = self._buffer(groups * 2)
        self.scores = self._buffer(self.tiles.key_tile)
        own = [self.queries, self.out, self.state, self.scores]
        self.buffers = [*own, *self.extras.buffers.values()]

    def _buffer(self, rows: int) -> Any:
        return allocate(mlir.F32Type.get(), index.constant(rows * self.tiles.query_tile))

    def rows_of(self, item: Item, group: Any) -> tuple[Any, Any]:
        """The first row of ``group``, and how many of its rows exist."""
        inside = index.mul(group, index.constant(self.tiles.query_tile))
        left = index.sub(item.left, inside)
        lanes = index.minimum(left, index.constant(self.tiles.query_tile))
        return index.add(item.row, inside), lanes

    def results(self, group: Any) -> tuple[Rows, Rows]:
        """The weighted sums of ``group``, and the maximum and the sum of each row."""
        return self._of(self.out, group, self.out_rows), self._of(self.state, group, 2)

    def _of(self, buffer: Any, group: Any, rows: int) -> Rows:
        """The part of ``buffer`` that belongs to ``group``: ``rows`` rows of a tile."""
        tile = self.tiles.query_tile
        return Rows(buffer, index.mul(group, index.constant(rows * tile)), tile)

    def start(self, item: Item, group: Any) -> None:
        """Stage the queries of ``group``; nothing is summed yet."""
        site, vectors = self.site, self.vectors
        row, lanes = self.rows_of(item, group)
        base = self.inside.origin(site.q, {**item.numbers, site.m: row})
        queries = self._of(self.queries, group, self.products.query_rows)
        self.products.stage_queries(base, lanes, queries)
        out, state = self.results(group)
        for v in range(self.tiles.vectors):
            lane = index.constant(v * self.tiles.width)
            most, total = (state.at(index.constant(i), lane) for i in (0, 1))
            vectors.store(vectors.number(LOWEST), self.state, most)
            vectors.store(vectors.number(0.0), self.state, total)

        def clear(column: Any, _: list[Any]) -> list[Any]:
            for v in range(self.tiles.vectors):
                at = out.at(column, index.constant(v * self.tiles.width))
                vectors.store(vectors.number(0.0), self.out, at)
            return []

        index.loop(index.constant(0), index.constant(self.value_depth), 1, [], clear)

    def write(self, item: Item, group: Any, keys: Keys, bounds: tuple[Any, Any]) -> None:
        """Rows of ``group`` with the keys within ``bounds``, which count from the tile's first."""
        vectors, tiles = self.vectors, self.tiles
        out, state = self.results(group)
        places = [
            [state.at(index.constant(i), index.constant(v * tiles.width)) for i in (0, 1)]
            for v in range(tiles.vectors)
        ]
        before = [vectors.load(self.state, most) for most, _ in places]
        totals = [vectors.load(self.state, total) for _, total in places]
        scores = Rows(self.scores, index.constant(0), tiles.query_tile)
        largest = self._scores(item, group, keys, bounds, scores, before)
        subtract, multiply = vectors.f32.arith.subf, vectors.f32.arith.mulf
        scales = [vectors.weight(subtract(a, b)) for a, b in zip(before, largest, strict=True)]
        totals = [multiply(total, scale) for total, scale in zip(totals, scales, strict=True)]
        totals = self.products.weigh(scores, bounds, largest, totals)
        self.products.add_values(scores, keys.values, out, bounds, scales)
        for (most, total), new, sum_ in zip(places, largest, totals, strict=True):
            vectors.store(new, self.state, most)
            vectors.store(sum_, self.state, total)

    def _scores(
        self, item: Item, group: Any, keys: Keys, bounds: tuple[Any, Any], scores: Rows,
        largest: list[Any],
    ) -> list[Any]:  # fmt: skip
        """The scores of the keys within ``bounds``, and the largest of them and of ``largest``."""
        row, lanes = self.rows_of(item, group)
        self.extras.stage_rows(item.extras, row, lanes)
        self.extras.stage_tile(item.extras, row, lanes, keys.first, bounds)
        queries = self._of(self.queries, group, self.products.query_rows)
        sums = self.products.sums(queries, keys.keys, scores, bounds)
        writer = Scores(self.vectors, sums, scores)
        numbers = [
            self.vectors.steps(index.add(row, index.constant(v * self.tiles.width)))
            for v in range(self.tiles.vectors if self.site.m in self.site.score.places else 0)
        ]

        def score(open_: bool) -> Any:
            return lambda sums, key, v: self._score(item, numbers, keys.first, sums, key, v, open_)

        (low, high), rows = bounds, self.tiles.key_rows
        if self.site.causal is not None and self.site.window is None:
            # Up to here, the first row and so all others see every key.
            middle = index.sub(self.inside.end_key(row), keys.first)
            middle = maximum(low, index.minimum(middle, high))
            low, largest = writer.write(low, middle, rows, largest, score(True))
        low, largest = writer.write(low, high, rows, largest, score(False))
        return writer.write(low, high, 1, largest, score(False))[1]

    def _score(
        self, item: Item, numbers: list[Any], first: Any, sums: Any, key: Any, v: int, open_: bool
    ) -> Any:
        """The score of vector ``v``; where it is ``open_``, every row sees every key."""
        site = self.site

        def place(loop: int) -> Any:
            if loop == site.m:
                return numbers[v]
            return index.add(first, key) if loop == site.n else item.numbers[loop]

        def extra(number: int) -> Any:
            return self.extras.value(number, item.extras, key, first, v)

        return site.score.emit(
            sums,
            place,
            extra,
            outside=lambda value: self.inside.known[value],
            scaled=self.products.queries_scaled,
            band=(site.causal, site.window) if open_ else None,
        )
