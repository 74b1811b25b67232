"""Blocks of bf16 copied as pairs: two neighbours of the inner loop in 32 bits, the first one low.

    pair(lane, p) = source[base + lane * lane_step + (2p, 2p + 1) * inner_step]

go to row ``lane`` of the target (keys, values), or lane ``lane`` of row ``p`` (queries). Elements
that do not exist are zeros: garbage times zero could be NaN. Lanes that do not exist are anything.
Square blocks of pairs are transposed in registers where memory has them the other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.scores import Rows
from pharos.targets.cpu.attention.site import Place
from pharos.targets.cpu.attention.staging import lane_mask, masked_load, zeros
from pharos.targets.cpu.contractions.transpose import transpose


@dataclass(frozen=True)
class Pairs:
    """A block of ``place``, which is of bf16: how many ``lanes`` (at least one) and ``inner``
    elements of it exist."""

    place: Place
    base: Any
    lane_step: Any
    inner_step: Any
    lanes: Any
    inner: Any

    def at(self, lane: Any, inner: Any) -> Any:
        """The offset of an element."""
        row = index.add(self.base, index.mul(lane, self.lane_step))
        return index.add(row, index.mul(inner, self.inner_step))


def stage_pairs(source: Pairs, target: Rows, width: int, lanes_down: bool) -> None:
    """Copy ``source`` in blocks of ``width`` lanes and pairs, the last ones filled up.

    ``lanes_down`` says that the target has a row for each lane.
    """
    near = index.known(source.inner_step) == 1, index.known(source.lane_step) == 1
    if not any(near):
        _one_by_one(source, target, width, lanes_down)
        return
    read = _rows_of_lanes if near[0] else _rows_of_pairs
    turned = near[0] != lanes_down

    def blocks(low: Any, high: Any, whole: bool) -> None:
        def block(lane: Any, pair: Any) -> None:
            rows = read(source, width, lane, pair, whole)
            down, across = (lane, pair) if lanes_down else (pair, lane)
            for r, row in enumerate(transpose(rows) if turned else rows):
                at = target.at(index.add(down, index.constant(r)), across)
                dialect("vector").store(row, target.buffer, [at])

        _each(source.lanes, width, lambda lane: _between(low, high, width, lane, block))

    pairs = index.ceil_div(source.inner, 2)
    whole = index.round_down(_half(source.inner), width)
    blocks(index.constant(0), whole, True)
    blocks(whole, pairs, False)


def _each(count: Any, step: int, write: Any) -> None:
    def body(i: Any, _: list[Any]) -> list[Any]:
        write(i)
        return []

    index.loop(index.constant(0), count, step, [], body)


def _between(low: Any, high: Any, step: int, lane: Any, write: Any) -> None:
    def body(pair: Any, _: list[Any]) -> list[Any]:
        write(lane, pair)
        return []

    index.loop(low, high, step, [], body)


def _rows_of_lanes(source: Pairs, width: int, lane0: Any, pair: Any, whole: bool) -> list[Any]:
    """``width`` pairs of each lane, as they are in memory."""
    last = index.sub(source.lanes, index.constant(1))
    inner = index.mul(pair, index.constant(2))
    rows = []
    for r in range(width):
        lane = index.minimum(index.add(lane0, index.constant(r)), last)
        at = source.at(lane, inner)
        if whole:
            type_ = mlir.VectorType.get([2 * width], source.place.element)
            value = dialect("vector").load(type_, source.place.flat, [at])
        else:
            mask = lane_mask(2 * width, index.sub(source.inner, inner))
            value = masked_load(source.place, at, mask, 2 * width)
        rows.append(as_integers(value))
    return rows


def _rows_of_pairs(source: Pairs, width: int, lane: Any, pair0: Any, whole: bool) -> list[Any]:
    """Each pair of ``width`` lanes: two rows of memory, lane by lane in turn."""
    mask = lane_mask(width, index.sub(source.lanes, lane))
    rows = []
    for p in range(width):
        first = index.mul(index.add(pair0, index.constant(p)), index.constant(2))
        both = (first, index.add(first, index.constant(1)))
        halves = [_lanes(source, width, lane, one, mask, whole) for one in both]
        rows.append(as_integers(dialect("vector").interleave(*halves)))
    return rows


def _lanes(source: Pairs, width: int, lane: Any, inner: Any, mask: Any, whole: bool) -> Any:
    if whole:
        return masked_load(source.place, source.at(lane, inner), mask, width)
    arith, last = dialect("arith"), index.sub(source.inner, index.constant(1))
    value = masked_load(source.place, source.at(lane, index.minimum(inner, last)), mask, width)
    there = arith.cmpi(arith.CmpIPredicate.slt, inner, source.inner)
    return arith.select(there, value, zeros(value.type))


def _one_by_one(source: Pairs, target: Rows, width: int, lanes_down: bool) -> None:
    """Where neither loop walks neighbours."""
    arith, memref = dialect("arith"), dialect("memref")
    short, long = (mlir.IntegerType.get_signless(bits) for bits in (16, 32))
    last = index.sub(source.inner, index.constant(1))
    blocks = index.ceil_div(source.inner, 2 * width)

    def half(lane: Any, inner: Any) -> Any:
        at = source.at(lane, index.minimum(inner, last))
        value = arith.bitcast(short, memref.load(source.place.flat, [at]))
        there = arith.cmpi(arith.CmpIPredicate.slt, inner, source.inner)
        return arith.extui(long, arith.select(there, value, arith.constant(short, 0)))

    def one(lane: Any, pair: Any) -> None:
        first = index.mul(pair, index.constant(2))
        low, high = half(lane, first), half(lane, index.add(first, index.constant(1)))
        value = arith.ori(low, arith.shli(high, arith.constant(long, 16)))
        at = target.at(*((lane, pair) if lanes_down else (pair, lane)))
        memref.store(value, target.buffer, [at])

    pairs = index.mul(blocks, index.constant(width))
    _each(source.lanes, 1, lambda lane: _between(index.constant(0), pairs, 1, lane, one))


def _half(number: Any) -> Any:
    known = index.known(number)
    if known is not None:
        return index.constant(known // 2)
    return dialect("arith").divui(number, index.constant(2))


def as_integers(both: Any) -> Any:
    """A vector of bf16 as half as many pairs."""
    lanes = mlir.VectorType(both.type).shape[0] // 2
    return dialect("vector").bitcast(
        mlir.VectorType.get([lanes], mlir.IntegerType.get_signless(32)), both
    )
