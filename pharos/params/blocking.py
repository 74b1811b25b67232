"""What a blocked contraction costs on a CPU, in cycles: an analytic model.

    for each block of rows (mc) and columns (nc), for each piece of the sums (kc):
      for each tile of nr columns, mr rows: mr x nr sums stay in registers over kc steps

Rows and columns are the two sides of the result, columns being the side that is contiguous in
memory. Of the four terms, arithmetic and what must be read for it overlap; writing the sums and
packing the factors do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# Per core and cycle, for cores of the last ten years (optimisation manuals of Intel and AMD).
FUSED_PER_CYCLE, LOADS_PER_CYCLE, LATENCY = 2, 2, 4
BYTES_PER_CYCLE = {"l2": 32.0, "l3": 10.0, "memory": 5.0}
TILE_OVERHEAD = 24.0  # cycles to begin a tile: pointers, the masks of an edge
# Cycles to load, add and store one vector of a result that is larger than the second cache,
# measured as the difference between kc = 128 and 256 for 1020 x 1024 x 1024 on Cascade Lake.
SUM_OVERHEAD = 12.0


@dataclass(frozen=True)
class Unit:
    """The facts that count: lanes of one register for the element type, its bytes, registers,
    caches in bytes (``l3`` is this thread's share), threads."""

    lanes: int
    bytes: int
    registers: int
    l1: int
    l2: int
    l3: int
    threads: int

    @staticmethod
    def of(facts: Any, bits: int, threads: int) -> Unit:
        """The unit of CPU ``facts`` for elements of ``bits`` bits."""
        lanes = max(1, facts.simd_bits // bits)
        l3 = max(facts.l2, facts.l3 // max(1, threads))
        size = max(1, bits // 8)
        return Unit(lanes, size, facts.vector_registers, facts.l1d, facts.l2, l3, max(1, threads))


@dataclass(frozen=True)
class Extents:
    """``batch`` products of ``rows`` x ``inner`` and ``inner`` x ``columns``."""

    batch: int
    rows: int
    columns: int
    inner: int


@dataclass(frozen=True)
class Blocks:
    """A register tile of ``mr`` x ``nr`` sums; blocks of ``mc`` rows, ``nc`` columns, ``kc`` steps
    of the sums."""

    mr: int
    nr: int
    mc: int
    nc: int
    kc: int


def registers_of(mr: int, nr: int, unit: Unit) -> int:
    """Registers that a tile takes: its sums, one row of columns, one broadcast element."""
    vectors = math.ceil(nr / unit.lanes)
    return mr * vectors + vectors + 1


def cycles_per_step(mr: int, nr: int, unit: Unit) -> float:
    """Cycles of one step of the sums of a whole tile when its factors are in the first cache."""
    vectors = math.ceil(nr / unit.lanes)
    sums = mr * vectors
    waiting = LATENCY if sums < LATENCY * FUSED_PER_CYCLE else 0
    return max(sums / FUSED_PER_CYCLE, (vectors + mr) / LOADS_PER_CYCLE, waiting)


def cycles(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """Estimated cycles of the contraction on all threads."""
    pieces = math.ceil(extents.inner / blocks.kc)
    tiles = math.ceil(extents.rows / blocks.mr) * math.ceil(extents.columns / blocks.nr)
    arithmetic = tiles * extents.inner * cycles_per_step(blocks.mr, blocks.nr, unit)
    total = max(arithmetic, _reading(extents, blocks, unit))
    total += tiles * pieces * _writing(blocks, unit)
    total += _packing(extents, blocks, unit)
    return extents.batch * total * _share(extents, blocks, unit)


def _reading(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """Cycles to bring factors into the first cache."""
    pieces = math.ceil(extents.inner / blocks.kc)
    tiles = math.ceil(extents.rows / blocks.mr) * math.ceil(extents.columns / blocks.nr)
    columns = blocks.nr * blocks.kc * unit.bytes
    rows = blocks.mr * blocks.kc * unit.bytes
    per_tile = rows if rows + columns <= 0.75 * unit.l1 else rows + columns
    block = blocks.mc * blocks.kc * unit.bytes
    level = "l2" if block <= 0.5 * unit.l2 else "l3" if block <= 0.5 * unit.l3 else "memory"
    total = tiles * pieces * per_tile / BYTES_PER_CYCLE[level]
    # Each block of rows reads all columns again.
    panel = blocks.nc * blocks.kc * unit.bytes
    level = "l2" if panel <= 0.5 * unit.l2 else "l3" if panel <= 0.5 * unit.l3 else "memory"
    again = math.ceil(extents.rows / blocks.mc) * extents.inner * extents.columns * unit.bytes
    return total + again / BYTES_PER_CYCLE[level]


def _writing(blocks: Blocks, unit: Unit) -> float:
    """Cycles to load and store the sums of a tile once."""
    vectors = math.ceil(blocks.nr / unit.lanes)
    return TILE_OVERHEAD + SUM_OVERHEAD * blocks.mr * vectors


def _packing(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """Cycles to copy both factors into panels; rows again for each block of columns."""
    rows = extents.rows * extents.inner * math.ceil(extents.columns / blocks.nc)
    moved = 2.0 * (rows + extents.inner * extents.columns) * unit.bytes
    size = extents.inner * extents.columns * unit.bytes
    level = "l2" if size <= unit.l2 else "l3" if size <= unit.l3 else "memory"
    return moved / BYTES_PER_CYCLE[level]


def _share(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """The part of the work that the busiest thread has: blocks of the longer side are shared."""
    if extents.rows > extents.columns:
        parts = math.ceil(extents.rows / blocks.mr)
    else:
        parts = math.ceil(extents.columns / blocks.nr)
    return math.ceil(parts / min(unit.threads, parts)) / parts
