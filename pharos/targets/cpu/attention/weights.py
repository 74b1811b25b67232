"""Weights of a tile: weights[key][vector] = exp(scores[key][vector] - maximum[vector])."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.scores import Rows
from pharos.targets.cpu.attention.vectors import Vectors


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


def weigh_pairs(
    vectors: Vectors, scores: Rows, low: Any, high: Any, largest: list[Any], sums: list[Any],
    join: Callable[[Any, Any], Any],
) -> list[Any]:  # fmt: skip
    """The same for keys ``low .. high``, both even; what ``join`` makes of the weights of keys 2i
    and 2i + 1 goes to row i, whose score was read before."""
    arith, two = vectors.f32.arith, index.constant(2)

    def body(pair: Any, sums: list[Any]) -> list[Any]:
        added, key = [], index.mul(pair, two)
        for v, (most, total) in enumerate(zip(largest, sums, strict=True)):
            lane = index.constant(v * vectors.width)
            both = []
            for k in (key, index.add(key, index.constant(1))):
                score = vectors.load(scores.buffer, scores.at(k, lane))
                both.append(vectors.weight(arith.subf(score, most)))
            vectors.store(join(*both), scores.buffer, scores.at(pair, lane))
            added.append(arith.addf(total, arith.addf(*both)))
        return added

    return index.loop(halved(low), halved(high), 1, sums, body)


def halved(key: Any) -> Any:
    """The number of the pair that begins with an even ``key``."""
    known = index.known(key)
    if known is not None:
        return index.constant(known // 2)
    return dialect("arith").divui(key, index.constant(2))
