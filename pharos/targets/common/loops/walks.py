"""Operands as functions of a row and a place in the row: equal functions look the same.

x[n, c, h, w] with rows n, c        rows ((N * C, H * W),)   inside ((H * W, 1),)
b[c]                                rows ((N, 0), (C, 1))    inside ()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.nests.memory import memory

Steps = tuple[tuple[int, int], ...]
"""Sizes and strides, outermost first; neighbours that walk as one are one."""


@dataclass(frozen=True)
class Walk:
    """``offset`` of the first element, how rows and how the places inside a row move."""

    element: str
    offset: int
    rows: Steps
    inside: Steps

    @property
    def contiguous(self) -> bool:
        """Whether places inside a row are neighbours in memory, all or in runs."""
        return bool(self.inside) and self.inside[-1][1] == 1

    def neighbours(self, width: int) -> bool:
        """Whether ``width`` places, from a multiple of it on, are a vector in memory, aligned to
        its size."""
        others = (self.offset, *(s for _, s in self.rows), *(s for _, s in self.inside[:-1]))
        whole = self.contiguous and self.inside[-1][0] % width == 0
        return whole and not any(n % width for n in others)

    def same(self, width: int) -> bool:
        """Whether ``width`` places, from a multiple of it on, are one element."""
        return bool(self.inside) and self.inside[-1][1] == 0 and self.inside[-1][0] % width == 0


def walk_of(found: Flat, reach: Reach, leading: int) -> Walk:
    """How ``reach`` moves, the ``leading`` loops of ``found`` being the rows."""
    pairs = [(loop.size, s) for loop, s in zip(found.loops, reach.strides, strict=True)]
    rows, inside = _merged(pairs[:leading]), _merged(pairs[leading:])
    return Walk(str(reach.element), reach.offset or 0, rows, inside)


def _merged(pairs: Sequence[tuple[int, int]]) -> Steps:
    steps: list[tuple[int, int]] = []
    for size, stride in pairs:
        if steps and steps[-1][1] == stride * size:
            steps[-1] = (steps[-1][0] * size, stride)
        else:
            steps.append((size, stride))
    return () if all(stride == 0 for _, stride in steps) else tuple(steps)


def root_of(found: Flat, reach: Reach) -> Any:
    """The memory behind the operand; None where that is not known."""
    return memory(found.nest.operation.operands[reach.number])
