"""The kernel for few query rows, as in decoding: bound by reading keys and values once.

    for each batch (heads that share keys are rows of one), for a split of its keys:
      for key_tile keys at a time, for each row:
        scores of as many keys as a vector has lanes: sums over d in lanes, then lanes are joined
        weights; out[d] = out[d] * scale + sum over keys of weight[key] * v[key][d]
      out / sum of weights -> output, or out, maximum and sum of each split to ``merge``

A record of a row is ``[out..., maximum, sum]``, in whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.attention.finish import normalized, store_row
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.staging import Source, Target, byte_or, masked_load, stage
from pharos.targets.cpu.attention.vectors import LOWEST, Vectors, round_up, widened
from pharos.targets.cpu.contractions.site import allocate, free

_TOGETHER = 8  # vectors of sums of values that are in registers
# Bytes of keys and of values that are asked for ahead; 4096 and less were slower.
_AHEAD = 8192
_UNROLL = 4


def own_loops(inside: Inside) -> tuple[int, ...]:
    """The batch loops that keys or values have."""
    site = inside.site
    return tuple(loop for loop in site.batch if site.k.uses(loop) or site.v.uses(loop))


def row_loops(inside: Inside) -> tuple[int, ...]:
    """The loops of rows that see the same keys."""
    own = own_loops(inside)
    return (*(loop for loop in inside.site.batch if loop not in own), inside.site.m)


def work_items(inside: Inside) -> Any:
    """How many batches there are that have keys of their own."""
    return inside.total(own_loops(inside))


def record(inside: Inside) -> int:
    """Elements of the record of a row."""
    depth = inside.depth(inside.site.dv)
    return round_up(depth, inside.tiles.width) + inside.tiles.width


def partial_rows(inside: Inside) -> Any:
    """Elements of the records of all rows of a work item."""
    return index.mul(inside.total(row_loops(inside)), index.constant(record(inside)))


class RowLoops:
    """Writes the loops over work items ``low .. high``: batches, and splits of each."""

    def __init__(self, inside: Inside, low: Any, high: Any, partial: list[Any]) -> None:
        self.inside, self.site, self.tiles = inside, inside.site, inside.tiles
        self.low, self.high, self.partial = low, high, partial
        self.vectors = Vectors(self.tiles.width)
        self.depth, self.value_depth = (inside.depth(loop) for loop in (self.site.dk, self.site.dv))
        self.widths = [round_up(d, self.tiles.width) for d in (self.depth, self.value_depth)]
        self.count = inside.total(row_loops(inside))
        self.queries = self._rows_buffer(self.widths[0])
        self.records = partial[0] if partial else self._rows_buffer(record(inside))
        self.scores = self._buffer(mlir.F32Type.get(), self.tiles.key_tile)
        self.copies = {
            o.number: self._buffer(mlir.F32Type.get(), self.tiles.key_tile * width)
            for o, width in zip((self.site.k, self.site.v), self.widths, strict=True)
            if o.stride(self.site.dk if o is self.site.k else self.site.dv) != 1
        }
        self.masks = {
            n: self._buffer(byte_or(self.site.extras[n].type.element_type), self.tiles.key_tile)
            for n in self.site.score.used
            if self.site.extras[n].uses(self.site.n)
        }

    def _buffer(self, element: Any, length: int) -> Any:
        return allocate(element, index.constant(length))

    def _rows_buffer(self, width: int) -> Any:
        return allocate(mlir.F32Type.get(), index.mul(self.count, index.constant(width)))

    def write(self) -> None:
        """Write everything."""

        def item(number: Any, _: list[Any]) -> list[Any]:
            self._item(number)
            return []

        index.loop(self.low, self.high, 1, [], item)
        own = [] if self.partial else [self.records]
        free([self.queries, self.scores, *own, *self.copies.values(), *self.masks.values()])

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
        zero, one = index.constant(0), index.constant(1)
        low = self.inside.first_key(zero)
        high = self.inside.end_key(index.sub(self.inside.counts[self.site.m], one))
        if splits > 1:
            low, high = self._part(low, high, part)

        def row(write: Callable[[Any, Mapping[int, Any], Any], None]) -> None:
            def body(r: Any, _: list[Any]) -> list[Any]:
                own = {**numbers, **self.inside.digits(r, row_loops(self.inside))}
                at = index.add(base, index.mul(r, index.constant(record(self.inside))))
                write(r, own, at)
                return []

            index.loop(zero, self.count, 1, [], body)

        def tile(first: Any, _: list[Any]) -> list[Any]:
            count = index.minimum(index.sub(high, first), index.constant(self.tiles.key_tile))
            keys = self._rows(self.site.k, self.site.dk, numbers, first, count)
            values = self._rows(self.site.v, self.site.dv, numbers, first, count)
            row(lambda r, own, at: self._row(r, own, at, first, count, keys, values))
            return []

        row(self._start)
        index.loop(low, high, self.tiles.key_tile, [], tile)
        if not self.partial:
            row(lambda r, own, at: finish_row(self.inside, self.vectors, self.records, at, own))

    def _part(self, low: Any, high: Any, part: Any) -> tuple[Any, Any]:
        """The keys of a split of ``low .. high``; whole vectors of them but at the end."""
        width = index.constant(self.tiles.width)
        size = index.ceil_div(index.sub(high, low), self.tiles.key_splits)
        size = index.mul(index.ceil_div(size, self.tiles.width), width)
        first = index.minimum(index.add(low, index.mul(part, size)), high)
        return first, index.minimum(index.add(first, size), high)

    def _start(self, r: Any, numbers: Mapping[int, Any], at: Any) -> None:
        """The query as f32 times the factor of the score, and the record of a row without keys."""
        site, width = self.site, self.tiles.width
        place, zero = self.inside.places[site.q.number], index.constant(0)
        origin = self.inside.origin(site.q, numbers)
        depth = index.constant(self.depth)
        source = Source(place, origin, place.step(site.dk), zero, depth)
        base = index.mul(r, index.constant(self.widths[0]))
        target = Target(self.queries, base, self.widths[0], self.widths[0] // width, width)
        stage(source, target, zero, index.constant(1), site.score.factor)
        for i in range(0, self.widths[1], width):
            self.vectors.store(
                self.vectors.number(0.0), self.records, index.add(at, index.constant(i))
            )
        most = dialect("arith").constant(mlir.F32Type.get(), LOWEST)
        total = dialect("arith").constant(mlir.F32Type.get(), 0.0)
        store_state(self.records, self._state(at), most, total)

    def _state(self, at: Any) -> Any:
        return index.add(at, index.constant(self.widths[1]))

    def _rows(
        self,
        operand: AttentionOperand,
        depth: int,
        numbers: Mapping[int, Any],
        first: Any,
        count: Any,
    ) -> Callable[[Any, int], Any]:
        """Reads a vector of a row of the tile: (row, first column)."""
        site, width = self.site, self.tiles.width
        place, size = self.inside.places[operand.number], self.inside.depth(depth)
        origin = self.inside.origin(operand, {**numbers, site.n: first})
        step = place.step(site.n)
        if operand.number in self.copies:
            buffer, wide = self.copies[operand.number], round_up(size, width)
            source = Source(place, origin, place.step(depth), step, index.constant(size))
            target = Target(buffer, index.constant(0), wide, wide // width, width)
            stage(source, target, index.constant(0), count)
            return lambda row, column: self.vectors.load(
                buffer, index.add(index.mul(row, index.constant(wide)), index.constant(column))
            )

        def read(row: Any, column: int) -> Any:
            at = index.add(origin, index.add(index.mul(row, step), index.constant(column)))
            self._ask(place, at)
            if column + width <= size:
                return self.vectors.load(place.flat, at)
            mask = self.vectors.mask(index.constant(size - column))
            return widened(masked_load(place, at, mask, width))

        return read

    def _ask(self, place: Any, at: Any) -> None:
        """Prefetch what comes after ``at``, where a line may begin; past the end is harmless."""
        ahead = _AHEAD * 8 // place.element.width
        dialect("memref").prefetch(
            place.flat, [index.add(at, index.constant(ahead))], False, 3, True
        )

    def _row(
        self, r: Any, numbers: Mapping[int, Any], at: Any, first: Any, count: Any,
        keys: Callable[[Any, int], Any], values: Callable[[Any, int], Any],
    ) -> None:  # fmt: skip
        """One row with the keys of a tile."""
        vectors, arith = self.vectors, dialect("arith")
        before, total = load_state(self.records, self._state(at))
        largest = vectors.largest(self._scores(r, numbers, first, count, keys))
        largest = arith.select(less(before, largest), largest, before)
        spread = broadcast(largest, vectors.width)
        scale = vectors.weight(vectors.f32.arith.subf(broadcast(before, vectors.width), spread))
        total = arith.mulf(total, dialect("vector").extract(scale, [], [0]))
        total = arith.addf(total, vectors.total(self._weights(count, spread)))
        store_state(self.records, self._state(at), largest, total)
        for column in range(0, self.widths[1], _TOGETHER * vectors.width):
            self._values(at, column, count, scale, values)

    def _scores(
        self, r: Any, numbers: Mapping[int, Any], first: Any, count: Any,
        keys: Callable[[Any, int], Any],
    ) -> Any:  # fmt: skip
        """Write the scores of the tile; the largest ones by lane."""
        vectors, width, arith = self.vectors, self.tiles.width, dialect("arith")
        self._fetch_masks(numbers, first, count)
        base = index.mul(r, index.constant(self.widths[0]))
        query = [
            vectors.load(self.queries, index.add(base, index.constant(i)))
            for i in range(0, self.widths[0], width)
        ]
        last = index.sub(count, index.constant(1))

        def several(key: Any, carried: list[Any]) -> list[Any]:
            parts = []
            for i in range(width):
                row = index.minimum(index.add(key, index.constant(i)), last)
                part = vectors.number(0.0)
                for c, q in enumerate(query):
                    part = vectors.fma(q, keys(row, c * width), part)
                parts.append(part)
            score = self._score(joined(parts), numbers, first, key)
            score = broadcast(score, width)
            inside = vectors.mask(index.sub(count, key))
            score = arith.select(inside, score, vectors.number(float("-inf")))
            vectors.store(score, self.scores, key)
            return [vectors.maximum(carried[0], score)]

        lowest = [vectors.number(LOWEST)]
        return index.loop(index.constant(0), count, width, lowest, several)[0]

    def _fetch_masks(self, numbers: Mapping[int, Any], first: Any, count: Any) -> None:
        site, width = self.site, self.tiles.width
        for n, buffer in self.masks.items():
            extra = site.extras[n]
            place = self.inside.places[extra.number]
            own = {loop: numbers[loop] for loop in extra.loops if loop != site.n}
            origin = self.inside.origin(extra, {**own, site.n: first})
            zero = index.constant(0)
            source = Source(place, origin, place.step(site.n), zero, count)
            size = self.tiles.key_tile
            target = Target(buffer, zero, size, size // width, width)
            stage(source, target, zero, index.constant(1))

    def _score(self, sums: Any, numbers: Mapping[int, Any], first: Any, key: Any) -> Any:
        site = self.site

        def place(loop: int) -> Any:
            return self.vectors.steps(index.add(first, key)) if loop == site.n else numbers[loop]

        def extra(number: int) -> Any:
            operand = site.extras[number]
            if number not in self.masks:
                own = {loop: numbers[loop] for loop in operand.loops}
                flat = self.inside.places[operand.number].flat
                return dialect("memref").load(flat, [self.inside.origin(operand, own)])
            buffer = self.masks[number]
            element = mlir.MemRefType(buffer.type).element_type
            type_ = mlir.VectorType.get([self.tiles.width], element)
            value = dialect("vector").load(type_, buffer, [key])
            return value if operand.dtype != "i1" else _bits(value)

        outside = lambda value: self.inside.known[value]  # noqa: E731
        return site.score.emit(sums, place, extra, outside=outside, scaled=True)

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

    def _values(
        self, at: Any, column: int, count: Any, scale: Any, values: Callable[[Any, int], Any]
    ) -> None:
        """Columns from ``column`` on, those that are in registers together."""
        vectors, width = self.vectors, self.tiles.width
        columns = range(column, min(self.widths[1], column + _TOGETHER * width), width)
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


def less(a: Any, b: Any) -> Any:
    """a < b for numbers, false when either is NaN."""
    return dialect("arith").cmpf(dialect("arith").CmpFPredicate.OLT, a, b)


def _bits(value: Any) -> Any:
    type_ = mlir.VectorType.get(value.type.shape, mlir.IntegerType.get_signless(1))
    return dialect("arith").trunci(type_, value)


def load_state(records: Any, at: Any) -> tuple[Any, Any]:
    memref = dialect("memref")
    return memref.load(records, [at]), memref.load(records, [index.add(at, index.constant(1))])


def store_state(records: Any, at: Any, most: Any, total: Any) -> None:
    memref = dialect("memref")
    memref.store(most, records, [at])
    memref.store(total, records, [index.add(at, index.constant(1))])


def finish_row(
    inside: Inside, vectors: Vectors, records: Any, at: Any, numbers: Mapping[int, Any]
) -> None:
    """Divide the record at ``at`` by its sum, in place, and store it."""
    width = record(inside) - vectors.width
    total = broadcast(load_state(records, index.add(at, index.constant(width)))[1], vectors.width)
    for column in range(0, width, vectors.width):
        place = index.add(at, index.constant(column))
        sums = vectors.load(records, place)
        vectors.store(normalized(vectors, sums, total, inside.site.empty_rows), records, place)
    store_row(inside, vectors, records, at, inside.origin(inside.site.out, numbers))
