"""What a product with given tiles costs on an Intel GPU: an estimate in cycles of one Xe core.

The kernel is that of ``targets.xegpu.contractions``: no local memory, every subgroup loads its own
rows and columns through the first cache, which workgroups share with the second. A core works on
as many workgroups at a time as its threads allow. A k tile takes them as long as the slowest of:
the matrix units, the first cache, the second cache; what prefetching does not hide of the way to
memory comes on top. All of it takes no less than memory needs.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pharos.params.values import doubles
from pharos.targets.xegpu.contractions.tiles import DPAS_M, DPAS_N, NAMES, Tiles, problems
from pharos.targets.xegpu.facts import CHIPS, XeGpuFacts

LATENCY = 600.0  # cycles from asking memory to having it in registers
BEGIN = 1500.0  # cycles to begin a workgroup, fill its pipeline and write its result
OVERLAP = 0.1  # of what is done meanwhile, the part that is not hidden
COUNTING = 8.0  # cycles of a k tile for addresses and the loop, per subgroup of an engine
IN_FLIGHT = 8  # independent dpas that keep one engine busy
_FACTOR = 2  # bytes of an element of A and B


@dataclass(frozen=True)
class Work:
    """``batch`` products of ``m`` x ``k`` by ``k`` x ``n``; elements of the result have
    ``out_bytes``."""

    batch: int
    m: int
    n: int
    k: int
    out_bytes: int


def workgroups(tiles: Tiles, work: Work) -> int:
    """Workgroups of the grid."""
    return work.batch * math.ceil(work.m / tiles.wg_m) * math.ceil(work.n / tiles.wg_n)


def resident(tiles: Tiles, facts: XeGpuFacts) -> int:
    """Workgroups that a core works on at a time."""
    return max(1, facts.threads // tiles.subgroups)


def cycles(tiles: Tiles, work: Work, facts: XeGpuFacts) -> float:
    """Estimated cycles from the first workgroup's begin to the last one's end."""
    together = resident(tiles, facts)
    share = math.ceil(workgroups(tiles, work) / facts.compute_units)
    rounds, rest = divmod(share, together)
    steps = math.ceil(work.k / tiles.k_tile)
    total = rounds * (steps * _step(tiles, facts, together) + BEGIN)
    if rest:
        total += steps * _step(tiles, facts, rest) + BEGIN
    return _together(total, _memory(tiles, work, facts))


def _together(*times: float) -> float:
    """What takes so long side by side: the longest, and a part of the others."""
    return max(times) + OVERLAP * (sum(times) - max(times))


def _step(tiles: Tiles, facts: XeGpuFacts, together: int) -> float:
    """Cycles of one k tile of ``together`` workgroups on one core."""
    subgroups = tiles.subgroups * together
    per_engine = subgroups / facts.engines
    independent = (tiles.sg_m // DPAS_M) * (tiles.sg_n // DPAS_N)
    busy = min(1.0, per_engine) * min(1.0, independent * max(1.0, per_engine) / IN_FLIGHT)
    flops = 2 * tiles.wg_m * tiles.wg_n * tiles.k_tile * together
    loaded = subgroups * (tiles.sg_m + tiles.sg_n) * tiles.k_tile * _FACTOR
    asked = (tiles.wg_m + tiles.wg_n) * tiles.k_tile * _FACTOR * together
    slowest = _together(
        flops / (facts.matrix_flops * busy),
        loaded / facts.l1_bytes,
        asked / facts.l2_bytes,
    )
    # What was asked for in time is there; other subgroups of the engine work meanwhile.
    hidden = slowest * tiles.prefetch
    waiting = max(0.0, LATENCY - hidden) / max(1.0, per_engine)
    messages = per_engine * _instructions(tiles)
    return slowest + waiting + messages + COUNTING * max(1.0, per_engine)


def _instructions(tiles: Tiles) -> float:
    """Load and prefetch messages of a subgroup in a k tile, each a cycle of its engine."""
    loads_a = (tiles.sg_m // tiles.load_a_m) * (tiles.k_tile // 16)
    loads_b = (tiles.k_tile // tiles.load_b_k) * (tiles.sg_n // 16)
    return loads_a + loads_b + (2 if tiles.prefetch else 0)


def _memory(tiles: Tiles, work: Work, facts: XeGpuFacts) -> float:
    """Cycles that memory needs: all once, and factors that the second cache does not keep again
    for every group of workgroups that run at a time."""
    a, b = float(work.m * work.k * _FACTOR), float(work.k * work.n * _FACTOR)
    if a + b > facts.l2:
        side = math.sqrt(facts.compute_units * resident(tiles, facts))
        a *= max(1.0, work.n / (tiles.wg_n * side))
        b *= max(1.0, work.m / (tiles.wg_m * side))
    written = work.m * work.n * work.out_bytes
    return work.batch * (a + b + written) * facts.clock / facts.bandwidth


@functools.lru_cache(maxsize=4096)
def best(work: Work, chip: str, fixed: tuple[tuple[str, int], ...] = ()) -> Tiles:
    """The tiles that cost least among the legal ones with the values ``fixed``.

    Of equal ones those that load less, then fewer registers, then fewer subgroups, then less
    prefetching, then more rows. Where no legal ones have these values, the first that have them.
    """
    facts, wanted = CHIPS[chip], dict(fixed)
    found = list(_candidates(work, wanted))
    legal = [tiles for tiles in found if not problems(tiles.values(), facts)]
    return min(legal or found[:1], key=lambda tiles: rank(tiles, work, facts))


def rank(tiles: Tiles, work: Work, facts: XeGpuFacts) -> tuple[float, ...]:
    """What ``best`` makes least: no two tiles have the same."""
    return (
        cycles(tiles, work, facts),
        workgroups(tiles, work) * tiles.subgroups * (tiles.sg_m + tiles.sg_n),
        tiles.registers(facts),
        tiles.subgroups,
        tiles.prefetch,
        -tiles.sg_m,
        -tiles.wg_m,
        tiles.k_tile,
    )


def _candidates(work: Work, wanted: Mapping[str, int]) -> Iterator[Tiles]:
    """Tiles to choose from, none larger than the work asks for."""
    sides = itertools.product(
        _sizes(wanted, "sg_m", 8, work.m, 64), _sizes(wanted, "sg_n", 16, work.n, 64)
    )
    for sg_m, sg_n in sides:
        wide = itertools.product(
            _sizes(wanted, "wg_m", sg_m, work.m, 256), _sizes(wanted, "wg_n", sg_n, work.n, 256)
        )
        for (wg_m, wg_n), k_tile in itertools.product(wide, _steps(wanted, work)):
            load_a = wanted.get("load_a_m", next((s for s in (32, 16) if sg_m % s == 0), 8))
            load_b = wanted.get("load_b_k", 32 if k_tile % 32 == 0 else 16)
            for ahead in [wanted["prefetch"]] if "prefetch" in wanted else (0, 1, 2, 3):
                yield Tiles(wg_m, wg_n, sg_m, sg_n, k_tile, load_a, load_b, ahead)


def _steps(wanted: Mapping[str, int], work: Work) -> list[int]:
    if "k_tile" in wanted:
        return [wanted["k_tile"]]
    return [size for size in (16, 32, 64) if size == 16 or size < 2 * work.k]


def _sizes(wanted: Mapping[str, int], name: str, least: int, extent: int, most: int) -> list[int]:
    """The value ``wanted``, or those that are worth trying."""
    return [wanted[name]] if name in wanted else doubles(least, extent, most)


def explained(tiles: Tiles, work: Work, facts: XeGpuFacts) -> str:
    """Why these tiles: what they need, how they fill the machine, and the estimate."""
    together = resident(tiles, facts)
    waves = workgroups(tiles, work) / (facts.compute_units * together)
    flops = 2 * work.batch * work.m * work.n * work.k
    least = flops / (facts.matrix_flops * facts.compute_units)
    return (
        f"about {tiles.registers(facts)} of {facts.thread_registers} registers, "
        f"{tiles.subgroups} subgroups, {together} workgroups on a core, {waves:.2f} waves, "
        f"{100 * least / cycles(tiles, work, facts):.0f}% of peak estimated"
    )


__all__ = ["NAMES", "Tiles", "Work", "best", "cycles", "explained", "problems"]
