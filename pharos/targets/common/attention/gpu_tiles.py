"""Sizes of an attention kernel on a GPU, what they need of the chip, and which are legal.

A block has ``query_rows`` queries of one head, a subgroup ``subgroup_rows`` of them. It goes
through the keys ``key_tile`` at a time. Tiles of K and V come to workgroup memory in chunks of
``head_tile`` elements of a head (first those of K, then those of V), ``stages`` chunks are there at
a time. The keys are shared out to ``splits`` blocks, whose results a second kernel joins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

NAMES = ("query_rows", "subgroup_rows", "key_tile", "head_tile", "stages", "splits")
_LINE = 16  # what lines in workgroup memory are multiples of, in elements
_ODD = 32  # registers more where a chunk's length is no power of two: addresses by divisions


@dataclass(frozen=True)
class AttentionTiles:
    """The parameters; see above."""

    query_rows: int
    subgroup_rows: int
    key_tile: int
    head_tile: int
    stages: int
    splits: int

    @property
    def subgroups(self) -> int:
        """Subgroups of a block."""
        return self.query_rows // self.subgroup_rows

    def overridden(self, wanted: Mapping[str, int]) -> AttentionTiles:
        """With the values of ``wanted`` that are parameters."""
        return replace(self, **{name: wanted[name] for name in NAMES if name in wanted})


@dataclass(frozen=True)
class HeadUnit:
    """A matrix unit as attention uses it, in numbers.

    ``rows`` of a piece; ``columns`` are those that key tiles are multiples of, ``value_columns``
    those that chunks of V are; ``inner`` steps of an instruction. ``lanes`` of a subgroup, of which
    ``left`` hold each element of a left fragment and ``right`` of a right one. ``bytes`` of an
    element. ``keeps``: queries may stay in registers; ``relays``: weights stay there, too, else
    they go through workgroup memory. ``padding`` bytes follow
    each line in workgroup memory.

    Of registers ``per_score`` are needed for a score and what becomes of it, ``spare`` for
    addresses, counters, maxima and sums; where the compiler ``hoists``, all fragments of a chunk
    are in registers at once.
    """

    rows: int
    columns: int
    value_columns: int
    inner: int
    lanes: int
    bytes: int
    left: int = 1
    right: int = 1
    keeps: bool = True
    relays: bool = True
    padding: int = 16
    per_score: int = 2
    spare: int = 72
    hoists: bool = False


@dataclass(frozen=True)
class HeadSizes:
    """An attention in numbers: ``batch`` of ``rows`` queries each (those of several heads that
    share their keys count together), ``keys``, depths ``dk`` and ``dv``."""

    batch: int
    rows: int
    keys: int
    dk: int
    dv: int


@dataclass(frozen=True)
class Limits:
    """What a chip has: work-items of a block, bytes of workgroup memory, registers of a lane."""

    max_block: int
    shared: int
    registers: int


def chunks(depth: int, tile: int, multiple: int) -> tuple[int, int]:
    """How many chunks of at most ``tile`` elements cover ``depth``, and how long each is: a
    multiple of ``multiple`` and of 16."""
    unit = math.lcm(multiple, _LINE)
    count = math.ceil(depth / max(unit, tile // unit * unit))
    return count, math.ceil(depth / count / unit) * unit


def shared_bytes(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit, kept: bool) -> int:
    """Bytes of workgroup memory, where queries are ``kept`` in registers or not."""
    queries = query_bytes(tiles, sizes, unit)
    ring = tiles.stages * chunk_bytes(tiles, sizes, unit)
    both = max(queries, ring) if kept else queries + ring
    return both + weight_bytes(tiles, unit) + spare_bytes(tiles, unit)


def query_bytes(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit) -> int:
    """Bytes of the block's queries."""
    count, length = chunks(sizes.dk, tiles.head_tile, unit.inner)
    return _tile_bytes(tiles.query_rows, count * length, unit)


def chunk_bytes(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit) -> int:
    """Bytes of the larger of a chunk of K and one of V."""
    _, of_k = chunks(sizes.dk, tiles.head_tile, unit.inner)
    _, of_v = chunks(sizes.dv, tiles.head_tile, unit.value_columns)
    return max(_tile_bytes(tiles.key_tile, length, unit) for length in (of_k, of_v))


def weight_bytes(tiles: AttentionTiles, unit: HeadUnit) -> int:
    """Bytes of the weights of all subgroups on their way to the second product."""
    return 0 if unit.relays else _tile_bytes(tiles.query_rows, tiles.key_tile, unit)


def spare_bytes(tiles: AttentionTiles, unit: HeadUnit) -> int:
    """Bytes that work-items store into what they have too much: 16 each."""
    return tiles.subgroups * unit.lanes * 16


