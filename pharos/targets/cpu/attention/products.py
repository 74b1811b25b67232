"""Both products of a tile: queries with keys into sums for scores, weights with values.

This file does them with multiply-adds of f32; ``pair_products`` and ``matrix_products`` with
instructions for bf16. Query rows are on lanes in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.scores import UNROLL, Rows, accumulate
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.staging import Source, Target, stage
from pharos.targets.cpu.attention.vectors import Vectors, round_up
from pharos.targets.cpu.attention.weights import weigh
from pharos.targets.cpu.contractions.site import allocate

Bounds = tuple[Any, Any]
Sums = Callable[[Any, int], list[Any]]
"""From a key and how many keys: their products with each vector of queries."""

# Rows of keys that are further apart would meet in few sets of the first cache.
_NEAR = 1 << 10
_LINE = 64
_AHEAD = 16  # keys whose values are asked for ahead


class Products:
    """By multiply-adds of f32.

    ``query_rows`` rows of a tile hold its queries, ``queries_scaled`` if times the score's factor.
    """

    queries_scaled = True

    def __init__(self, inside: Inside, vectors: Vectors) -> None:
        self.inside, self.site, self.tiles = inside, inside.site, inside.tiles
        self.vectors = vectors
        self.depth, self.value_depth = (inside.depth(loop) for loop in (self.site.dk, self.site.dv))
        self.query_rows = round_up(self.depth, vectors.width)
        self.copies = {
            operand.number: self._copy(depth)
            for operand, depth in ((self.site.k, self.site.dk), (self.site.v, self.site.dv))
            if not self._direct(operand, depth)
        }

    @property
    def buffers(self) -> list[Any]:
        """What is to be freed."""
        return list(self.copies.values())

    def begin(self) -> None:
        """Before the first product of a thread."""

    def end(self) -> None:
        """After the last one."""

    def query_buffer(self, groups: int) -> Any:
        """Memory for the queries of so many tiles."""
        rows = groups * self.query_rows * self.tiles.query_tile
        return allocate(self._element(), index.constant(rows))

    def _element(self) -> Any:
        return mlir.F32Type.get()

    def _copy(self, depth: int) -> Any:
        return allocate(self._element(), index.constant(self.tiles.key_tile * self._stride(depth)))

    def _direct(self, operand: AttentionOperand, depth: int) -> bool:
        """Whether rows of ``operand`` can be read where they are."""
        rows = operand.stride(self.site.n)
        near = rows is not None and 0 < rows * 4 <= _NEAR
        return operand.dtype == "f32" and near and operand.stride(depth) == 1

    def _stride(self, depth: int) -> int:
        """Elements from row to row of a copy: a line more where rows would meet in few sets."""
        width = round_up(self.inside.depth(depth), self.tiles.width)
        return width if 4 * width % _NEAR else width + _LINE // 4

    def stage_queries(self, base: Any, lanes: Any, queries: Rows) -> None:
        """``lanes`` rows of queries from offset ``base`` on, onto lanes of ``queries``."""
        site, tiles = self.site, self.tiles
        place = self.inside.places[site.q.number]
        source = Source(place, base, place.step(site.m), place.step(site.dk), lanes)
        target = Target(queries.buffer, queries.base, queries.stride, tiles.vectors, tiles.width)
        depth = index.constant(self.depth)
        stage(source, target, index.constant(0), depth, site.score.factor)

    def staged(
        self, operand: AttentionOperand, first: Any, count: Any, origins: Mapping[int, Any]
    ) -> Rows:
        """The rows of ``count`` keys, or of their values, from ``first`` on, as products want
        them."""
        place = self.inside.places[operand.number]
        step = place.step(self.site.n)
        base = index.add(origins[operand.number], index.mul(first, step))
        if operand.number not in self.copies:
            return Rows(place.flat, base, operand.stride(self.site.n) or 0)
        depth = self.site.dk if operand is self.site.k else self.site.dv
        buffer, size = self.copies[operand.number], self.inside.depth(depth)
        lanes, stride = round_up(size, self.tiles.width) // self.tiles.width, self._stride(depth)
        source = Source(place, base, place.step(depth), step, index.constant(size))
        target = Target(buffer, index.constant(0), stride, lanes, self.tiles.width)
        stage(source, target, index.constant(0), count)
        return Rows(buffer, index.constant(0), stride)

    def sums(self, queries: Rows, keys: Rows, scores: Rows, bounds: Bounds) -> Sums:
        """What gives the products with keys within ``bounds``; ``scores`` is free until then."""
        vectors, several = self.vectors, self.tiles.vectors

        def block(key: Any, rows: int) -> list[Any]:
            zeros = [vectors.number(0.0)] * (rows * several)

            def numbers(r: int) -> tuple[Any, Callable[[Any], Any]]:
                start = keys.at(key, index.constant(r * keys.stride))
                return keys.buffer, lambda d: index.add(start, d)

            def ask(d: Any) -> None:
                for r in range(rows):
                    keys.ask(index.add(key, index.constant(rows + r)), d)

            count = index.constant(0), index.constant(self.depth)
            return accumulate(vectors, queries, numbers, count, zeros, rows, ask)

        return block

    def weigh(self, scores: Rows, bounds: Bounds, largest: list[Any], sums: list[Any]) -> list[Any]:
        """Turn the scores of keys within ``bounds`` into weights; ``sums`` plus theirs."""
        return weigh(self.vectors, scores, *bounds, largest, sums)

    def add_values(
        self, weights: Rows, values: Rows, out: Rows, bounds: Bounds, scales: list[Any]
    ) -> None:
        """Add the weighted values of keys within ``bounds`` to ``out``, which is multiplied by
        ``scales`` first; ``depth_rows`` of its rows at a time."""
        rows = self.tiles.depth_rows
        middle = self.value_depth // rows * rows

        def several(column: Any, _: list[Any]) -> list[Any]:
            self._columns(weights, values, out, bounds, column, rows, scales)
            return []

        index.loop(index.constant(0), index.constant(middle), rows, [], several)
        if middle < self.value_depth:
            rest, column = self.value_depth - middle, index.constant(middle)
            self._columns(weights, values, out, bounds, column, rest, scales)

    def _columns(
        self, weights: Rows, values: Rows, out: Rows, bounds: Bounds, column: Any, rows: int,
        scales: list[Any],
    ) -> None:  # fmt: skip
        places, sums = scaled_rows(self.vectors, out, column, rows, scales)

        def numbers(r: int) -> tuple[Any, Callable[[Any], Any]]:
            inside = index.add(column, index.constant(r))
            return values.buffer, lambda key: values.at(key, inside)

        def ask(key: Any) -> None:
            for u in range(UNROLL):
                values.ask(index.add(key, index.constant(_AHEAD + u)), column)

        sums = accumulate(self.vectors, weights, numbers, bounds, sums, rows, ask)
        for at, value in zip(places, sums, strict=True):
            self.vectors.store(value, out.buffer, at)


def scaled_rows(
    vectors: Vectors, out: Rows, column: Any, rows: int, scales: list[Any]
) -> tuple[list[Any], list[Any]]:
    """Where ``rows`` rows of ``out`` from ``column`` on have their vectors, and what is there times
    ``scales``."""
    places = [
        out.at(index.add(column, index.constant(r)), index.constant(v * vectors.width))
        for r in range(rows)
        for v in range(len(scales))
    ]
    loaded = [vectors.load(out.buffer, at) for at in places]
    multiply = vectors.f32.arith.mulf
    return places, [multiply(one, scales[i % len(scales)]) for i, one in enumerate(loaded)]
