"""Products by AMX: 32 x 32 sums in four tile registers, two tiles of each factor beside them.

The left factor's panels are ``[steps / 16][lanes][16]``: each tile of 16 lanes and 16 pairs is
64 bytes times 16 rows without a gap. The right factor's are ``[steps][lanes]`` as for vectors:
what TDPBF16PS calls its second source (Intel SDM, volume 2, TDPBF16PS).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions import matrix_registers as registers
from pharos.targets.cpu.contractions.matrix_registers import SIDE
from pharos.targets.cpu.contractions.pairs import PairPacker
from pharos.targets.cpu.contractions.parameters import Tiles
from pharos.targets.cpu.contractions.transpose import transpose


class TilePacker(PairPacker):
    """Packs the left factor into tiles."""

    def pack(self, first: Any, count: Any, k: Any, steps: Any, target: Any, at: Any) -> None:
        """Panels for lanes ``first .. first + count`` and ``steps`` pairs from ``k`` on."""
        panels = index.ceil_div(count, self.panel)

        def each_panel(p: Any, _: list[Any]) -> list[Any]:
            start = index.mul(p, index.constant(self.panel))
            to = index.add(at, index.mul(start, steps))
            for inside in range(0, self.panel, SIDE):
                lane0 = index.add(index.add(first, start), index.constant(inside))
                self._tiles(lane0, k, steps, target, index.add(to, index.constant(inside * SIDE)))
            return []

        index.loop(index.constant(0), panels, 1, [], each_panel)

    def _tiles(self, lane0: Any, k: Any, steps: Any, target: Any, at: Any) -> None:
        """The tiles of 16 lanes: those whose pairs all exist, then the others."""
        (source,) = self.sources
        whole = index.round_down(self._whole_steps(k, steps), SIDE)
        read = self._reader(source, lane0, self._mask(lane0))
        direct = source.steps.unit and not source.lanes.still

        def rows(pair: Callable[[Any, Any, Any], Any]) -> Callable[[Any], list[Any]]:
            return lambda step: transpose(
                [pair(source, read, index.add(step, index.constant(i))) for i in range(SIDE)]
            )

        first = (lambda step: self.rows(source, lane0, step)) if direct else rows(self.pair)
        for low, high, made in (
            (index.constant(0), whole, first),
            (whole, steps, rows(self.last_pair)),
        ):
            index.loop(low, high, SIDE, [], self._tile(k, target, at, made))

    def _tile(self, k: Any, target: Any, at: Any, made: Callable[[Any], list[Any]]) -> Any:
        def body(i: Any, _: list[Any]) -> list[Any]:
            to = index.add(at, index.mul(i, index.constant(self.panel)))
            for r, row in enumerate(made(index.add(k, i))):
                dialect("vector").store(row, target, [index.add(to, index.constant(r * SIDE))])
            return []

        return body


def multiply_tiles(
    tiles: Tiles,
    left: tuple[Any, Any],
    right: tuple[Any, Any],
    count: Any,
    sums: Any,
    meanwhile: Callable[[Any], None],
) -> None:
    """Write the products of two panels over ``count`` pairs, a multiple of 16, to ``sums``.

    ``sums`` is flat, ``mr`` rows of ``nr`` f32 elements; ``left`` and ``right`` are pairs of a
    flat buffer and the offset of a panel in it; ``meanwhile(i)`` writes what is to be done beside
    the i-th 16 pairs.
    """
    down, across = tiles.mr // SIDE, tiles.nr // SIDE
    results = [[r * across + c for c in range(across)] for r in range(down)]
    lefts = [down * across + r for r in range(down)]
    rights = [down * across + down + c for c in range(across)]
    for number in range(down * across):
        registers.clear(number)

    def body(k: Any, _: list[Any]) -> list[Any]:
        meanwhile(dialect("arith").divui(k, index.constant(SIDE)))
        at = index.add(left[1], index.mul(k, index.constant(tiles.mr)))
        for r, register in enumerate(lefts):
            inside = index.add(at, index.constant(r * SIDE * SIDE))
            registers.load(register, left[0], inside, SIDE)
        at = index.add(right[1], index.mul(k, index.constant(tiles.nr)))
        for c, register in enumerate(rights):
            inside = index.add(at, index.constant(c * SIDE))
            registers.load(register, right[0], inside, tiles.nr)
        for r in range(down):
            for c in range(across):
                registers.multiply(results[r][c], lefts[r], rights[c])
        return []

    index.loop(index.constant(0), count, SIDE, [], body)
    for r in range(down):
        for c in range(across):
            at = index.constant(r * SIDE * tiles.nr + c * SIDE)
            registers.store(results[r][c], sums, at, tiles.nr)
