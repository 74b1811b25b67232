"""What an attention with given tiles costs on an Intel GPU: an estimate in cycles of one Xe core.

The kernel is that of ``targets.xegpu.attention``: every subgroup loads all keys and values of a
tile through the first cache, multiplies, and takes exponentials on its vector units. A tile takes
the workgroups of a core as long as the slowest of: the matrix units, the vector units, the first
cache, the second cache; what prefetching does not hide of the way to memory comes on top. All of
it takes no less than memory needs. No chip has confirmed it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pharos.params.values import doubles
from pharos.params.xegpu_tiles import BEGIN, COUNTING, LATENCY, OVERLAP
from pharos.targets.xegpu.attention.tiles import DPAS_COLUMNS, NAMES, SPARE, Tiles, problems
from pharos.targets.xegpu.facts import CHIPS, XeGpuFacts

SCORE = 24  # vector operations of a score: its function, the exponential, maximum and sum
JOINING = 12000.0  # cycles of the kernels that join splits, before they move anything
_FACTOR = 2  # bytes of an element of Q, K and V
_SUMS = 4


@dataclass(frozen=True)
class Work:
    """``batch`` attentions of ``m`` rows over ``n`` keys, with heads of ``dk`` and ``dv``.

    ``seen`` is the part of the keys that a row sees on average (about half under a causal mask),
    ``gathered`` how many masks are read element by element.
    """

    batch: int
    m: int
    n: int
    dk: int
    dv: int
    seen: float = 1.0
    gathered: int = 0


def workgroups(tiles: Tiles, work: Work) -> int:
    """Workgroups of the grid."""
    return work.batch * math.ceil(work.m / tiles.rows) * tiles.splits


def resident(tiles: Tiles, facts: XeGpuFacts) -> int:
    """Workgroups that a core works on at a time."""
    return max(1, facts.threads // tiles.subgroups)


def cycles(tiles: Tiles, work: Work, facts: XeGpuFacts) -> float:
    """Estimated cycles from the first workgroup's begin to the end of what joins splits."""
    together = resident(tiles, facts)
    share = math.ceil(workgroups(tiles, work) / facts.compute_units)
    rounds, rest = divmod(share, together)
    steps = math.ceil(work.n / tiles.keys / tiles.splits) * work.seen
    total = rounds * (steps * _step(tiles, work, facts, together) + BEGIN)
    if rest:
        total += steps * _step(tiles, work, facts, rest) + BEGIN
    return _together(total, _memory(tiles, work, facts)) + _joined(tiles, work, facts)


def _step(tiles: Tiles, work: Work, facts: XeGpuFacts, together: int) -> float:
    """Cycles of one tile of keys of ``together`` workgroups on one core."""
    subgroups = tiles.subgroups * together
    per_engine = subgroups / facts.engines
    columns = _whole(work.dk) + _whole(work.dv)
    busy = min(1.0, per_engine)
    scores = tiles.rows * tiles.keys * together
    moved = tiles.keys * columns * _FACTOR
    corrected = tiles.rows * _whole(work.dv) * together
    slowest = _together(
        2 * scores * columns / (facts.matrix_flops * busy),
        (SCORE * scores + corrected) / (facts.vector_flops / 2 * busy),
        subgroups * moved / facts.l1_bytes,
        moved * together / facts.l2_bytes,
    )
    waiting = max(0.0, LATENCY - slowest * tiles.prefetch) / max(1.0, per_engine)
    return slowest + waiting + (_messages(tiles, columns) + COUNTING) * max(1.0, per_engine)


def _messages(tiles: Tiles, columns: int) -> float:
    """Load and prefetch messages of a subgroup for a tile of keys."""
    loads = columns / DPAS_COLUMNS * tiles.keys / DPAS_COLUMNS
    return loads + (columns / tiles.columns if tiles.prefetch else 0.0)


