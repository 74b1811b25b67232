"""What a warp-specialised kernel (wgmma, TMA) costs, and whether a contraction can have one.

The kernel is that of ``targets.nvidia.warpgroups.kernel``: nobody waits at a barrier of the block,
so a step takes as long as the slowest of multiplying, reading shared memory, and bringing both
tiles from the second cache.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

from pharos.params.gpu_tiles import BLOCK_OVERHEAD, LATENCY, Machine, Tiles, Work
from pharos.payload import Contraction
from pharos.targets.nvidia.facts import NvidiaFacts
from pharos.targets.nvidia.warpgroups.choice import problems

_STEPS, _ROWS, _BYTES = 64, 64, 2
_ALIGNED = 8  # elements of 16 bytes


def eligible(motif: Contraction, facts: NvidiaFacts) -> bool:
    """Whether TMA can bring both factors and wgmma multiply them, as far as the payload tells.

    Rows in memory must be multiples of 16 bytes, and no side shorter than a tile of 64.
    """
    sizes = {"m": motif.m, "n": motif.n, "k": motif.k}
    if not facts.wgmma_f16 or any(size is None or size < _STEPS for size in sizes.values()):
        return False
    if motif.lhs.dtype != motif.rhs.dtype or motif.lhs.dtype not in ("f16", "bf16"):
        return False
    if motif.dtype not in ("f32", "f16", "bf16"):
        return False
    fast = [factor.stored[-1:] for factor in (motif.lhs, motif.rhs)]
    return all(letter in sizes and (sizes[letter] or 1) % _ALIGNED == 0 for letter in fast)


def cycles(tiles: Tiles, work: Work, machine: Machine, rate: int) -> float:
    """Estimated cycles from the first block's begin to the last one's end; ``rate`` multiply-adds
    of wgmma in one multiprocessor and cycle."""
    tile_bytes = (tiles.block_m + tiles.block_n) * _STEPS * _BYTES
    together = resident(tiles, machine)
    blocks = work.batch * math.ceil(work.m / tiles.block_m) * math.ceil(work.n / tiles.block_n)
    rounds, rest = divmod(math.ceil(blocks / machine.compute_units), together)
    # Every warpgroup reads all columns for its 64 rows.
    read = tiles.block_m // _ROWS * (_ROWS + tiles.block_n) * _STEPS * _BYTES

    def step(count: int) -> float:
        return max(
            count * tiles.block_m * tiles.block_n * _STEPS / rate,
            count * read / machine.shared_bytes,
            count * tile_bytes * machine.compute_units / machine.l2_bytes,
            LATENCY / (tiles.stages - 1),
        )

    steps = math.ceil(work.k / _STEPS)
    total = rounds * (steps * step(together) + BLOCK_OVERHEAD)
    total += (steps * step(rest) + BLOCK_OVERHEAD) if rest else 0
    read_once = (work.m + work.n) * work.k * _BYTES + work.m * work.n * work.out_bytes
    return max(total, work.batch * read_once / machine.memory_bytes)


def resident(tiles: Tiles, machine: Machine) -> int:
    """Blocks that a multiprocessor works on at a time."""
    consumers = tiles.block_m // _ROWS
    threads = 128 * (consumers + 1)
    registers = 168 if consumers > 1 else tiles.block_n // 2 + 64
    return max(
        1,
        min(
            machine.shared // shared_bytes(tiles),
            machine.register_file // (threads * registers),
            machine.most_threads // threads,
        ),
    )


def shared_bytes(tiles: Tiles) -> int:
    """Bytes of shared memory."""
    return tiles.stages * ((tiles.block_m + tiles.block_n) * _STEPS * _BYTES + 16)


@functools.lru_cache(maxsize=4096)
def best(
    work: Work, machine: Machine, facts: NvidiaFacts, fixed: tuple[tuple[str, int], ...] = ()
) -> Tiles | None:
    """The cheapest legal tiles with the values ``fixed``, of equal ones those that bring least,
    then those with more stages.

    None when there are none.
    """
    wanted: Mapping[str, Any] = dict(fixed)
    found = [
        tiles
        for m in (64, 128)
        for n in (64, 128, 192, 256)
        for stages in ({wanted["stages"]} if "stages" in wanted else (2, 3, 4))
        if not problems(tiles := Tiles(m, n, _STEPS, _ROWS, n, stages), facts)
        and all(getattr(tiles, name) == value for name, value in wanted.items())
    ]

    def cost(tiles: Tiles) -> tuple[float, ...]:
        blocks = math.ceil(work.m / tiles.block_m) * math.ceil(work.n / tiles.block_n)
        brought = blocks * (tiles.block_m + tiles.block_n)
        return cycles(tiles, work, machine, facts.wgmma_f16), brought, -tiles.stages

    return min(found, key=cost, default=None)


def explained(tiles: Tiles, work: Work, machine: Machine, rate: int) -> str:
    """Why these tiles: what they need, how they fill the machine, and the estimate."""
    blocks = work.batch * math.ceil(work.m / tiles.block_m) * math.ceil(work.n / tiles.block_n)
    together = resident(tiles, machine)
    least = work.batch * work.m * work.n * work.k / (rate * machine.compute_units)
    share = 100 * least / cycles(tiles, work, machine, rate)
    return (
        f"wgmma and TMA, {tiles.block_m // _ROWS} warpgroups multiply what one brings:"
        f" {shared_bytes(tiles) / 1024:.0f} KiB of shared memory, {together} blocks on a unit,"
        f" {blocks / (machine.compute_units * together):.2f} waves, {share:.0f}% of peak estimated"
    )
