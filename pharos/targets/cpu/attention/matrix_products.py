"""Both products of a tile by AMX, in 16 x 16 sums.

What ``pair_products`` has in memory are rows of tile registers as TDPBF16PS wants them. Two by two
tiles of sums are in registers, two of each factor beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.pair_products import PairProducts
from pharos.targets.cpu.attention.products import Bounds, Sums, scaled_rows
from pharos.targets.cpu.attention.scores import Rows
from pharos.targets.cpu.attention.vectors import round_up
from pharos.targets.cpu.attention.weights import halved
from pharos.targets.cpu.contractions import matrix_registers as registers
from pharos.targets.cpu.contractions.matrix_registers import SIDE

_LEFT, _RIGHT = 4, 6  # registers of factors; sums are in 0 to 3


class MatrixProducts(PairProducts):
    """By matrix tiles."""

    whole = 2 * SIDE

    def begin(self) -> None:
        """Configure the tile registers of this thread."""
        registers.configure()

    def end(self) -> None:
        """Give them back."""
        registers.release()

    def sums(self, queries: Rows, keys: Rows, scores: Rows, bounds: Bounds) -> Sums:
        """All products go to ``scores`` at once, and are read from there."""
        low = index.round_down(bounds[0], SIDE)
        high = index.mul(index.ceil_div(bounds[1], SIDE), index.constant(SIDE))
        steps = index.constant(0), index.constant(self._padded(self.depth))
        self._multiply(keys, queries, scores, (low, high), steps, fresh=True)

        def block(key: Any, rows: int) -> list[Any]:
            places = [
                scores.at(index.add(key, index.constant(r)), index.constant(v * SIDE))
                for r in range(rows)
                for v in range(self.tiles.vectors)
            ]
            return [self.vectors.load(scores.buffer, at) for at in places]

        return block

    def add_values(
        self, weights: Rows, values: Rows, out: Rows, bounds: Bounds, scales: list[Any]
    ) -> None:
        """The same, sums in ``out``."""

        def scale(column: Any, _: list[Any]) -> list[Any]:
            for at, value in zip(*scaled_rows(self.vectors, out, column, 1, scales), strict=True):
                self.vectors.store(value, out.buffer, at)
            return []

        index.loop(index.constant(0), index.constant(self.value_depth), 1, [], scale)
        rows = index.constant(0), index.constant(round_up(self.value_depth, SIDE))
        low, high = map(halved, self._widened(bounds))
        self._multiply(values, weights, out, rows, (low, high), fresh=False)

    def _multiply(
        self, left: Rows, right: Rows, sums: Rows, rows: Bounds, steps: Bounds, fresh: bool
    ) -> None:
        """``sums[row][lane] = sum over steps of left[row][step] * right[step][lane]``, added
        to what is there unless ``fresh``; rows and steps are multiples of 16."""

        def blocks(low: Any, high: Any, down: int) -> None:
            def block(row: Any, _: list[Any]) -> list[Any]:
                for lane in range(0, self.tiles.query_tile, 2 * SIDE):
                    across = min(2, (self.tiles.query_tile - lane) // SIDE)
                    tile = _Tile(left, right, sums, row, index.constant(lane), down, across)
                    tile.write(steps, fresh)
                return []

            index.loop(low, high, down * SIDE, [], block)

        low, high = rows
        middle = index.add(low, index.round_down(index.sub(high, low), 2 * SIDE))
        blocks(low, middle, 2)
        blocks(middle, high, 1)


class _Tile:
    """``down`` by ``across`` tiles of sums from ``row`` and ``lane`` on."""

    def __init__(
        self, left: Rows, right: Rows, sums: Rows, row: Any, lane: Any, down: int, across: int
    ) -> None:
        self.left, self.right, self.sums = left, right, sums
        self.row, self.lane = row, lane
        self.down, self.across = down, across

    def write(self, steps: Bounds, fresh: bool) -> None:
        """Load or clear the sums, multiply over ``steps``, store the sums."""
        if fresh:
            for number in range(self.down * self.across):
                registers.clear(number)
        else:
            self._each_sum(registers.load)

        def step(k: Any, _: list[Any]) -> list[Any]:
            for c in range(self.across):
                at = self.right.at(k, index.add(self.lane, index.constant(c * SIDE)))
                registers.load(_RIGHT + c, self.right.buffer, at, self.right.stride)
            for r in range(self.down):
                at = self.left.at(index.add(self.row, index.constant(r * SIDE)), k)
                registers.load(_LEFT + r, self.left.buffer, at, self.left.stride)
            for r in range(self.down):
                for c in range(self.across):
                    registers.multiply(r * self.across + c, _LEFT + r, _RIGHT + c)
            return []

        index.loop(*steps, SIDE, [], step)
        self._each_sum(registers.store)

    def _each_sum(self, move: Callable[[int, Any, Any, int], None]) -> None:
        for r in range(self.down):
            for c in range(self.across):
                row = index.add(self.row, index.constant(r * SIDE))
                at = self.sums.at(row, index.add(self.lane, index.constant(c * SIDE)))
                move(r * self.across + c, self.sums.buffer, at, self.sums.stride)
