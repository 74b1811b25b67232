"""The loops around a tile, for blocks of query rows of one batch.

for each block of query rows:
  stage the queries, d by d, rows on lanes
  for key_tile keys at a time, those that no row of the block sees left out:
    stage keys and values where they are not rows of f32
    for query_tile rows of the block:
      scores, weights, weighted sums       // maximum and sum of each row go on
  weighted sums / sums of weights -> output
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.extras import Extras
from pharos.targets.cpu.attention.finish import Finish
from pharos.targets.cpu.attention.scores import Rows, Scores
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.staging import Source, Target, stage
from pharos.targets.cpu.attention.vectors import LOWEST, Vectors, maximum, round_up
from pharos.targets.cpu.attention.weights import weigh, weighted_sums
from pharos.targets.cpu.contractions.site import allocate, free

# Rows of keys that are further apart would meet in few sets of the first cache.
_NEAR = 1 << 10


@dataclass(frozen=True)
class Item:
    """A block of query rows: its batch, the first row, how many rows there are from there on, and
    where operands start in the batch."""

    numbers: Mapping[int, Any]
    row: Any
    left: Any
    extras: Mapping[int, Any]


class TileLoops:
    """Writes the loops over work items ``low .. high`` (blocks, those of a batch together)."""

    def __init__(self, inside: Inside, low: Any, high: Any) -> None:
        self.inside, self.site, self.tiles = inside, inside.site, inside.tiles
        self.low, self.high = low, high
        self.vectors = Vectors(self.tiles.width)
        self.depth, self.value_depth = (inside.depth(loop) for loop in (self.site.dk, self.site.dv))
        self.extras = Extras(inside, self.vectors)
        tile, groups, keys = self.tiles.query_tile, self.tiles.groups, self.tiles.key_tile
        self.widths = [round_up(d, self.tiles.width) for d in (self.depth, self.value_depth)]
        self.queries = self._buffer(groups * self.widths[0] * tile)
        self.out = self._buffer(groups * self.widths[1] * tile)
        self.state = self._buffer(groups * 2 * tile)
        self.scores = self._buffer(keys * tile)
        self.copies = {
            operand.number: self._buffer(keys * width)
            for operand, width in zip((self.site.k, self.site.v), self.widths, strict=True)
            if not self._direct(operand)
        }
        self.finish = Finish(inside, self.vectors, self.widths[1])

    def _buffer(self, length: int) -> Any:
        return allocate(mlir.F32Type.get(), index.constant(length))

    def _direct(self, operand: AttentionOperand) -> bool:
        """Whether rows of ``operand`` can be read where they are."""
        rows, columns = operand.stride(self.site.n), operand.stride(operand.loops[-1])
        near = rows is not None and 0 < rows * 4 <= _NEAR
        depth = self.site.dk if operand is self.site.k else self.site.dv
        return operand.dtype == "f32" and near and columns == 1 and operand.loops[-1] == depth

    def write(self) -> None:
        """Write everything."""

        def item(number: Any, _: list[Any]) -> list[Any]:
            self._item(self._opened(number))
            return []

        index.loop(self.low, self.high, 1, [], item)
        free([self.queries, self.out, self.state, self.scores, *self.copies.values()])
        free([*self.extras.buffers.values(), *self.finish.buffers])

    def _opened(self, number: Any) -> Item:
        inside, arith = self.inside, dialect("arith")
        rows = inside.counts[self.site.m]
        blocks = index.ceil_div(rows, self.tiles.query_block)
        one = index.known(blocks) == 1
        batch = number if one else arith.divui(number, blocks)
        block = index.constant(0) if one else arith.remui(number, blocks)
        block = self._balanced(block, blocks)
        row = index.mul(block, index.constant(self.tiles.query_block))
        numbers = inside.digits(batch, self.site.batch)
        return Item(numbers, row, index.sub(rows, row), self.extras.origins(numbers))

    def _balanced(self, block: Any, blocks: Any) -> Any:
        """Blocks from both ends in turn where later ones have more keys: then any range of them
        is about as much work as any other of its length."""
        if self.site.causal is None or index.known(blocks) == 1:
            return block
        arith, two = dialect("arith"), index.constant(2)
        half = arith.divui(block, two)
        odd = arith.cmpi(arith.CmpIPredicate.ne, arith.remui(block, two), index.constant(0))
        from_end = index.sub(index.sub(blocks, index.constant(1)), half)
        return arith.select(odd, from_end, half)

    def _item(self, item: Item) -> None:
        rows = index.minimum(item.left, index.constant(self.tiles.query_block))
        groups = index.ceil_div(rows, self.tiles.query_tile)
        origins = {
            o.number: self.inside.origin(o, item.numbers) for o in (self.site.k, self.site.v)
        }

        def start(group: Any, _: list[Any]) -> list[Any]:
            self._start(item, group)
            return []

        def tile(first: Any, _: list[Any]) -> list[Any]:
            self._tile(item, groups, first, origins)
            return []

        def end(group: Any, _: list[Any]) -> list[Any]:
            row, lanes = self._rows_of(item, group)
            state = self._of(self.state, group, 2)
            self.finish.write(self._of(self.out, group, self.widths[1]), state, item, row, lanes)
            return []

        zero, last = index.constant(0), index.sub(index.add(item.row, rows), index.constant(1))
        index.loop(zero, groups, 1, [], start)
        keys = self.inside.first_key(item.row), self.inside.end_key(last)
        index.loop(*keys, self.tiles.key_tile, [], tile)
        index.loop(zero, groups, 1, [], end)

    def _rows_of(self, item: Item, group: Any) -> tuple[Any, Any]:
        """The first row of ``group``, and how many of its rows exist."""
        inside = index.mul(group, index.constant(self.tiles.query_tile))
        left = index.sub(item.left, inside)
        lanes = index.minimum(left, index.constant(self.tiles.query_tile))
        return index.add(item.row, inside), lanes

    def _of(self, buffer: Any, group: Any, rows: int) -> Rows:
        """The part of ``buffer`` that belongs to ``group``: ``rows`` rows of a tile."""
        tile = self.tiles.query_tile
        return Rows(buffer, index.mul(group, index.constant(rows * tile)), tile)

    def _start(self, item: Item, group: Any) -> None:
        """Stage the queries of ``group``, times the factor of the score; nothing is summed yet."""
        site, vectors = self.site, self.vectors
        row, lanes = self._rows_of(item, group)
        place = self.inside.places[site.q.number]
        base = self.inside.origin(site.q, {**item.numbers, site.m: row})
        source = Source(place, base, place.step(site.m), place.step(site.dk), lanes)
        queries = self._of(self.queries, group, self.widths[0])
        target = Target(
            self.queries, queries.base, queries.stride, self.tiles.vectors, self.tiles.width
        )
        factor = site.score.factor
        stage(source, target, index.constant(0), index.constant(self.depth), factor)
        out, state = self._of(self.out, group, self.widths[1]), self._of(self.state, group, 2)
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

    def _tile(self, item: Item, groups: Any, first: Any, origins: Mapping[int, Any]) -> None:
        """All rows of the block with the keys of the tile from ``first`` on."""
        last = self.inside.counts[self.site.n]
        count = index.minimum(index.sub(last, first), index.constant(self.tiles.key_tile))
        keys = self._staged(self.site.k, self.site.dk, first, count, origins)
        values = self._staged(self.site.v, self.site.dv, first, count, origins)

        def each(group: Any, _: list[Any]) -> list[Any]:
            self._group(item, group, first, count, keys, values)
            return []

        index.loop(index.constant(0), groups, 1, [], each)

    def _staged(
        self, operand: AttentionOperand, depth: int, first: Any, count: Any, origins: Any
    ) -> Rows:
        """The rows of a tile of ``operand`` as f32."""
        place = self.inside.places[operand.number]
        step = place.step(self.site.n)
        base = index.add(origins[operand.number], index.mul(first, step))
        if operand.number not in self.copies:
            return Rows(place.flat, base, operand.stride(self.site.n) or 0)
        buffer, size = self.copies[operand.number], self.inside.depth(depth)
        width = round_up(size, self.tiles.width)
        source = Source(place, base, place.step(depth), step, index.constant(size))
        lanes = width // self.tiles.width
        target = Target(buffer, index.constant(0), width, lanes, self.tiles.width)
        stage(source, target, index.constant(0), count)
        return Rows(buffer, index.constant(0), width)

    def _group(
        self, item: Item, group: Any, first: Any, count: Any, keys: Rows, values: Rows
    ) -> None:
        """Rows of ``group`` with those keys of the tile that any of them sees."""
        row, lanes = self._rows_of(item, group)
        bounds = self._bounds(row, lanes, first, count)
        if self.site.causal is None:
            self._online(item, group, first, bounds, keys, values)
            return
        arith, scf = dialect("arith"), dialect("scf")
        some = arith.cmpi(arith.CmpIPredicate.slt, bounds[0], bounds[1])
        branch = scf.IfOp(some)
        with mlir.InsertionPoint(branch.then_block):
            self._online(item, group, first, bounds, keys, values)
            scf.YieldOp([])

    def _bounds(self, row: Any, lanes: Any, first: Any, count: Any) -> tuple[Any, Any]:
        """The first key of the tile that a row sees, and one beyond the last."""
        last = index.sub(index.add(row, lanes), index.constant(1))
        low = index.sub(self.inside.first_key(row), first)
        high = index.sub(self.inside.end_key(last), first)
        return maximum(low, index.constant(0)), index.minimum(high, count)

    def _online(
        self, item: Item, group: Any, first: Any, bounds: tuple[Any, Any], keys: Rows, values: Rows
    ) -> None:
        vectors, tiles = self.vectors, self.tiles
        state = self._of(self.state, group, 2)
        places = [
            [state.at(index.constant(i), index.constant(v * tiles.width)) for i in (0, 1)]
            for v in range(tiles.vectors)
        ]
        before = [vectors.load(self.state, most) for most, _ in places]
        totals = [vectors.load(self.state, total) for _, total in places]
        scores = Rows(self.scores, index.constant(0), tiles.query_tile)
        largest = self._scores(item, group, first, bounds, keys, scores, before)
        subtract, multiply = vectors.f32.arith.subf, vectors.f32.arith.mulf
        scales = [vectors.weight(subtract(a, b)) for a, b in zip(before, largest, strict=True)]
        totals = [multiply(total, scale) for total, scale in zip(totals, scales, strict=True)]
        totals = weigh(vectors, scores, *bounds, largest, totals)
        out = self._of(self.out, group, self.widths[1])
        weighted_sums(
            vectors, scores, values, out, bounds, self.value_depth, tiles.depth_rows, scales
        )
        for (most, total), new, sum_ in zip(places, largest, totals, strict=True):
            vectors.store(new, self.state, most)
            vectors.store(sum_, self.state, total)

    def _scores(
        self, item: Item, group: Any, first: Any, bounds: tuple[Any, Any], keys: Rows,
        scores: Rows, largest: list[Any],
    ) -> list[Any]:  # fmt: skip
        """The scores of the keys within ``bounds``, and the largest of them and of ``largest``."""
        row, lanes = self._rows_of(item, group)
        self.extras.stage_rows(item.extras, row, lanes)
        self.extras.stage_tile(item.extras, row, lanes, first, bounds)
        queries = self._of(self.queries, group, self.widths[0])
        writer = Scores(self.vectors, queries, keys, scores, self.depth)
        numbers = [
            self.vectors.steps(index.add(row, index.constant(v * self.tiles.width)))
            for v in range(self.tiles.vectors if self.site.m in self.site.score.places else 0)
        ]

        def score(open_: bool) -> Any:
            return lambda sums, key, v: self._score(item, numbers, first, sums, key, v, open_)

        (low, high), rows = bounds, self.tiles.key_rows
        if self.site.causal is not None and self.site.window is None:
            # Up to here, the first row and so all others see every key.
            middle = index.sub(self.inside.end_key(row), first)
            middle = maximum(low, index.minimum(middle, high))
            low, largest = writer.write(low, middle, rows, largest, score(True))
        low, largest = writer.write(low, high, rows, largest, score(False))
        return writer.write(low, high, 1, largest, score(False))[1]

    def _score(
        self, item: Item, numbers: list[Any], first: Any, sums: Any, key: Any, v: int, open_: bool
    ) -> Any:
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
            scaled=True,
            band=(site.causal, site.window) if open_ else None,
        )
