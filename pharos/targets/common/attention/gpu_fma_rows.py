"""Rows of the multiply-adds that every GPU has, for f32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pharos.targets.common.attention.gpu_plan import HeadLayouts
from pharos.targets.common.attention.gpu_rows import RowLayout, times
from pharos.targets.common.attention.gpu_tiles import AttentionTiles, HeadSizes, HeadUnit, chunks
from pharos.targets.common.contractions.fma_unit import FmaUnit
from pharos.targets.common.contractions.unit import LEFT, RIGHT, Fragment, Sums


@dataclass(frozen=True)
class FmaRows(RowLayout):
    """A lane has ``unit.tile_rows`` rows; eight neighbouring lanes share them."""

    unit: FmaUnit
    partners = (1, 2, 4)

    @property
    def slots(self) -> int:  # type: ignore[override]
        """Rows of a lane."""
        return self.unit.tile_rows

    def rows(self, lane: Any) -> list[Any]:
        """One of every ``unit.down``."""
        return self.unit.lines(LEFT, lane)

    def columns(self, lane: Any) -> list[Any]:
        """As the unit has them."""
        return self.unit.lines(RIGHT, lane)

    def split(self, sums: Sums) -> list[Any]:
        """The unit keeps a vector for each row."""
        return list(sums)

    def scaled(self, sums: Sums, factors: Sequence[Any]) -> Sums:
        """Row by row."""
        return [times(row, factor) for row, factor in zip(sums, factors, strict=True)]

    def relaid(self, weights: Sequence[Any]) -> list[Fragment] | None:
        """A lane multiplies with all columns of its rows, most of which other lanes have."""
        return None

    def inner_fast(self, values: bool, heads_fast: bool) -> bool:
        """As the unit of the first and of the second product expects it."""
        return not values


def fma_layouts(lanes: int, tiles: AttentionTiles, sizes: HeadSizes) -> HeadLayouts:
    """Both units for ``tiles``: the same rows for each lane, as many as fit."""
    _, wide = chunks(sizes.dv, tiles.head_tile, FMA_UNIT[lanes].value_columns)
    rows = tiles.subgroup_rows
    scores = _layout(lanes, rows, tiles.key_tile, values=False)
    return HeadLayouts(scores, _layout(lanes, rows, wide, values=True), FMA_UNIT[lanes])


def _layout(lanes: int, rows: int, columns: int, values: bool) -> FmaRows:
    unit = FmaUnit(lanes=lanes, right_inner_fast=not values)
    tile_rows = next((size for size in (8, 4, 2) if rows % (unit.down * size) == 0), 1)
    wide = 8 if columns % (unit.across * 8) == 0 else 4
    return FmaRows(replace(unit, tile_rows=tile_rows, tile_columns=wide))


# By work-items of a subgroup. The left fragments of 8 lanes are the same, and the right ones of all
# that are in a column.
FMA_UNIT = {
    lanes: HeadUnit(
        rows=lanes // 8,
        columns=32,
        value_columns=32,
        inner=4,
        lanes=lanes,
        bytes=4,
        left=8,
        right=lanes // 8,
        keeps=False,
        relays=False,
        spare=88,
    )
    for lanes in (16, 32, 64)
}
