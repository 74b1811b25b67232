"""What a blocked contraction costs on a CPU, in cycles: an analytic model.

    for each block of rows (mc) and columns (nc), for each piece of the sums (kc):
      for each tile of nr columns, mr rows: mr x nr sums stay in registers over kc steps

Rows and columns are the two sides of the result, columns being the side that is contiguous in
memory. Of the four terms, arithmetic and what must be read for it overlap for the most part;
writing the sums and packing the factors do not. See docs/performance/cost-model.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pharos.targets.cpu.contractions.parameters import last_columns

# Per core and cycle, for cores of the last ten years (optimisation manuals of Intel and AMD).
FUSED_PER_CYCLE, LOADS_PER_CYCLE, LATENCY = 2, 2, 4
# Instructions a cycle where the core's other hardware thread is busy, half of the four it decodes,
# and the part of the time it is: then tiles that load less for each product are ahead.
ISSUED_BUSY, BUSY = 2, 0.25
BYTES_PER_CYCLE = {"l2": 32.0, "l3": 10.0, "memory": 5.0}
# The rest is fitted to times on Cascade Lake, benchmarks/cost_model.py: cycles to begin a tile, to
# store a vector of sums, and what it takes more where a tile is not whole and masks are needed.
TILE, STORE, EDGE = 40.0, 6.0, 10.0
ROW = {"l2": 5.0, "l3": 10.0}  # for each row of a tile: rows are far apart in memory
PANELS = 24.0  # bytes a cycle that panels are read with from the second cache
STALLS = 0.15  # the part of the shorter of multiplying and reading that the other does not hide
ODD_ROWS = 0.12  # what several tiles of 9, 10 or 11 rows take longer than tiles of 8 or 12
AGAIN = {"l2": 32.0, "l3": 8.0}  # bytes of the result a cycle, for each piece after the first


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
    sums, loads = mr * vectors, vectors + mr
    waiting = LATENCY if sums < LATENCY * FUSED_PER_CYCLE else 0
    alone = max(sums / FUSED_PER_CYCLE, loads / LOADS_PER_CYCLE, waiting)
    return alone + BUSY * max(0, (sums + loads) / ISSUED_BUSY - alone)


def cycles(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """Estimated cycles of the contraction on all threads."""
    across, down = _tiles(extents, blocks, unit)
    arithmetic = across * down * extents.inner * cycles_per_step(blocks.mr, blocks.nr, unit)
    reading = _reading(extents, blocks, unit)
    total = max(arithmetic, reading) + STALLS * min(arithmetic, reading)
    if blocks.mr > 8 and blocks.mr % 4 and down > 1:
        total += ODD_ROWS * arithmetic
    total += _writing(extents, blocks, unit)
    total += _packing(extents, unit)
    return extents.batch * total * _share(extents, blocks, unit)


def _tiles(extents: Extents, blocks: Blocks, unit: Unit) -> tuple[float, int]:
    """Tiles along a row of the result, the last one maybe a part of one, and rows of tiles."""
    last = last_columns(extents.columns, blocks.nr, unit.lanes)
    across = math.ceil(extents.columns / blocks.nr) - 1 + last / blocks.nr
    return across, math.ceil(extents.rows / blocks.mr)


def _reading(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """Cycles to bring panels into the first cache: of the columns for every tile, of the rows for
    every row of tiles, as they stay there."""
    across, down = _tiles(extents, blocks, unit)
    panel = blocks.nr * extents.inner * unit.bytes
    block = blocks.nc * blocks.kc * unit.bytes
    total = across * down * panel / (PANELS if block <= 0.6 * unit.l2 else BYTES_PER_CYCLE["l3"])
    stays = blocks.mr * blocks.kc * unit.bytes <= 0.8 * unit.l1
    times = math.ceil(extents.columns / blocks.nc) if stays else across
    rows = down * blocks.mr * extents.inner * unit.bytes
    return total + times * rows / BYTES_PER_CYCLE["l3"]


def _writing(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """Cycles to store all sums, once for each piece of the inner loops."""
    across, down = _tiles(extents, blocks, unit)
    pieces = math.ceil(extents.inner / blocks.kc)
    cut_rows, cut_columns = extents.rows % blocks.mr > 0, extents.columns % blocks.nr > 0
    edges = across * cut_rows + down * cut_columns - (cut_rows and cut_columns)
    vectors = blocks.mr * math.ceil(blocks.nr / unit.lanes)
    result = extents.rows * extents.columns * unit.bytes
    level = "l2" if result <= unit.l2 else "l3"
    whole = TILE + ROW[level] * blocks.mr + STORE * vectors
    once = across * down * whole + edges * EDGE * vectors
    return pieces * once + (pieces - 1) * result / AGAIN[level]


def _packing(extents: Extents, unit: Unit) -> float:
    """Cycles to copy both factors into panels, once."""
    moved = 2.0 * extents.inner * (extents.rows + extents.columns) * unit.bytes
    size = extents.inner * extents.columns * unit.bytes
    level = "l2" if size <= unit.l2 else "l3" if size <= unit.l3 else "memory"
    return moved / BYTES_PER_CYCLE[level]


def _share(extents: Extents, blocks: Blocks, unit: Unit) -> float:
    """The part of the work that the busiest thread has: batches are shared where there are enough,
    else blocks of the longer side."""
    batch, threads = extents.batch, unit.threads
    if batch > 1 and (batch >= 4 * threads or batch % threads == 0):
        return math.ceil(batch / threads) / batch
    if extents.rows > extents.columns:
        parts = math.ceil(extents.rows / blocks.mr)
    else:
        parts = math.ceil(extents.columns / blocks.nr)
    return math.ceil(parts / min(threads, parts)) / parts
