"""The splits of the keys of a row joined: each counts by e^(its maximum - the largest one)."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.attention.records import (
    finish_row,
    is_less,
    load_state,
    own_loops,
    partial_rows,
    record,
    row_loops,
    store_state,
)
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.vectors import LOWEST, Vectors


class MergeLoops:
    """Writes the loops over batches ``low .. high``; the result is put over the first split."""

    def __init__(self, inside: Inside, low: Any, high: Any, partial: list[Any]) -> None:
        self.inside, self.low, self.high, self.records = inside, low, high, partial[0]
        self.vectors = Vectors(inside.tiles.width)
        self.width = record(inside) - self.vectors.width

    def write(self) -> None:
        """Write everything."""
        inside = self.inside
        size = partial_rows(inside)
        splits = index.constant(inside.tiles.key_splits)

        def batch(number: Any, _: list[Any]) -> list[Any]:
            numbers = inside.digits(number, own_loops(inside))
            base = index.mul(index.mul(number, splits), size)

            def row(r: Any, _: list[Any]) -> list[Any]:
                at = index.add(base, index.mul(r, index.constant(record(inside))))
                self._row(at, size)
                own = {**numbers, **inside.digits(r, row_loops(inside))}
                finish_row(inside, self.vectors, self.records, at, own)
                return []

            return index.loop(index.constant(0), inside.total(row_loops(inside)), 1, [], row)

        index.loop(self.low, self.high, 1, [], batch)

    def _row(self, at: Any, size: Any) -> None:
        arith, vectors = dialect("arith"), self.vectors
        places = [
            index.add(at, index.mul(size, index.constant(s)))
            for s in range(self.inside.tiles.key_splits)
        ]
        states = [
            load_state(self.records, index.add(p, index.constant(self.width))) for p in places
        ]
        largest = arith.constant(mlir.F32Type.get(), LOWEST)
        for most, _ in states:
            largest = arith.select(is_less(largest, most), most, largest)
        spread = broadcast(largest, vectors.width)
        scales, total = [], arith.constant(mlir.F32Type.get(), 0.0)
        for most, sum_ in states:
            scale = vectors.weight(arith.subf(broadcast(most, vectors.width), spread))
            scales.append(scale)
            one = dialect("vector").extract(scale, [], [0])
            total = arith.addf(total, arith.mulf(sum_, one))
        for column in range(0, self.width, vectors.width):
            sums = vectors.number(0.0)
            for place, scale in zip(places, scales, strict=True):
                part = vectors.load(self.records, index.add(place, index.constant(column)))
                sums = vectors.fma(part, scale, sums)
            vectors.store(sums, self.records, index.add(at, index.constant(column)))
        store_state(self.records, index.add(at, index.constant(self.width)), largest, total)