def _tile_bytes(lines: int, length: int, unit: HeadUnit) -> int:
    """Of a tile stored either way round, padding included, in whole lines of 128 bytes."""
    found = max(lines * (length * unit.bytes + 2 * unit.padding),
                length * (lines * unit.bytes + 2 * unit.padding))  # fmt: skip
    return -(-found // 128) * 128


def registers(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit, kept: bool) -> int:
    """32-bit registers of a work-item, estimated."""
    rows, lanes = tiles.subgroup_rows, unit.lanes
    count, length = chunks(sizes.dk, tiles.head_tile, unit.inner)
    more, wide = chunks(sizes.dv, tiles.head_tile, unit.value_columns)
    result = rows * more * wide
    scores = unit.per_score * rows * tiles.key_tile
    words = unit.bytes / 4
    queries = rows * (count * length if kept else unit.inner) * words * unit.left
    lines = max(tiles.key_tile, wide) * unit.inner * words * unit.right
    if unit.hoists:
        lines = tiles.key_tile * max(length, wide) * words * unit.right
    careful = unit.hoists or not unit.relays
    odd = _ODD if careful and (length & (length - 1) or wide & (wide - 1)) else 0
    return math.ceil((result + scores + queries + lines) / lanes) + unit.spare + odd


def keeps_queries(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit, limits: Limits) -> bool:
    """Whether a subgroup's queries stay in registers: where there is room for them."""
    return unit.keeps and registers(tiles, sizes, unit, kept=True) <= limits.registers


def default_tiles(sizes: HeadSizes, unit: HeadUnit, limits: Limits) -> AttentionTiles:
    """Tiles without a model of the machine: up to four subgroups, smaller where they do not fit."""
    each = max(unit.rows, 16)
    rows = min(4, max(1, math.ceil(sizes.rows / each))) * each
    tiles = AttentionTiles(rows, each, max(32, unit.columns), 64, 2, 1)
    smaller = (
        {"head_tile": 32},
        {"key_tile": unit.columns},
        {"query_rows": each},
        {"query_rows": max(unit.rows, 8), "subgroup_rows": max(unit.rows, 8)},
    )
    for values in smaller:
        if not problems(tiles, sizes, unit, limits):
            return tiles
        tiles = replace(tiles, **values)
    return tiles


def problems(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit, limits: Limits) -> list[str]:
    """The constraints that ``tiles`` break, each in a sentence; none for legal ones."""
    found = [
        f"{name} = {value} is not a positive number"
        for name, value in vars(tiles).items()
        if value < 1
    ]
    return found or _misfits(tiles, sizes, unit) or _excesses(tiles, sizes, unit, limits)


def _misfits(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit) -> list[str]:
    parts = (
        ("subgroup_rows", tiles.subgroup_rows, unit.rows, "rows of a matrix unit"),
        ("query_rows", tiles.query_rows, tiles.subgroup_rows, "subgroup_rows"),
        ("key_tile", tiles.key_tile, unit.columns, "columns of a matrix unit"),
        ("key_tile", tiles.key_tile, math.lcm(unit.inner, _LINE), "steps of the second product"),
        ("head_tile", tiles.head_tile, math.lcm(unit.inner, unit.value_columns, _LINE),
         "elements that a matrix unit takes"),
    )  # fmt: skip
    found = [
        f"{name} = {value} is not a multiple of {size}, the {what}"
        for name, value, size, what in parts
        if value % size
    ]
    if tiles.stages < 2:
        found.append("stages = 1 leaves no chunk to load into while another is used")
    tiles_of_keys = math.ceil(sizes.keys / tiles.key_tile)
    if tiles.splits > tiles_of_keys:
        found.append(f"splits = {tiles.splits} is more than the {tiles_of_keys} tiles of keys")
    return found


def _excesses(tiles: AttentionTiles, sizes: HeadSizes, unit: HeadUnit, limits: Limits) -> list[str]:
    found = []
    threads = tiles.subgroups * unit.lanes
    if threads > limits.max_block:
        found.append(f"{tiles.subgroups} subgroups are {threads} work-items of {limits.max_block}")
    needed = registers(tiles, sizes, unit, kept=False)
    if needed > limits.registers:
        found.append(
            f"subgroup_rows = {tiles.subgroup_rows} and key_tile = {tiles.key_tile} need about"
            f" {needed} registers of {limits.registers}"
        )
    kept = keeps_queries(tiles, sizes, unit, limits)
    shared = shared_bytes(tiles, sizes, unit, kept)
    if shared > limits.shared:
        found.append(f"the tiles need {shared} bytes of shared memory of {limits.shared}")
    return found
