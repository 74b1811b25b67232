"""Panels of pairs: two neighbouring inner elements of bf16 in 32 bits, the first in the low half.

``[k/2][lanes]`` is what VDPBF16PS multiplies, and what TDPBF16PS takes as its second factor.
Beyond the last inner element there are zeros: garbage times zero could be NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.contractions import lanes as lane
from pharos.targets.cpu.contractions.pack import Packer, Source
from pharos.targets.cpu.contractions.transpose import transpose

Read = Callable[[Any], Any]


class PairPacker(Packer):
    """Packs a factor that is one operand of bf16; steps are pairs."""

    def _whole_steps(self, k: Any, steps: Any) -> Any:
        pairs = dialect("arith").divui(self.site.count("inner"), index.constant(2))
        return index.minimum(steps, index.sub(pairs, k))

    def _steps(self, low: Any, high: Any, k: Any, target: Any, at: Any, reads: list[Read]) -> None:
        """Steps ``low .. high``: those that exist, then the half one and zeros."""
        (source,), (read,) = self.sources, reads
        middle = _between(low, self._whole_steps(k, high), high)

        def write(pair: Callable[[Source, Read, Any], Any]) -> Any:
            def body(i: Any, _: list[Any]) -> list[Any]:
                where = index.add(at, index.mul(i, index.constant(self.panel)))
                self._put(pair(source, read, index.add(k, i)), target, where)
                return []

            return body

        index.loop(low, middle, 1, [], write(self.pair))
        index.loop(middle, high, 1, [], write(self.last_pair))

    def pair(self, source: Source, read: Read, step: Any) -> Any:
        """The lanes of inner elements ``2 * step`` and the next, both of which exist."""
        first = index.mul(step, index.constant(2))
        both = [first, index.add(first, index.constant(1))]
        return self._joined([self._lanes(source, read, element) for element in both])

    def last_pair(self, source: Source, read: Read, step: Any) -> Any:
        """The same where one element or both may not exist."""
        arith, inner = dialect("arith"), self.site.count("inner")
        last = index.sub(inner, index.constant(1))
        halves = []
        for half in range(2):
            element = index.add(index.mul(step, index.constant(2)), index.constant(half))
            there = arith.cmpi(arith.CmpIPredicate.slt, element, inner)
            value = self._lanes(source, read, index.minimum(element, last))
            zero = lane.zeros(self.width, source.place.element)
            halves.append(arith.select(there, value, zero))
        return self._joined(halves)

    def _lanes(self, source: Source, read: Read, element: Any) -> Any:
        return broadcast(read(index.add(source.origin, source.steps.at(element))), self.width)

    def _joined(self, halves: list[Any]) -> Any:
        return _as_pairs(dialect("vector").interleave(*halves), self.width)

    def rows(self, source: Source, lane0: Any, step: Any) -> list[Any]:
        """As many pairs from ``step`` on as a vector has lanes, for each lane from ``lane0`` on.

        Where inner elements are neighbours in memory, and all of them exist.
        """
        last = index.sub(self.end, index.constant(1))
        start = index.add(source.origin, index.mul(step, index.constant(2)))
        type_ = lane.vector_of(2 * self.width, source.place.element)
        rows = []
        for r in range(self.width):
            row = index.minimum(index.add(lane0, index.constant(r)), last)
            where = index.add(start, source.lanes.at(row))
            both = dialect("vector").load(type_, source.place.flat, [where])
            rows.append(_as_pairs(both, self.width))
        return rows

    def _transposed(
        self, source: Source, lane0: Any, k: Any, i: Any, target: Any, at: Any
    ) -> list[Any]:
        for r, column in enumerate(transpose(self.rows(source, lane0, index.add(k, i)))):
            to = index.mul(index.add(i, index.constant(r)), index.constant(self.panel))
            self._put(column, target, index.add(at, to))
        return []


def _between(low: Any, value: Any, high: Any) -> Any:
    """``value``, but not below ``low`` and not above ``high``."""
    bounded = index.minimum(value, high)
    known = index.known(low), index.known(bounded)
    if known[0] is not None and known[1] is not None:
        return index.constant(max(known[0], known[1]))
    return dialect("arith").maxsi(bounded, low)


def _as_pairs(both: Any, width: int) -> Any:
    type_ = lane.vector_of(width, mlir.IntegerType.get_signless(32))
    return dialect("vector").bitcast(type_, both)
