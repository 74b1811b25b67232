"""Scores of a tile: products of query rows (lanes) with keys, then the score function.

for keys, key_rows at a time:
  sums[key][vector] += q[d][vector] * k[key][d]      // over all d, in registers
  scores[key][vector] = score(sums);  maximum[vector] = max(maximum, scores)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.vectors import Vectors

UNROLL = 4

Score = Callable[[Any, Any, int], Any]
"""From sums of a vector of rows, the number of the key in the tile, and that of the vector."""


@dataclass(frozen=True)
class Rows:
    """Rows of numbers: row ``i`` is at ``base + i * stride`` of ``buffer``."""

    buffer: Any
    base: Any
    stride: int

    def at(self, row: Any, column: Any) -> Any:
        """The offset of an element."""
        start = index.add(self.base, index.mul(row, index.constant(self.stride)))
        return index.add(start, column)

    def ask(self, row: Any, column: Any) -> None:
        """Prefetch the line with an element; one that does not exist is harmless."""
        dialect("memref").prefetch(self.buffer, [self.at(row, column)], False, 3, True)


def accumulate(
    vectors: Vectors, lanes: Rows, numbers: Callable[[int], tuple[Any, Callable[[Any], Any]]],
    count: tuple[Any, Any], sums: list[Any], rows: int, ask: Callable[[Any], None],
) -> list[Any]:  # fmt: skip
    """``sums[r][v] += lanes[i][v] * number(r, i)`` for i from ``count[0]`` to ``count[1]``.

    ``numbers(r)`` is a buffer, and from i the offset of the number in it; ``ask(i)`` writes what is
    to be fetched beside ``UNROLL`` steps from ``i`` on.
    """
    width, several = vectors.width, len(sums) // rows
    middle = index.add(count[0], index.round_down(index.sub(count[1], count[0]), UNROLL))
    places = [numbers(r) for r in range(rows)]

    def step(i: Any, carried: list[Any]) -> list[Any]:
        loaded = [
            vectors.load(lanes.buffer, lanes.at(i, index.constant(v * width)))
            for v in range(several)
        ]
        results = []
        for r, (buffer, at) in enumerate(places):
            one = vectors.spread(buffer, at(i))
            results += [
                vectors.fma(one, loaded[v], carried[r * several + v]) for v in range(several)
            ]
        return results

    def unrolled(i: Any, carried: list[Any]) -> list[Any]:
        ask(i)
        for u in range(UNROLL):
            carried = step(index.add(i, index.constant(u)), carried)
        return carried

    sums = index.loop(count[0], middle, UNROLL, sums, unrolled)
    return index.loop(middle, count[1], 1, sums, step)


class Scores:
    """Writes the scores of one tile of query rows (a whole number of vectors) from its ``sums``."""

    def __init__(self, vectors: Vectors, sums: Callable[[Any, int], list[Any]], scores: Rows):
        """``sums(key, rows)`` are the products of so many keys, key by key."""
        self.vectors, self.sums, self.scores = vectors, sums, scores
        self.several = scores.stride // vectors.width

    def write(
        self, low: Any, high: Any, rows: int, largest: list[Any], score: Score
    ) -> tuple[Any, list[Any]]:
        """Keys ``low .. high``, ``rows`` at a time: the first key that is left over, and the
        largest scores, ``largest`` among them."""
        end = index.add(low, index.round_down(index.sub(high, low), rows))

        def body(key: Any, largest: list[Any]) -> list[Any]:
            return self._block(key, rows, largest, score)

        return end, index.loop(low, end, rows, largest, body)

    def _block(self, key: Any, rows: int, largest: list[Any], score: Score) -> list[Any]:
        vectors = self.vectors
        sums, largest = self.sums(key, rows), list(largest)
        for r in range(rows):
            one = index.add(key, index.constant(r))
            for v in range(self.several):
                value = score(sums[r * self.several + v], one, v)
                at = self.scores.at(one, index.constant(v * vectors.width))
                vectors.store(value, self.scores.buffer, at)
                largest[v] = vectors.maximum(largest[v], value)
        return largest
