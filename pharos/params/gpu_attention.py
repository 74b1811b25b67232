"""Parameters of attention kernels on GPUs: the tiles that the model finds cheapest.

The kernel is that of ``targets.common.attention.gpu_kernel``. A compute unit works on as many
blocks at a time as fit its registers and workgroup memory. A tile of keys takes as long as the
slowest of the matrix units, workgroup memory and the arithmetic on scores, and a little for meeting
at each chunk. Every size gets tiles: edges are masked.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pharos.params import amd_contractions, nvidia_contractions
from pharos.params.gpu_tiles import LATENCY, Machine
from pharos.params.values import strange
from pharos.payload import Attention, Motif
from pharos.pipeline import Choice, MotifChoice
from pharos.targets.amd import attention as amd
from pharos.targets.common.attention.gpu_tiles import (
    NAMES,
    AttentionTiles,
    HeadSizes,
    HeadUnit,
    Limits,
    chunks,
    keeps_queries,
    problems,
    registers,
    shared_bytes,
)
from pharos.targets.nvidia import attention as nvidia

_STORED = ("f32", "f16", "bf16")
_LONGEST = 1 << 16
_SPLITS = (1, 2, 4, 8, 16, 32, 64)
_MEETING = 60.0  # cycles of a chunk in which nothing is multiplied: a barrier, counters
_BLOCK = 2000.0  # cycles to begin a block, bring its queries and write its result
_MERGE = 6000.0  # cycles of the second kernel, and of launching it
_SCORE = 24  # instructions for a score: its function, maximum, exponential, sum


@dataclass(frozen=True)
class Work:
    """An attention and the unit that does it: ``rate`` multiply-adds of a compute unit and cycle,
    ``vector`` of them by lanes. ``part`` of the tiles of keys are seen (half, under a causal
    mask)."""

    sizes: HeadSizes
    unit: HeadUnit
    limits: Limits
    rate: int
    vector: int
    part: float


def nvidia_attention(payload_facts: Any, target_facts: Any) -> tuple[MotifChoice, ...]:
    """``query_rows``, ``subgroup_rows``, ``key_tile``, ``head_tile``, ``stages``, ``splits`` of
    every attention that becomes a kernel."""

    def work(motif: Attention, dtype: str) -> Work:
        unit = nvidia.head_unit(dtype)
        rate = target_facts.fma_f32 if dtype == "f32" else target_facts.mma_f16
        limits = nvidia.limits_of(target_facts)
        return work_of(motif, unit, limits, rate, target_facts.fma_f32)

    return _choices(payload_facts, nvidia_contractions.machine_of(target_facts), work)


def amd_attention(payload_facts: Any, target_facts: Any) -> tuple[MotifChoice, ...]:
    """As ``nvidia_attention``."""

    def work(motif: Attention, dtype: str) -> Work:
        unit = amd.head_unit(dtype, target_facts)
        vector = target_facts.vector_flops // 2
        rate = vector if dtype == "f32" else target_facts.matrix_flops // 2
        return work_of(motif, unit, amd.limits_of(target_facts), rate, vector)

    return _choices(payload_facts, amd_contractions.machine_of(target_facts), work)


def _choices(payload_facts: Any, machine: Machine, work: Any) -> tuple[MotifChoice, ...]:
    found = []
    for motif in payload_facts.walk() if payload_facts is not None else ():
        dtype = taken(motif)
        if dtype is not None:
            found.append(choice_of(motif, work(motif, dtype), machine))
    return tuple(found)


def taken(motif: Motif) -> str | None:
    """The type that the products of ``motif`` are made of; None when it becomes no kernel of its
    own: sizes that are not known, operands of several types, or another obstacle."""
    if not isinstance(motif, Attention) or motif.obstacle:
        return None
    sizes = (motif.batch, motif.queries, motif.keys, motif.depth, motif.value_depth, motif.shared)
    if None in sizes or 0 in sizes or len(set(motif.stored)) > 1:
        return None
    return motif.stored[0] if motif.stored[0] in _STORED and motif.dtype in _STORED else None


def work_of(motif: Attention, unit: HeadUnit, limits: Limits, rate: int, vector: int) -> Work:
    """``motif``, one that is ``taken``, on a unit of the chip."""
    assert motif.batch and motif.queries and motif.keys and motif.depth and motif.value_depth
    shared = (motif.shared or 1) if motif.queries < unit.rows else 1
    sizes = HeadSizes(
        motif.batch // shared, motif.queries * shared, motif.keys, motif.depth, motif.value_depth
    )
    causal = motif.mask == "causal" and motif.queries > 1
    return Work(sizes, unit, limits, rate, vector, 0.5 if causal else 1.0)


def choice_of(motif: Motif, work: Work, machine: Machine) -> MotifChoice:
    """How the tiles of ``motif`` are chosen."""

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        tiles = best(work, machine, tuple(sorted(fixed.items())))
        why = explained(tiles, work, machine)
        return {name: Choice(getattr(tiles, name), why) for name in NAMES}

    def broken(values: Mapping[str, Any]) -> Sequence[str]:
        return strange(values, NAMES, _LONGEST) or problems(
            AttentionTiles(**values), work.sizes, work.unit, work.limits
        )

    return MotifChoice(motif.key, choose, broken, f"{motif.kind} {motif.describe()}")


def resident(tiles: AttentionTiles, work: Work, machine: Machine) -> int:
    """Blocks that a compute unit works on at a time."""
    threads = tiles.subgroups * machine.lanes
    kept = keeps_queries(tiles, work.sizes, work.unit, work.limits)
    needed = registers(tiles, work.sizes, work.unit, kept)
    shared = shared_bytes(tiles, work.sizes, work.unit, kept)
    most = (machine.register_file // (needed * threads), machine.shared // shared,
            machine.most_threads // threads, machine.most_blocks)  # fmt: skip
    return max(1, min(most))


def blocks(tiles: AttentionTiles, work: Work) -> int:
    """Blocks of the grid."""
    return work.sizes.batch * math.ceil(work.sizes.rows / tiles.query_rows) * tiles.splits


def cycles(tiles: AttentionTiles, work: Work, machine: Machine) -> float:
    """Estimated cycles from the first block's begin to the last one's end."""
    together = resident(tiles, work, machine)
    rounds, rest = divmod(math.ceil(blocks(tiles, work) / machine.compute_units), together)
    steps = math.ceil(work.sizes.keys / tiles.key_tile) * work.part / tiles.splits
    total = rounds * (math.ceil(steps) * _step(tiles, work, machine, together) + _BLOCK)
    if rest:
        total += math.ceil(steps) * _step(tiles, work, machine, rest) + _BLOCK
    return total + (_MERGE if tiles.splits > 1 else 0.0)


def _step(tiles: AttentionTiles, work: Work, machine: Machine, together: int) -> float:
    """Cycles of a tile of keys of ``together`` blocks on one compute unit."""
    sizes, unit = work.sizes, work.unit
    count, length = chunks(sizes.dk, tiles.head_tile, unit.inner)
    more, wide = chunks(sizes.dv, tiles.head_tile, unit.value_columns)
    depths = count * length + more * wide
    scores = tiles.query_rows * tiles.key_tile * together
    busy = min(1.0, tiles.subgroups * together / machine.schedulers)
    lines = tiles.key_tile * depths * unit.right
    if not keeps_queries(tiles, sizes, unit, work.limits):
        lines += tiles.subgroup_rows * count * length * unit.left
    read = (tiles.subgroups * lines + tiles.key_tile * depths) * unit.bytes * together
    asked = tiles.key_tile * depths * unit.bytes * together
    slowest = max(
        scores * depths / (work.rate * busy),
        read / machine.shared_bytes,
        asked * machine.compute_units / machine.l2_bytes,
        (count + more) * LATENCY / (tiles.stages - 1),
    )
    return slowest + scores * _SCORE / (work.vector * busy) + _MEETING * (count + more)


@functools.lru_cache(maxsize=1024)
def best(work: Work, machine: Machine, fixed: tuple[tuple[str, int], ...] = ()) -> AttentionTiles:
    """The tiles that cost least among the legal ones with the values ``fixed``; of equal ones those
    that need less workgroup memory and fewer work-items. Where none are legal, the smallest."""
    found = list(_candidates(work, machine, dict(fixed)))
    legal = [t for t in found if not problems(t, work.sizes, work.unit, work.limits)]

    def cost(tiles: AttentionTiles) -> tuple[float, ...]:
        shared = shared_bytes(tiles, work.sizes, work.unit, kept=False)
        return (cycles(tiles, work, machine), shared, tiles.query_rows, tiles.splits)

    return min(legal, key=cost) if legal else found[0]


def _candidates(
    work: Work, machine: Machine, wanted: Mapping[str, int]
) -> Iterator[AttentionTiles]:
    """Tiles to choose from, the smallest first. Keys are split where blocks without it are fewer
    than compute units."""
    unit, sizes = work.unit, work.sizes

    def values(name: str, choices: Sequence[int]) -> Sequence[int]:
        return [wanted[name]] if name in wanted else choices

    each = [rows for rows in (4, 8, 16, 32) if rows % unit.rows == 0]
    each = [rows for rows in each if rows < 2 * sizes.rows] or each[:1]
    tile = math.lcm(unit.columns, 16)
    keys = [n for n in (tile, 2 * tile, 4 * tile) if n < 2 * sizes.keys] or [tile]
    for rows, key_tile, head_tile, stages in itertools.product(
        values("subgroup_rows", each),
        values("key_tile", keys),
        values("head_tile", (32, 64, 128)),
        values("stages", (2, 3)),
    ):
        subgroups = [n for n in (1, 2, 4, 8) if n == 1 or (n // 2) * rows < sizes.rows]
        blocks_of_rows = values("query_rows", [n * rows for n in subgroups])
        most = max(1, math.ceil(sizes.keys / max(1, key_tile)) // 2)
        for query_rows in blocks_of_rows:
            tiles = AttentionTiles(query_rows, rows, key_tile, head_tile, stages, 1)
            few = query_rows < 1 or blocks(tiles, work) < machine.compute_units
            splits = [n for n in _SPLITS if n <= most] if few else [1]
            for parts in values("splits", splits):
                yield replace(tiles, splits=parts)


def explained(tiles: AttentionTiles, work: Work, machine: Machine) -> str:
    """Why these tiles: what they need, how they fill the machine, and the estimate."""
    kept = keeps_queries(tiles, work.sizes, work.unit, work.limits)
    shared = shared_bytes(tiles, work.sizes, work.unit, kept)
    together = resident(tiles, work, machine)
    waves = blocks(tiles, work) / (machine.compute_units * together)
    return (
        f"{tiles.subgroups} subgroups, queries in {'registers' if kept else 'shared memory'}, "
        f"{registers(tiles, work.sizes, work.unit, kept)} registers, {shared / 1024:.0f} KiB, "
        f"{together} blocks a unit, {waves:.2f} waves, {cycles(tiles, work, machine):.0f} cycles"
    )
