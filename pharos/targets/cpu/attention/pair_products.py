"""Both products of a tile by VDPBF16PS: a lane adds two products of bf16 to its sum of f32.

Queries are ``[pair of depth][query]``, keys ``[key][pair of depth]``, weights, rounded to bf16,
``[pair of keys][query]`` where their scores were, values ``[column][pair of keys]``. So both
products are the same: rows of numbers, each broadcast, times rows of lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.pair_staging import Pairs, stage_pairs
from pharos.targets.cpu.attention.products import Bounds, Products, Sums, scaled_rows
from pharos.targets.cpu.attention.scores import Rows, accumulate
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.vectors import Vectors, round_up
from pharos.targets.cpu.attention.weights import halved, weigh_pairs
from pharos.targets.cpu.contractions.site import allocate

_DOT = "llvm.x86.avx512bf16.dpbf16ps"
_ROUND = "llvm.x86.avx512bf16.cvtne2ps2bf16"


class PairVectors(Vectors):
    """Vectors whose multiplications take pairs of bf16 in 32 bits, of whatever type."""

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Both products of each pair, and ``c``."""
        pairs = mlir.VectorType.get([2 * self.width], mlir.BF16Type.get())
        factors = [dialect("vector").bitcast(pairs, value) for value in (a, b)]
        name = f"{_DOT}.{32 * self.width}"
        return dialect("llvm").CallIntrinsicOp(c.type, name, [c, *factors], [], []).result

    def joined(self, low: Any, high: Any) -> Any:
        """Two vectors of f32 rounded to bf16, as pairs in a vector of f32."""
        pairs = mlir.VectorType.get([2 * self.width], mlir.BF16Type.get())
        name = f"{_ROUND}.{32 * self.width}"
        both = dialect("llvm").CallIntrinsicOp(pairs, name, [high, low], [], []).result
        lanes = [lane for i in range(self.width) for lane in (i, self.width + i)]
        return dialect("vector").bitcast(self.type, dialect("vector").shuffle(both, both, lanes))


class PairProducts(Products):
    """By dot products of pairs. Keys are taken ``whole`` at a time in the second product."""

    queries_scaled = False
    whole = 2

    def __init__(self, inside: Inside, vectors: Vectors) -> None:
        super().__init__(inside, vectors)
        self.pairs = PairVectors(vectors.width)
        self.query_rows = self._padded(self.depth)

    def _padded(self, elements: int) -> int:
        """Pairs of so many elements, in whole vectors."""
        return round_up(elements, 2 * self.vectors.width) // 2

    def _element(self) -> Any:
        return mlir.IntegerType.get_signless(32)

    def _direct(self, operand: AttentionOperand, depth: int) -> bool:
        return False

    def _copy(self, depth: int) -> Any:
        rows, across = self.tiles.key_tile, self._padded(self.inside.depth(depth))
        if depth == self.site.dv:
            rows = round_up(self.inside.depth(depth), self.vectors.width)
            across = self._padded(self.tiles.key_tile)
        return allocate(self._element(), index.constant(rows * across))

    def stage_queries(self, base: Any, lanes: Any, queries: Rows) -> None:
        """As pairs along the depth, onto lanes; the score's factor stays with the score."""
        place = self.inside.places[self.site.q.number]
        steps = place.step(self.site.m), place.step(self.site.dk)
        source = Pairs(place, base, *steps, lanes, index.constant(self.depth))
        stage_pairs(source, queries, self.vectors.width, lanes_down=False)

    def staged(
        self, operand: AttentionOperand, first: Any, count: Any, origins: Mapping[int, Any]
    ) -> Rows:
        """A row for each key with pairs of its depth, or for each column with pairs of keys."""
        place, buffer = self.inside.places[operand.number], self.copies[operand.number]
        step = place.step(self.site.n)
        base = index.add(origins[operand.number], index.mul(first, step))
        if operand is self.site.k:
            steps, stride = (step, place.step(self.site.dk)), self._padded(self.depth)
            source = Pairs(place, base, *steps, count, index.constant(self.depth))
        else:
            steps, stride = (place.step(self.site.dv), step), self._padded(self.tiles.key_tile)
            source = Pairs(place, base, *steps, index.constant(self.value_depth), count)
        target = Rows(buffer, index.constant(0), stride)
        stage_pairs(source, target, self.vectors.width, lanes_down=True)
        return target

    def sums(self, queries: Rows, keys: Rows, scores: Rows, bounds: Bounds) -> Sums:
        """Sums in registers."""
        steps = index.constant(0), index.constant(-(-self.depth // 2))

        def block(key: Any, rows: int) -> list[Any]:
            sums = [self.vectors.number(0.0)] * (rows * self.tiles.vectors)
            return self._accumulate(queries, keys, key, steps, sums, rows)

        return block

    def weigh(self, scores: Rows, bounds: Bounds, largest: list[Any], sums: list[Any]) -> list[Any]:
        """As pairs; keys beside those within ``bounds`` have the weight of a hidden one."""
        low, high = self._widened(bounds)
        self._hide(scores, low, bounds[0])
        self._hide(scores, bounds[1], high)
        return weigh_pairs(self.vectors, scores, low, high, largest, sums, self.pairs.joined)

    def _widened(self, bounds: Bounds) -> Bounds:
        """The bounds moved to whole steps of the second product."""
        low, high = bounds
        high = index.mul(index.ceil_div(high, self.whole), index.constant(self.whole))
        return index.round_down(low, self.whole), high

    def _hide(self, scores: Rows, low: Any, high: Any) -> None:
        hidden = self.vectors.number(float("-inf"))

        def body(key: Any, _: list[Any]) -> list[Any]:
            for v in range(self.tiles.vectors):
                at = scores.at(key, index.constant(v * self.vectors.width))
                self.vectors.store(hidden, scores.buffer, at)
            return []

        index.loop(low, high, 1, [], body)

    def _columns(
        self, weights: Rows, values: Rows, out: Rows, bounds: Bounds, column: Any, rows: int,
        scales: list[Any],
    ) -> None:  # fmt: skip
        low, high = map(halved, self._widened(bounds))
        places, sums = scaled_rows(self.vectors, out, column, rows, scales)
        sums = self._accumulate(weights, values, column, (low, high), sums, rows)
        for at, value in zip(places, sums, strict=True):
            self.vectors.store(value, out.buffer, at)

    def _accumulate(
        self, lanes: Rows, numbers: Rows, first: Any, steps: Bounds, sums: list[Any], rows: int
    ) -> list[Any]:
        """``sums[r][v]`` plus the products of row ``first + r`` of ``numbers`` with ``lanes``."""

        def row(r: int) -> tuple[Any, Callable[[Any], Any]]:
            start = numbers.at(first, index.constant(r * numbers.stride))
            return numbers.buffer, lambda step: index.add(start, step)

        return accumulate(self.pairs, lanes, row, steps, sums, rows, lambda step: None)
