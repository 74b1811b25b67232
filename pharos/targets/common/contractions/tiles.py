"""Sizes of a contraction kernel: what a block, a subgroup and a pipeline stage hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

NAMES = ("block_m", "block_n", "block_k", "sub_m", "sub_n", "stages")


@dataclass(frozen=True)
class Tiles:
    """A block of work-items computes ``block_m`` rows and ``block_n`` columns, ``block_k`` inner
    steps at a time; ``stages`` such tiles are in workgroup memory. A subgroup computes ``sub_m``
    rows and ``sub_n`` columns of the block."""

    block_m: int
    block_n: int
    block_k: int
    sub_m: int
    sub_n: int
    stages: int

    def subgroups(self) -> int:
        """Subgroups of a block."""
        return (self.block_m // self.sub_m) * (self.block_n // self.sub_n)


@dataclass(frozen=True)
class UnitSizes:
    """The sizes of a matrix unit that tiles must be multiples of."""

    rows: int
    columns: int
    inner: int


def problems(tiles: Tiles, unit: UnitSizes, lanes: int, most_threads: int) -> list[str]:
    """Why no kernel can have ``tiles``, a sentence each; none when one can.

    Workgroup memory and registers are not looked at: what they hold is the target's to say.
    """
    found = [
        f"{name} = {value} is not a positive number"
        for name, value in vars(tiles).items()
        if value < 1
    ]
    if found:
        return found
    parts = (
        ("sub_m", tiles.sub_m, "rows of a matrix unit", unit.rows),
        ("sub_n", tiles.sub_n, "columns of a matrix unit", unit.columns),
        ("block_m", tiles.block_m, "sub_m", tiles.sub_m),
        ("block_n", tiles.block_n, "sub_n", tiles.sub_n),
        ("block_k", tiles.block_k, "inner steps of a matrix unit", unit.inner),
        ("block_k", tiles.block_k, "elements that rows in workgroup memory come in", 8),
    )
    found = [
        f"{name} = {value} is not a multiple of {size}, the {what}"
        for name, value, what, size in parts
        if value % size
    ]
    if found:
        return found
    threads = tiles.subgroups() * lanes
    if threads > most_threads:
        found.append(f"{tiles.subgroups()} subgroups are {threads} work-items of {most_threads}")
    for name, size in (("block_m", tiles.block_m), ("block_n", tiles.block_n)):
        if size * tiles.block_k % threads:
            found.append(
                f"{name} x block_k = {size} x {tiles.block_k} does not share out"
                f" to {threads} work-items"
            )
    if tiles.stages < 2:
        found.append("stages = 1 leaves no tile to load into while another is used")
    return found


def with_overrides(tiles: Tiles, wanted: Mapping[str, int]) -> Tiles:
    """``tiles`` with the values of ``wanted`` that are tiles' names."""
    return replace(tiles, **{name: wanted[name] for name in NAMES if name in wanted})


def trips(extent: int, block: int) -> int:
    """Blocks that cover ``extent``."""
    return math.ceil(extent / block)


def default_tiles(
    unit: UnitSizes,
    m: int,
    n: int,
    block_k: int,
    stages: int,
    most: tuple[int, int] = (64, 64),
) -> Tiles:
    """Tiles without a model of the machine: four subgroups of up to ``most`` rows and columns, less
    for few of them."""
    sub_m, sub_n = _part(unit.rows, m, most[0]), _part(unit.columns, n, most[1])
    down = 2 if m > sub_m else 1
    across = 2 if n > sub_n else 1
    return Tiles(sub_m * down, sub_n * across, block_k, sub_m, sub_n, stages)


def _part(unit: int, extent: int, most: int) -> int:
    size = unit
    while size * 2 <= most and size < extent:
        size *= 2
    return size
