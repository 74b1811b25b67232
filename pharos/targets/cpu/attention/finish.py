"""From weighted sums to the output: divide by the sums of the weights, turn rows, round, store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.attention.scores import Rows
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.vectors import EMPTY, Vectors, narrowed, round_up
from pharos.targets.cpu.contractions.site import allocate
from pharos.targets.cpu.contractions.transpose import transpose


class Finish:
    """Stores tiles of query rows."""

    def __init__(self, inside: Inside, vectors: Vectors) -> None:
        self.inside, self.vectors = inside, vectors
        self.width = round_up(inside.depth(inside.site.dv), vectors.width)
        self.rows = allocate(mlir.F32Type.get(), index.constant(vectors.width * self.width))
        self.buffers = [self.rows]

    def write(
        self, out: Rows, state: Rows, numbers: Mapping[int, Any], row: Any, lanes: Any
    ) -> None:
        """Rows ``row .. row + lanes`` of a batch: ``out`` has them on lanes, one row for each
        column of the values, ``state`` their largest scores and sums of weights."""
        width = self.vectors.width

        def each(lane: Any, _: list[Any]) -> list[Any]:
            total = self.vectors.load(state.buffer, state.at(index.constant(1), lane))
            self._turn(out, lane, total)
            count = index.minimum(index.sub(lanes, lane), index.constant(width))
            self._store(numbers, index.add(row, lane), count)
            return []

        index.loop(index.constant(0), lanes, width, [], each)

    def _turn(self, out: Rows, lane: Any, total: Any) -> None:
        """One vector of rows to ``self.rows``, row by row."""
        vectors = self.vectors

        def block(column: Any, _: list[Any]) -> list[Any]:
            loaded = [
                normalized(
                    vectors,
                    vectors.load(out.buffer, out.at(index.add(column, index.constant(i)), lane)),
                    total,
                    self.inside.site.empty_rows,
                )
                for i in range(vectors.width)
            ]
            for i, one in enumerate(transpose(loaded)):
                at = index.add(index.constant(i * self.width), column)
                vectors.store(one, self.rows, at)
            return []

        index.loop(index.constant(0), index.constant(self.width), vectors.width, [], block)

    def _store(self, numbers: Mapping[int, Any], row: Any, count: Any) -> None:
        site = self.inside.site

        def each(i: Any, _: list[Any]) -> list[Any]:
            origin = self.inside.origin(site.out, {**numbers, site.m: index.add(row, i)})
            store_row(
                self.inside,
                self.vectors,
                self.rows,
                index.mul(i, index.constant(self.width)),
                origin,
            )
            return []

        index.loop(index.constant(0), count, 1, [], each)


def normalized(vectors: Vectors, sums: Any, total: Any, empty_rows: str) -> Any:
    """``sums / total``; for rows without a key what ``empty_rows`` says. NaN stays."""
    f = vectors.f32
    empty = vectors.number(0.0 if empty_rows == "zero" else math.nan)
    none = f.less(total, vectors.number(EMPTY))
    return f.arith.select(none, empty, f.arith.mulf(sums, f.arith.divf(vectors.number(1.0), total)))


def store_row(inside: Inside, vectors: Vectors, buffer: Any, at: Any, origin: Any) -> None:
    """One row of results, ``buffer[at ...]``, to the output from offset ``origin`` on."""
    site = inside.site
    place = inside.places[site.out.number]
    depth, step = inside.depth(site.dv), place.step(site.dv)
    vector = dialect("vector")
    for first in range(0, depth, vectors.width):
        one = vectors.load(buffer, index.add(at, index.constant(first)))
        value = narrowed(one, place.element)
        start = index.add(origin, index.mul(index.constant(first), step))
        if index.known(step) == 1 and first + vectors.width <= depth:
            vector.store(value, place.flat, [start])
            continue
        mask = vectors.mask(index.constant(depth - first))
        if index.known(step) == 1:
            vector.maskedstore(place.flat, [start], mask, value)
        else:
            numbers = vectors.steps(index.constant(0))
            offsets = dialect("arith").muli(numbers, broadcast(step, vectors.width))
            vector.ScatterOp(None, place.flat, [start], offsets, mask, value)
