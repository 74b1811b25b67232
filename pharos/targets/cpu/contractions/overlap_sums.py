"""Products of an image and taps, added to the result where they overlap.

for feature, for taps q, for rows of the image:
  y[i + q - cut] += z[q, i]        // a row as vectors
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.contractions.contraction import Operand
from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions import lanes as lane


@dataclass(frozen=True)
class Row:
    """One dimension with a window: its loops ``out`` and ``tap``, the numbers of taps and of
    results, the ``size`` of the image, the zeros before it, the distance between taps."""

    out: int
    tap: int
    taps: int
    outs: int
    size: int
    start: int
    dilation: int

    @property
    def cut(self) -> int:
        """Where the result begins in the sums of all overlaps."""
        return self.dilation * (self.taps - 1) - self.start


@dataclass(frozen=True)
class Layout:
    """A block of sums: the ``order`` of its loops, the windows last, and the ``size`` of each."""

    order: tuple[int, ...]
    size: dict[int, int]
    rows: tuple[Row, ...]


def add_up(layout: Layout, sums: Any, result: Operand, at: dict[int, Any], width: int) -> None:
    """Add the block ``sums``, which begins ``at`` in some loops, to ``result``, ``width`` lanes at
    a time."""
    rows = {row.out: row for row in layout.rows}
    before = layout.order[:-1]

    def nest(number: int, place: dict[int, Any]) -> None:
        """The loops from ``number`` on, ``place`` being where the others are."""
        if number == len(before):
            _row(layout, sums, result, at, place, width)
            return
        loop = before[number]
        low, high = _range(layout, rows.get(loop), loop, at, place)

        def body(i: Any, _: list[Any]) -> list[Any]:
            nest(number + 1, {**place, loop: i})
            return []

        index.loop(low, high, 1, [], body)

    nest(0, {})


def _range(
    layout: Layout, row: Row | None, loop: int, at: dict[int, Any], place: dict[int, Any]
) -> tuple[Any, Any]:
    """Which elements of a block, along ``loop``, reach the result."""
    size = index.constant(layout.size[loop])
    if row is None:
        return index.constant(0), size
    arith, first = dialect("arith"), _first(row, at, place)
    low = arith.maxsi(index.constant(0), index.sub(index.constant(0), first))
    return low, index.minimum(size, index.sub(index.constant(row.outs), first))


def _first(row: Row, at: dict[int, Any], place: dict[int, Any]) -> Any:
    """The result that element 0 of the block belongs to, for the tap in ``place``."""
    moved = index.mul(place[row.tap], index.constant(row.dilation))
    moved = index.sub(moved, index.constant(row.cut)) if row.cut else moved
    return index.add(at[row.out], moved) if row.out in at else moved


def _row(
    layout: Layout,
    sums: Any,
    result: Operand,
    at: dict[int, Any],
    place: dict[int, Any],
    width: int,
) -> None:
    """The innermost loop: a row of the image."""
    last = layout.rows[-1]
    low, high = _range(layout, last, last.out, at, place)
    rows = {row.out: row for row in layout.rows}
    element = result.type.element_type
    if last.size <= width // 2:
        width //= 2  # shorter vectors hold the row as well
    type_, vector = lane.vector_of(width, element), dialect("vector")

    def spot(loop: int, i: Any) -> Any:
        """The index of the result that loop ``loop`` reaches at ``i``."""
        if loop in rows:
            return index.add(_first(rows[loop], at, place), i)
        return index.add(at[loop], i) if loop in at else i

    def body(i: Any, _: list[Any]) -> list[Any]:
        here = {**place, last.out: i}
        mask = lane.mask(width, index.sub(high, i))
        where = [here[loop] for loop in layout.order]
        to = [
            spot(loop, here[loop])
            if (loop := next(iter(factor), None)) is not None
            else index.constant(0)
            for factor in result.factors
        ]
        zeros = lane.zeros(width, element)
        new = vector.maskedload(type_, sums, where, mask, zeros)
        old = vector.maskedload(type_, result.buffer, to, mask, zeros)
        vector.maskedstore(result.buffer, to, mask, dialect("arith").addf(old, new))
        return []

    index.loop(low, high, width, [], body)
