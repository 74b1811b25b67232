"""The kernel of an attention, at workgroup level.

    %q = xegpu.load_nd Q[row]                                : vector<rows x dk>
    %sums, %most, %total = scf.for %key = first to end step keys {
      xegpu.prefetch_nd K[key + ahead], V[key + ahead]
      %s = xegpu.dpas %q, transposed xegpu.load_nd K[key]    : vector<rows x keys x f32>
      %w, %new_most, %new_total = softmax(score(%s))         : weights, running maximum and sum
      %sums = xegpu.dpas truncf %w, xegpu.load_nd V[key], %sums * e^(most - new_most)
    }
    xegpu.store_nd truncf(%sums / %total), OUT[row]

Tiles of keys that no row sees are left out, and only in tiles at the edge of what rows see are
keys masked one by one. Block loads read zero outside a matrix: no size needs to fit the tiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.attention.place import Place, across
from pharos.targets.xegpu.attention.ranges import Range, key_ranges
from pharos.targets.xegpu.attention.scores import Scores
from pharos.targets.xegpu.attention.softmax import weigh
from pharos.targets.xegpu.attention.streams import Stream, keys_of, parts, queries_of, values_of
from pharos.targets.xegpu.indices import constant, splat


@dataclass(frozen=True)
class Running:
    """What goes from tile to tile: for each row the maximum of scores and the sum of weights, and
    the sums of weighted values, in parts of a head."""

    most: Any
    total: Any
    sums: tuple[Any, ...]

    def values(self) -> list[Any]:
        """All of it, as a loop carries it."""
        return [self.most, self.total, *self.sums]

    @staticmethod
    def of(values: Sequence[Any]) -> Running:
        """The reverse of ``values``."""
        return Running(values[0], values[1], tuple(values[2:]))


@dataclass(frozen=True)
class Factors:
    """Q in registers, K and V on their way."""

    queries: list[Any]
    keys: list[Stream]
    values: list[Stream]


def attend(place: Place) -> Running:
    """Everything that this workgroup's rows see, after its last tile of keys."""
    scores = Scores(place)
    factors = Factors(queries_of(place), keys_of(place), values_of(place))
    running = _nothing(place)
    ranges = key_ranges(place)
    for step in range(place.tiles.prefetch):
        _prefetch(factors, _later(place, ranges[0].first, step))
    for one in ranges:
        running = _walked(place, factors, scores, one, running)
    return running


def _walked(
    place: Place, factors: Factors, scores: Scores, keys: Range, running: Running
) -> Running:
    """``running`` after the tiles of ``keys``."""
    scf = dialect("scf")
    step = constant(place.tiles.keys)
    loop = scf.ForOp(keys.first, keys.end, step, running.values())
    with mlir.InsertionPoint(loop.body):
        key = loop.induction_variable
        if place.tiles.prefetch:
            _prefetch(factors, _later(place, key, place.tiles.prefetch))
        found = scores.of(_products(place, factors, key), key, keys.edge)
        after = _weighed(place, factors, found, key, Running.of(list(loop.inner_iter_args)))
        scf.YieldOp(after.values())
    return Running.of(list(loop.results))


def _products(place: Place, factors: Factors, key: Any) -> Any:
    """Queries times the keys from ``key`` on."""
    kind = place.vector(place.tiles.keys, mlir.F32Type.get())
    products = splat(kind, 0.0)
    for query, stream in zip(factors.queries, factors.keys, strict=True):
        layouts = (place.tile(stream.part.width), stream.wanted, place.weights)
        products = ops.dpas(query, stream.load(key), products, layouts)
    return products


def _weighed(place: Place, factors: Factors, scores: Any, key: Any, before: Running) -> Running:
    """``before`` with a tile of ``scores`` and the values from ``key`` on."""
    arith = dialect("arith")
    weights, most, total, correction = weigh(place, scores, before.most, before.total)
    narrow = place.vector(place.tiles.keys, mlir.Type.parse(place.problem.v.dtype))
    rounded = arith.truncf(narrow, weights)
    sums = []
    for stream, old in zip(factors.values, before.sums, strict=True):
        width = stream.part.width
        kept = arith.mulf(old, across(correction, width))
        layouts = (place.weights, stream.wanted, place.tile(width))
        sums.append(ops.dpas(rounded, stream.load(key), kept, layouts))
    return Running(most, total, tuple(sums))


def _nothing(place: Place) -> Running:
    f32 = mlir.F32Type.get()
    widths = [part.width for part in parts(place.problem.dv, place.tiles.columns)]
    zeros = tuple(splat(place.vector(width, f32), 0.0) for width in widths)
    line = place.line(f32)
    return Running(splat(line, -math.inf), splat(line, 0.0), zeros)


def _later(place: Place, key: Any, tiles: int) -> Any:
    return dialect("arith").addi(key, constant(tiles * place.tiles.keys))


def _prefetch(factors: Factors, key: Any) -> None:
    for stream in (*factors.keys, *factors.values):
        stream.prefetch(key)
