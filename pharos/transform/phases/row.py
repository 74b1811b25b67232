"""The phases of a convolution along one dimension whose input has zeros between its elements.

Element i of the input lies at ``offset + i * stride`` of a row of zeros, over which a window of
``taps`` elements, ``dilation`` apart, moves one by one. Of each window only some taps meet an
element, and which ones depends on the position modulo ``stride``: the phase. Along one phase the
window moves over the input itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One dimension: ``size`` elements at ``offset + i * stride``, ``out`` windows."""

    size: int
    offset: int
    stride: int
    out: int
    taps: int
    dilation: int

    def phases(self) -> list[Phase]:
        """All phases that have outputs, in order."""
        return [self._phase(first) for first in range(min(self.stride, self.out))]

    def _phase(self, first: int) -> Phase:
        shared = math.gcd(self.dilation, self.stride)
        step = self.stride // shared
        tap = next((k for k in range(step) if self._meets(first, k)), self.taps)
        taps = len(range(tap, self.taps, step))
        start = (first + tap * self.dilation - self.offset) // self.stride if taps else 0
        count = len(range(first, self.out, self.stride))
        return Phase(first, count, tap, step, taps, start, self.dilation // shared)

    def _meets(self, first: int, tap: int) -> bool:
        """Whether tap ``tap`` of window ``first`` is at an element's place."""
        return (first + tap * self.dilation - self.offset) % self.stride == 0

    def margins(self) -> tuple[int, int]:
        """Zeros needed before the first and after the last element."""
        used = [phase for phase in self.phases() if phase.taps]
        low = max((-phase.start for phase in used), default=0)
        high = max((phase.start + phase.reach - self.size for phase in used), default=0)
        return max(0, low), max(0, high)


@dataclass(frozen=True)
class Phase:
    """Outputs ``first + q * stride`` for q below ``count``.

    Output q is the sum over ``taps`` taps m of input ``start + q + m * dilation``, zero outside,
    times tap ``tap + m * step`` of the window.
    """

    first: int
    count: int
    tap: int
    step: int
    taps: int
    start: int
    dilation: int

    @property
    def reach(self) -> int:
        """How many neighbouring inputs the phase needs, from ``start`` on."""
        return self.count + (self.taps - 1) * self.dilation
