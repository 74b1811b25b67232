"""The microkernel of a direct convolution: sums of a few pixels of a row, filters on the lanes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.cpu.contractions import lanes as lane
from pharos.targets.cpu.contractions.direct import DirectPlan, TileKind
from pharos.targets.cpu.contractions.places import Place

_AHEAD = 16  # steps ahead of which filters are asked for
# Channels ahead of which pixels are asked for, where there are many more: planes of an image are
# often a multiple of 4 KiB apart, so that the first-level cache holds few of them.
_CHANNELS_AHEAD, _MANY_CHANNELS = 2, 16
_UNROLLED = 3  # steps that a turn of the innermost loop has, at least

Range = tuple[Any, Any]


@dataclass(frozen=True)
class Level:
    """A loop of a tile: its size, by how much it moves in the image, the steps of one turn, how
    many of its turns are written out."""

    size: int
    moves: Any
    steps: int
    several: int


class Tile:
    """A tile of ``kind``; ``filters`` and ``image`` are each a memory and the offset in it at which
    the panel and the first pixel begin."""

    def __init__(
        self, plan: DirectPlan, kind: TileKind, filters: tuple[Any, Any], image: tuple[Place, Any]
    ) -> None:
        self.plan, self.kind = plan, kind
        self.filters, self.panel = filters
        self.image, self.pixels = image
        self.width, self.vectors = plan.tiles.width, plan.vectors
        self.levels = list(self._levels())

    def _levels(self) -> Iterator[Level]:
        direct = self.plan.direct
        sizes = direct.contraction.sizes
        loops = [w.tap for w in direct.others if w.tap is not None] + list(direct.channels)
        steps = math.prod(sizes[loop] or 1 for loop in loops) * direct.row.taps
        for loop in loops:
            size = sizes[loop] or 1
            steps //= size
            innermost = loop == loops[-1] and loop in direct.channels
            several = _several(size, direct.row.taps) if innermost else 1
            yield Level(size, self.image.steps[loop], steps, several)

    @property
    def turns(self) -> int:
        """How often the innermost loop turns, where no tap is left out."""
        return math.prod(level.size // level.several for level in self.levels)

    def multiply(self, ranges: Sequence[Range], meanwhile: Callable[[Any], None]) -> list[Any]:
        """The sums in vectors, those of a pixel side by side.

        ``ranges`` are the bounds of the first levels, the other windows' taps. ``meanwhile(i)``
        writes what is to be done in turn i of the innermost loop.
        """
        zeros = lane.zeros(self.width, self.image.element)

        def loops(depth: int, turn: Any, panel: Any, pixels: Any, sums: list[Any]) -> list[Any]:
            if depth == len(self.levels):
                meanwhile(turn)
                return self._step(panel, pixels, sums)
            level = self.levels[depth]
            low, high = index.constant(0), index.constant(level.size)
            if depth < len(ranges):
                low, high = ranges[depth]

            def body(i: Any, carried: list[Any]) -> list[Any]:
                first = index.add(panel, index.mul(i, index.constant(level.steps * self._lanes)))
                there = index.add(pixels, index.mul(i, level.moves))
                inner = index.add(index.mul(turn, index.constant(level.size)), i)
                if level.several == 1:
                    self._ask_ahead(depth, there)
                    return loops(depth + 1, inner, first, there, carried)
                return self._turns(level, first, there, inner, carried, meanwhile)

            return index.loop(low, high, level.several, sums, body)

        zero = index.constant(0)
        sums = [zeros] * (self.kind.pixels * self.vectors)
        return loops(0, zero, self.panel, self.pixels, sums)

    @property
    def _lanes(self) -> int:
        return self.vectors * self.width

    def _turns(
        self,
        level: Level,
        panel: Any,
        pixels: Any,
        turn: Any,
        sums: list[Any],
        meanwhile: Callable[[Any], None],
    ) -> list[Any]:
        """Several turns of the innermost loop."""
        meanwhile(dialect("arith").divui(turn, index.constant(level.several)))
        for more in range(level.several):
            first = index.add(panel, index.constant(more * level.steps * self._lanes))
            there = index.add(pixels, index.mul(index.constant(more), level.moves))
            self._ask_ahead(len(self.levels) - 1, there)
            sums = self._step(first, there, sums)
        return sums

    def _ask_ahead(self, depth: int, pixels: Any) -> None:
        """Ask for the pixels of a channel that comes soon; ``pixels`` are this one's."""
        level = self.levels[depth]
        if depth + 1 < len(self.levels) or level.size < _MANY_CHANNELS:
            return
        there = index.add(pixels, index.mul(index.constant(_CHANNELS_AHEAD), level.moves))
        reach = [self._distance(p, k) for k, ps in enumerate(self.kind.reached) for p in ps]
        if not reach:
            return
        line = 64 * 8 // self.image.element.width
        for at in sorted({*range(min(reach), max(reach), line), max(reach)}):
            where = [index.add(there, index.constant(at))]
            dialect("memref").prefetch(self.image.flat, where, False, 3, True)

    def _distance(self, pixel: int, tap: int) -> int:
        """From the first pixel of the tile at the first tap to another at another."""
        row, steps = self.plan.direct.row, self.image.steps
        found = pixel * (index.known(steps[row.out]) or 0) if row.out in steps else 0
        return found + (tap * (index.known(steps[row.tap]) or 0) if row.tap is not None else 0)

    def _step(self, panel: Any, pixels: Any, sums: list[Any]) -> list[Any]:
        """``sums[p][v] += filters[tap][v] * image[p + tap]`` for the taps of the row."""
        sums, vector = list(sums), dialect("vector")
        for tap, reached in enumerate(self.kind.reached):
            if not reached:
                continue
            weights = self._weights(index.add(panel, index.constant(tap * self._lanes)))
            for p in reached:
                there = index.add(pixels, index.constant(self._distance(p, tap)))
                pixel = dialect("memref").load(self.image.flat, [there])
                for v, weight in enumerate(weights, p * self.vectors):
                    sums[v] = vector.fma(broadcast(pixel, self.width), weight, sums[v])
        return sums

    def _weights(self, at: Any) -> list[Any]:
        """The filters of one step; those of a later one are asked for."""
        type_, found = lane.vector_of(self.width, self.image.element), []
        for v in range(self.vectors):
            ahead = index.constant((_AHEAD * self.vectors + v) * self.width)
            dialect("memref").prefetch(self.filters, [index.add(at, ahead)], False, 3, True)
            where = [index.add(at, index.constant(v * self.width))]
            found.append(dialect("vector").load(type_, self.filters, where))
        return found


def _several(size: int, taps: int) -> int:
    """How many channels are written out: few taps would leave short turns of the loop."""
    wanted = math.ceil(_UNROLLED / taps)
    return next(n for n in range(wanted, 0, -1) if size % n == 0)
