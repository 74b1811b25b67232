"""Tile sizes of a fused attention, and what multiplies in it.

Query rows are on the lanes of vectors. ``query_tile`` of them, ``vectors`` vectors, are multiplied
at a time with ``key_rows`` keys (scores) and with ``depth_rows`` columns of the values (weighted
sums); that many sums stay in registers. A thread does ``query_block`` rows at a time, with
``key_tile`` keys between two looks at the running maximum. With few query rows (``by_rows``) the
keys are on lanes instead, and shared by ``key_splits`` work items.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pharos.targets.cpu.contractions.units import (
    AMX,
    AMX_SIMD_BITS,
    DOT,
    FMA,
    MultiplyUnit,
    suits_tiles,
)

NAMES = ("query_tile", "query_block", "key_tile", "key_splits", "threads")
# With fewer query rows, lanes of queries would mostly be empty; and each key is read for few.
FEW_ROWS = 8
_SCORES = 20 << 10  # bytes of scores of a tile, which stay in the first cache
_VECTORS = 4
# The key tile is a multiple of it: masks are transposed in blocks, and two registers of keys
# become one of pairs.
KEY_STEP, PAIR_STEP = 16, 32
DEEPEST = 4096  # head size
DEEPEST_ROW = 512  # head size where keys are on lanes: rows are unrolled there


@dataclass(frozen=True)
class Unit:
    """The vector unit: bits of a register, number of registers, threads that share work, and what
    multiplies bf16 into sums of f32."""

    bits: int
    registers: int
    threads: int
    bf16_unit: str = FMA.name

    @property
    def width(self) -> int:
        """Numbers of f32 in a register."""
        return max(1, self.bits // 32)


@dataclass(frozen=True)
class Tiles:
    """The sizes in use, see above; ``width`` numbers are in a register."""

    width: int
    query_tile: int
    query_block: int
    key_tile: int
    key_splits: int
    threads: int
    key_rows: int
    depth_rows: int
    by_rows: bool
    unit: MultiplyUnit = FMA

    @property
    def vectors(self) -> int:
        """Vectors of query rows that are multiplied at a time."""
        return self.query_tile // self.width

    @property
    def groups(self) -> int:
        """Tiles of query rows that a thread does at a time."""
        return self.query_block // self.query_tile


def multiply_unit(
    stored: Collection[str], rows: int | None, keys: int | None, depths: tuple[int, int], unit: Unit
) -> MultiplyUnit:
    """What multiplies where Q, K and V are of the types ``stored``; see ``why_not_pairs``."""
    if why_not_pairs(stored, rows, depths, unit):
        return FMA
    tiles = unit.bf16_unit == AMX.name and unit.bits == AMX_SIMD_BITS
    return AMX if tiles and suits_tiles(keys, min(depths)) else DOT


def why_not_pairs(
    stored: Collection[str], rows: int | None, depths: tuple[int, int], unit: Unit
) -> str:
    """Why numbers are multiplied in f32, "" where they are in pairs of bf16."""
    if unit.bf16_unit == FMA.name:
        return "this CPU multiplies no pairs of bf16, or bf16_unit says so"
    if set(stored) != {"bf16"}:
        return f"Q, K and V are not all of bf16: {', '.join(stored)}"
    if rows is not None and few(rows, depths):
        return "few queries: reading keys takes the time, not multiplying"
    return ""


def key_step(unit: MultiplyUnit) -> int:
    """What the key tile is a multiple of."""
    return PAIR_STEP if unit.pairs else KEY_STEP


def default_tiles(
    rows: int | None, keys: int | None, depths: tuple[int, int], batches: int | None, unit: Unit,
    multiply: MultiplyUnit = FMA,
) -> Tiles:  # fmt: skip
    """Tiles for so many query rows and keys (None where not known) per batch.

    ``depths`` are the head sizes of Q and K, and of V.
    """
    by_rows = rows is not None and few(rows, depths)
    needed = math.ceil((rows or 1 << 20) / unit.width)
    vectors = max(1, min(_VECTORS, needed, (unit.registers - 2) // 4))
    tile = vectors * unit.width
    groups = max(1, min(4, math.ceil((rows or 1 << 20) / tile)))
    step = key_step(multiply)
    key_tile = max(step, _SCORES // (4 * tile) // step * step)
    splits = 1
    if by_rows:
        key_tile = 128
        items = batches or 1
        splits = max(1, math.ceil(unit.threads / items)) if items < unit.threads else 1
    sizes = unit.width, tile, groups * tile, key_tile, splits, unit.threads
    tiles = Tiles(*sizes, 1, 1, by_rows, multiply)
    return _with_rows(tiles, depths, unit)


def few(rows: int, depths: tuple[int, int]) -> bool:
    """Whether keys are on lanes for so many query rows and these head sizes."""
    return rows <= FEW_ROWS and max(depths) <= DEEPEST_ROW


def with_overrides(
    tiles: Tiles, wanted: Mapping[str, int], depths: tuple[int, int], unit: Unit
) -> Tiles:
    """``tiles`` with the values of ``wanted``, made to fit each other."""
    values = {name: getattr(tiles, name) for name in NAMES}
    values |= {name: max(1, int(wanted[name])) for name in NAMES if name in wanted}
    most = max(1, (unit.registers - 2) // 2)
    vectors = min(most, math.ceil(values["query_tile"] / unit.width))
    tile, step = vectors * unit.width, key_step(tiles.unit)
    tiles = replace(
        tiles,
        query_tile=tile,
        query_block=math.ceil(values["query_block"] / tile) * tile,
        key_tile=math.ceil(values["key_tile"] / step) * step,
        key_splits=values["key_splits"] if tiles.by_rows else 1,
        threads=values["threads"],
    )
    return _with_rows(tiles, depths, unit)


def _with_rows(tiles: Tiles, depths: tuple[int, int], unit: Unit) -> Tiles:
    """``tiles`` with as many rows of keys and of values as registers hold sums of."""
    most = register_rows(tiles.vectors, unit.registers)
    return replace(tiles, key_rows=most, depth_rows=even(depths[1], most))


def register_rows(vectors: int, registers: int) -> int:
    """The rows of a register tile of ``vectors`` vectors: a vector of each, one broadcast number
    and a spare register are kept free."""
    spare = 4 if registers >= 32 else 1
    return max(1, (registers - vectors - spare) // vectors)


def even(extent: int, most: int) -> int:
    """``extent`` cut into equal parts of at most ``most``."""
    return math.ceil(extent / math.ceil(extent / most))
