"""The matrix unit that every GPU has: fused multiply-adds, each work-item its own small tile.

Exact in the sense of IEEE 754: each product is added to its sum with one rounding, in the order of
the inner steps. f16 and bf16 factors are multiplied and summed in f32, integers wrap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.gpu_plan import factor_values, inner_fast
from pharos.targets.common.contractions.unit import (
    LEFT,
    RIGHT,
    MatrixUnit,
    Run,
    SharedTile,
    Sums,
)
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast
from pharos.targets.common.nests.lanes import splat

_STEPS = 4  # inner steps that are loaded at a time
_GROUP = 4  # neighbouring lines of one work-item, where they are loaded as one vector


@dataclass(frozen=True)
class FmaUnit(MatrixUnit):
    """Multiply-adds on tiles of ``tile_rows x tile_columns`` per work-item.

    The work-items of a subgroup are an array of ``lanes / 8`` by 8. A work-item has groups of four
    neighbouring rows and columns; but single ones of a factor whose tile is ``inner_fast``
    (``left_inner_fast``, ``right_inner_fast``), or its loads would meet in one bank.
    """

    factor: str = "f32"
    sum: str = "f32"
    lanes: int = 32
    tile_rows: int = 8
    tile_columns: int = 8
    left_inner_fast: bool = True
    right_inner_fast: bool = False

    name = "fma"
    inner = _STEPS
    across = 8

    @property
    def down(self) -> int:
        """Work-items of the subgroup one below the other."""
        return self.lanes // self.across

    @property
    def rows(self) -> int:  # type: ignore[override]
        """Rows of a piece."""
        return self.down * self.tile_rows

    @property
    def columns(self) -> int:  # type: ignore[override]
        """Columns of a piece."""
        return self.across * self.tile_columns

    def padding(self, side: str, inner_fast: bool) -> int:
        """16 bytes: eight lines that are read at one inner step are in different banks."""
        return 16 * 8 // max(8, mlir.Type.parse(self.factor).width)

    def fragments(
        self, tile: SharedTile, side: str, lane: Any, line: Any, inner: Any, count: int
    ) -> list[Any]:
        """Each is a list over ``_STEPS``: scalars by row (left) or a vector of all columns (right),
        in the type of the sums."""
        return [self._one(tile, side, lane, line, inner, number) for number in range(count)]

    def _one(
        self, tile: SharedTile, side: str, lane: Any, line: Any, inner: Any, number: int
    ) -> list[Any]:
        size = self.rows if side == LEFT else self.columns
        first = index.add(line, index.constant(number * size))
        lines = [index.add(first, offset) for offset in self.lines(side, lane)]
        read = self._by_line if tile.inner_fast else self._by_step
        by_step = read(tile, lines, inner)
        if side == LEFT:
            return by_step
        return [_vector(values) for values in by_step]

    def _by_line(self, tile: SharedTile, lines: list[Any], inner: Any) -> list[list[Any]]:
        """Each line is loaded with all its steps."""
        loaded = [self._widened(tile.load(line, inner, _STEPS)) for line in lines]
        return [[_lane(vector, step) for vector in loaded] for step in range(_STEPS)]

    def _by_step(self, tile: SharedTile, lines: list[Any], inner: Any) -> list[list[Any]]:
        """Each step is loaded with groups of neighbouring lines."""
        found: list[list[Any]] = []
        for step in range(_STEPS):
            at = index.add(inner, index.constant(step))
            vectors = [self._widened(tile.load(line, at, _GROUP)) for line in lines[::_GROUP]]
            found.append([_lane(v, i) for v in vectors for i in range(_GROUP)])
        return found

    def lines(self, side: str, lane: Any) -> list[Any]:
        """The lines of a piece that belong to ``lane``, relative to its first."""
        arith, across = dialect("arith"), index.constant(self.across)
        if side == LEFT:
            own, count, others = arith.divui(lane, across), self.tile_rows, self.down
        else:
            own, count, others = arith.remui(lane, across), self.tile_columns, self.across
        group = self._group(side)
        first = index.mul(own, index.constant(group))
        return [
            index.add(first, index.constant(n // group * group * others + n % group))
            for n in range(count)
        ]

    def _group(self, side: str) -> int:
        single = self.left_inner_fast if side == LEFT else self.right_inner_fast
        return 1 if single else _GROUP

    def _widened(self, value: Any) -> Any:
        """``value`` (a vector of factors) in the type of the sums."""
        if self.factor == self.sum:
            return value
        type_ = mlir.VectorType.get(value.type.shape, mlir.Type.parse(self.sum))
        return dialect("arith").extf(type_, value)

    def zero(self) -> Sums:
        """A vector for each row of the work-item's tile."""
        type_ = mlir.VectorType.get([self.tile_columns], mlir.Type.parse(self.sum))
        return [splat(type_, 0) for _ in range(self.tile_rows)]

    def multiply(self, left: Any, right: Any, sums: Sums) -> Sums:
        """One multiply-add per step and element."""
        for rows, columns in zip(left, right, strict=True):
            sums = [_multiply_add(row, columns, sum_) for row, sum_ in zip(rows, sums, strict=True)]
        return sums

    def runs(self, lane: Any) -> list[Run]:
        """Groups of columns, row after row."""
        group = self._group(RIGHT)
        columns = self.lines(RIGHT, lane)[::group]
        return [Run(row, column, group) for row in self.lines(LEFT, lane) for column in columns]

    def values(self, sums: Sums) -> list[list[Any]]:
        """The scalars of each group."""
        group = self._group(RIGHT)
        starts = range(0, self.tile_columns, group)
        return [[_lane(row, c + i) for i in range(group)] for row in sums for c in starts]


def _lane(vector: Any, number: int) -> Any:
    return dialect("vector").extract(vector, dynamic_position=[], static_position=[number])


def _vector(values: list[Any]) -> Any:
    type_ = mlir.VectorType.get([len(values)], values[0].type)
    return dialect("vector").from_elements(type_, values)


def _multiply_add(row: Any, columns: Any, sums: Any) -> Any:
    arith = dialect("arith")
    rows = broadcast(row, columns.type.shape[0])
    if isinstance(row.type, mlir.IntegerType):
        return arith.addi(sums, arith.muli(rows, columns))
    return dialect("vector").fma(rows, columns, sums)


def fma_unit(contraction: Contraction, lanes: int, sub_m: int, sub_n: int) -> FmaUnit:
    """The unit for ``contraction`` whose subgroups have ``sub_m`` rows and ``sub_n`` columns: the
    largest tiles of work-items that these are multiples of."""
    value, _ = factor_values(contraction)
    sums = str(contraction.result.type.element_type)
    unit = FmaUnit(
        factor=str(value.type),
        sum="f32" if sums in ("f16", "bf16") else sums,
        lanes=lanes,
        left_inner_fast=inner_fast(contraction, contraction.left),
        right_inner_fast=inner_fast(contraction, contraction.right),
    )
    large = [size for size in (8, 4) if sub_m % (unit.down * size) == 0]
    wide = [size for size in (8, 4) if sub_n % (unit.across * size) == 0]
    return replace(unit, tile_rows=(large or [4])[0], tile_columns=(wide or [4])[0])
