"""Weights of a tile, and the sums that they weigh.

weights[key][vector] = exp(scores[key][vector] - maximum[vector]);  sum[vector] += weights
out[d][vector] = out[d][vector] * scale[vector] + sum over keys of v[key][d] * weights[key][vector]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.scores import UNROLL, Rows, accumulate
from pharos.targets.cpu.attention.vectors import Vectors

_AHEAD = 16  # keys whose values are asked for ahead


def weigh(
    vectors: Vectors, scores: Rows, low: Any, high: Any, largest: list[Any], sums: list[Any]
) -> list[Any]:
    """Turn the scores of keys ``low .. high`` into weights, in place; ``sums`` plus theirs."""
    arith = vectors.f32.arith

    def body(key: Any, sums: list[Any]) -> list[Any]:
        added = []
        for v, (most, total) in enumerate(zip(largest, sums, strict=True)):
            at = scores.at(key, index.constant(v * vectors.width))
            value = vectors.weight(arith.subf(vectors.load(scores.buffer, at), most))
            vectors.store(value, scores.buffer, at)
            added.append(arith.addf(total, value))
        return added

    return index.loop(low, high, 1, sums, body)


def weighted_sums(
    vectors: Vectors, weights: Rows, values: Rows, out: Rows, keys: tuple[Any, Any],
    depth: int, rows: int, scales: list[Any],
) -> None:  # fmt: skip
    """Add the values of ``keys`` (low, high) to ``out``, which is multiplied by ``scales`` first.

    ``rows`` of the ``depth`` columns of the values at a time.
    """
    middle = depth // rows * rows

    def several(column: Any, _: list[Any]) -> list[Any]:
        _columns(vectors, weights, values, out, keys, column, rows, scales)
        return []

    index.loop(index.constant(0), index.constant(middle), rows, [], several)
    if middle < depth:
        rest = depth - middle
        _columns(vectors, weights, values, out, keys, index.constant(middle), rest, scales)


def _columns(
    vectors: Vectors, weights: Rows, values: Rows, out: Rows, keys: tuple[Any, Any],
    column: Any, rows: int, scales: list[Any],
) -> None:  # fmt: skip
    arith = vectors.f32.arith
    places = [
        out.at(index.add(column, index.constant(r)), index.constant(v * vectors.width))
        for r in range(rows)
        for v in range(len(scales))
    ]
    sums = [
        arith.mulf(vectors.load(out.buffer, at), scales[i % len(scales)])
        for i, at in enumerate(places)
    ]

    def numbers(r: int) -> tuple[Any, Callable[[Any], Any]]:
        inside = index.add(column, index.constant(r))
        return values.buffer, lambda key: values.at(key, inside)

    def ask(key: Any) -> None:
        for u in range(UNROLL):
            values.ask(index.add(key, index.constant(_AHEAD + u)), column)

    sums = accumulate(vectors, weights, numbers, keys, sums, rows, ask)
    for at, value in zip(places, sums, strict=True):
        vectors.store(value, out.buffer, at)
