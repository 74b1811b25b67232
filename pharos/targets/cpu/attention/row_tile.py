"""One query row with a tile of keys, which are on lanes.

scores of as many keys as a vector has lanes: sums over d in lanes, then lanes are joined
weights; out[d] = out[d] * scale + sum over keys of weight[key] * v[key][d]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.attention.extras import KeyExtras
from pharos.targets.cpu.attention.records import is_less, load_state, row_loops, store_state
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.staging import Source, Target, stage
from pharos.targets.cpu.attention.vectors import LOWEST, Vectors, round_up
from pharos.targets.cpu.contractions.site import allocate

_TOGETHER = 8  # vectors of sums of values that are in registers
_UNROLL = 4

Reader = Callable[[Any, int], Any]
"""A vector of the row with that number in the tile, from that column on."""


@dataclass(frozen=True)
class Keys:
    """``count`` keys from ``first`` on, and their values."""

    first: Any
    count: Any
    keys: Reader
    values: Reader


@dataclass(frozen=True)
class Row:
    """A row: its number among those that see the same keys, those of the loops, its record."""

    number: Any
    numbers: Mapping[int, Any]
    record: Any


class RowTile:
    """Writes what is done with a row; ``records`` is where records are."""

    def __init__(self, inside: Inside, vectors: Vectors, records: Any) -> None:
        self.inside, self.site, self.tiles = inside, inside.site, inside.tiles
        self.vectors, self.records = vectors, records
        self.depth = inside.depth(self.site.dk)
        self.query = round_up(self.depth, vectors.width)
        self.width = round_up(inside.depth(self.site.dv), vectors.width)
        self.extras = KeyExtras(inside, vectors)
        f32, rows = mlir.F32Type.get(), inside.total(row_loops(inside))
        self.queries = allocate(f32, index.mul(rows, index.constant(self.query)))
        self.scores = allocate(f32, index.constant(self.tiles.key_tile))
        self.buffers = [self.queries, self.scores, *self.extras.buffers.values()]

    def start(self, row: Row) -> None:
        """The query as f32 times the factor of the score, and the record of a row without keys."""
        site, width, vectors = self.site, self.vectors.width, self.vectors
        place, zero = self.inside.places[site.q.number], index.constant(0)
        origin = self.inside.origin(site.q, row.numbers)
        source = Source(place, origin, place.step(site.dk), zero, index.constant(self.depth))
        base = index.mul(row.number, index.constant(self.query))
        target = Target(self.queries, base, self.query, self.query // width, width)
        stage(source, target, zero, index.constant(1), site.score.factor)
        for column in range(0, self.width, width):
            at = index.add(row.record, index.constant(column))
            vectors.store(vectors.number(0.0), self.records, at)
        f32, constant = mlir.F32Type.get(), dialect("arith").constant
        store_state(self.records, self._state(row), constant(f32, LOWEST), constant(f32, 0.0))

    def _state(self, row: Row) -> Any:
        return index.add(row.record, index.constant(self.width))

    def write(self, row: Row, keys: Keys) -> None:
        """``row`` with the keys of a tile."""
        vectors, arith = self.vectors, dialect("arith")
        before, total = load_state(self.records, self._state(row))
        largest = vectors.largest(self._scores(row, keys))
        largest = arith.select(is_less(before, largest), largest, before)
        spread = broadcast(largest, vectors.width)
        scale = vectors.weight(vectors.f32.arith.subf(broadcast(before, vectors.width), spread))
        total = arith.mulf(total, dialect("vector").extract(scale, [], [0]))
        total = arith.addf(total, vectors.total(self._weights(keys.count, spread)))
        store_state(self.records, self._state(row), largest, total)
        for column in range(0, self.width, _TOGETHER * vectors.width):
            self._values(row.record, column, keys.count, scale, keys.values)

    def _scores(self, row: Row, keys: Keys) -> Any:
        """Write the scores of the tile; the largest ones by lane."""
        vectors, width, arith = self.vectors, self.vectors.width, dialect("arith")
        self.extras.fetch(row.numbers, keys.first, keys.count)
        base = index.mul(row.number, index.constant(self.query))
        query = [
            vectors.load(self.queries, index.add(base, index.constant(column)))
            for column in range(0, self.query, width)
        ]
        last = index.sub(keys.count, index.constant(1))

        def several(key: Any, carried: list[Any]) -> list[Any]:
            parts = []
            for i in range(width):
                number = index.minimum(index.add(key, index.constant(i)), last)
                part = vectors.number(0.0)
                for c, q in enumerate(query):
                    part = vectors.fma(q, keys.keys(number, c * width), part)
                parts.append(part)
            score = broadcast(self._score(joined(parts), row, keys.first, key), width)
            inside = vectors.mask(index.sub(keys.count, key))
            score = arith.select(inside, score, vectors.number(float("-inf")))
            vectors.store(score, self.scores, key)
            return [vectors.maximum(carried[0], score)]

        lowest = [vectors.number(LOWEST)]
        return index.loop(index.constant(0), keys.count, width, lowest, several)[0]

    def _score(self, sums: Any, row: Row, first: Any, key: Any) -> Any:
        def place(loop: int) -> Any:
            if loop == self.site.n:
                return self.vectors.steps(index.add(first, key))
            return row.numbers[loop]

        return self.site.score.emit(
            sums,
            place,
            lambda number: self.extras.value(number, row.numbers, key),
            outside=lambda value: self.inside.known[value],
            scaled=True,
        )

    def _weights(self, count: Any, largest: Any) -> Any:
        """Turn the scores of the tile into weights; the sums of them by lane."""
        vectors, arith = self.vectors, dialect("arith")

        def several(key: Any, sums: list[Any]) -> list[Any]:
            score = vectors.load(self.scores, key)
            value = vectors.weight(arith.subf(score, largest))
            vectors.store(value, self.scores, key)
            return [arith.addf(sums[0], value)]

        zero = [vectors.number(0.0)]
        return index.loop(index.constant(0), count, self.tiles.width, zero, several)[0]

    def _values(self, at: Any, column: int, count: Any, scale: Any, values: Reader) -> None:
        """Columns from ``column`` on, those that are in registers together."""
        vectors, width = self.vectors, self.tiles.width
        columns = range(column, min(self.width, column + _TOGETHER * width), width)
        places = [index.add(at, index.constant(c)) for c in columns]
        sums = [
            vectors.f32.arith.mulf(vectors.load(self.records, place), scale) for place in places
        ]

        def one(key: Any, carried: list[Any]) -> list[Any]:
            weight = vectors.spread(self.scores, key)
            return [
                vectors.fma(weight, values(key, c), total)
                for c, total in zip(columns, carried, strict=True)
            ]

        def several(key: Any, carried: list[Any]) -> list[Any]:
            for u in range(_UNROLL):
                carried = one(index.add(key, index.constant(u)), carried)
            return carried

        middle = index.round_down(count, _UNROLL)
        sums = index.loop(index.constant(0), middle, _UNROLL, sums, several)
        sums = index.loop(middle, count, 1, sums, one)
        for place, total in zip(places, sums, strict=True):
            vectors.store(total, self.records, place)


def joined(parts: list[Any]) -> Any:
    """Lane i is the sum of the lanes of part i, for as many parts as there are lanes.

    At distance d, neighbours in the list share a vector: lanes without bit d hold sums of the
    first one, those with it of the second.
    """
    width = mlir.VectorType(parts[0].type).shape[0]
    distance, vector, arith = 1, dialect("vector"), dialect("arith")
    while distance < width:
        keep = [j + (width if j & distance else 0) for j in range(width)]
        other = [(j ^ distance) + (width if j & distance else 0) for j in range(width)]
        parts = [
            arith.addf(vector.shuffle(a, b, keep), vector.shuffle(a, b, other))
            for a, b in zip(parts[::2], parts[1::2], strict=True)
        ]
        distance *= 2
    return parts[0]