def _memory(tiles: Tiles, work: Work, facts: XeGpuFacts) -> float:
    """Cycles that memory needs: everything once, and keys and values that the second cache does
    not keep again for every group of workgroups that run at a time."""
    once = work.m * (work.dk + work.dv) * _FACTOR
    keys = float(work.n * (work.dk + work.dv) * _FACTOR)
    if keys * work.batch > facts.l2:
        at_a_time = facts.compute_units * resident(tiles, facts)
        keys *= max(1.0, math.ceil(work.m / tiles.rows) / at_a_time)
    return work.batch * (once + keys) * facts.clock / facts.bandwidth


def _joined(tiles: Tiles, work: Work, facts: XeGpuFacts) -> float:
    """Cycles to write what splits found and to join it."""
    if tiles.splits == 1:
        return 0.0
    moved = 2 * tiles.splits * work.batch * work.m * (work.dv + 2 * DPAS_COLUMNS) * _SUMS
    return JOINING + moved * facts.clock / facts.bandwidth


def _together(*times: float) -> float:
    """What takes so long side by side: the longest, and a part of the others."""
    return max(times) + OVERLAP * (sum(times) - max(times))


@functools.lru_cache(maxsize=1024)
def best(work: Work, chip: str, fixed: tuple[tuple[str, int], ...] = ()) -> Tiles:
    """The tiles that cost least among the legal ones with the values ``fixed``; of equal ones
    those with less of everything. Where no legal ones have these values, the first that have."""
    facts, wanted = CHIPS[chip], dict(fixed)
    found = list(_candidates(work, wanted))
    legal = [t for t in found if not problems(t.values(), work.dk, work.dv, facts)]
    room = facts.thread_registers - SPARE
    light = [t for t in legal if t.registers(work.dk, work.dv, facts, work.gathered) <= room]
    return min(
        light or legal or found[:1], key=lambda t: (cycles(t, work, facts), *t.values().values())
    )


def _candidates(work: Work, wanted: Mapping[str, int]) -> Iterator[Tiles]:
    """Tiles to choose from, none larger than the work asks for."""
    tiles_of_keys = math.ceil(work.n / DPAS_COLUMNS)
    choices = itertools.product(
        _sizes(wanted, "sub_rows", 8, work.m, 32),
        _sizes(wanted, "keys", 16, work.n, 128),
        _sizes(wanted, "columns", 16, max(work.dk, work.dv), 64),
        [wanted["prefetch"]] if "prefetch" in wanted else (1, 2),
        _sizes(wanted, "splits", 1, tiles_of_keys, 64),
    )
    for sub_rows, keys, columns, prefetch, splits in choices:
        for rows in _sizes(wanted, "rows", sub_rows, work.m, 32 * sub_rows):
            yield Tiles(rows, sub_rows, keys, columns, prefetch, splits)


def _sizes(wanted: Mapping[str, int], name: str, least: int, extent: int, most: int) -> list[int]:
    """The value ``wanted``, or those that are worth trying."""
    return [wanted[name]] if name in wanted else doubles(least, extent, most)


def explained(tiles: Tiles, work: Work, facts: XeGpuFacts) -> str:
    """Why these tiles: what they need, how they fill the machine, and the estimate."""
    together = resident(tiles, facts)
    waves = workgroups(tiles, work) / (facts.compute_units * together)
    flops = 2 * work.batch * work.m * work.n * (work.dk + work.dv) * work.seen
    least = flops / (facts.matrix_flops * facts.compute_units)
    return (
        f"about {tiles.registers(work.dk, work.dv, facts, work.gathered)} of "
        f"{facts.thread_registers} registers, "
        f"{tiles.subgroups} subgroups, {together} workgroups on a core, {waves:.2f} waves, "
        f"{100 * least / cycles(tiles, work, facts):.0f}% of peak estimated"
    )


def _whole(depth: int) -> int:
    return math.ceil(depth / DPAS_COLUMNS) * DPAS_COLUMNS


__all__ = ["NAMES", "Tiles", "Work", "best", "cycles", "explained", "problems"]
