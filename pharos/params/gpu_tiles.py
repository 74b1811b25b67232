"""What a contraction kernel with given tiles costs on a GPU: an estimate in cycles, and the limits.

The kernel is that of ``targets.common.contractions.gpu_kernel``. A compute unit works on as many
blocks at a time as fit its registers and workgroup memory. A step of theirs takes as long as
the slowest of: the matrix units, workgroup memory, what the second cache delivers, and the way to
memory divided by the stages that are under way; and a little for meeting and counting. All steps
together take no less than memory needs for reading both factors and writing the result once.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pharos.targets.common.contractions.tiles import NAMES, Tiles, UnitSizes
from pharos.targets.common.contractions.tiles import problems as misfits

LATENCY = 700.0  # cycles from asking memory to having it in workgroup memory
STEP_OVERHEAD = 50.0  # cycles of a step in which nothing is multiplied: a barrier, counters
BLOCK_OVERHEAD = 1500.0  # cycles to begin a block, fill its pipeline and write its result
SPARE_REGISTERS = 40  # for addresses, counters and elements on their way
_LARGEST = 256  # lines of a block
_SUBGROUPS = 8  # of a block, at most: more share the same tiles but wait for each other


@dataclass(frozen=True)
class Machine:
    """A chip. ``lanes`` of a subgroup, ``schedulers`` of a compute unit that each issue to matrix
    units of their own; bytes per cycle: of workgroup memory (one unit), ``l2_bytes`` and
    ``memory_bytes`` (the chip); sizes as in ``GpuFacts``."""

    lanes: int
    compute_units: int
    max_block: int
    shared: int
    registers: int
    register_file: int
    l2_bytes: int
    memory_bytes: int
    shared_bytes: int = 128
    schedulers: int = 4
    most_blocks: int = 32
    most_threads: int = 2048


@dataclass(frozen=True)
class Work:
    """A contraction and the unit that does it.

    ``bytes`` of a factor's element, ``out_bytes`` of the result's; ``rate`` multiply-adds of one
    compute unit and cycle. ``copies`` tells how many lanes hold each element of a left and of a
    right fragment; ``padding`` bytes follow each row in workgroup memory. ``staged`` is how
    many registers 4 bytes of a tile need on their way to it, addresses included (0: none pass
    through registers); ``spare`` registers are for addresses and counters.
    ``block_k`` and ``stages`` are what to choose from.
    """

    batch: int
    m: int
    n: int
    k: int
    bytes: int
    out_bytes: int
    unit: UnitSizes
    rate: int
    copies: tuple[int, int] = (1, 1)
    padding: int = 16
    staged: float = 0.0
    spare: int = SPARE_REGISTERS
    block_k: tuple[int, ...] = (16, 32, 64)
    stages: tuple[int, ...] = (3, 4)


def registers(tiles: Tiles, work: Work, machine: Machine) -> int:
    """32-bit registers of a work-item, estimated: sums, fragments of one step, and the rest."""
    sums = tiles.sub_m * tiles.sub_n
    left, right = work.copies
    fragments = (tiles.sub_m * left + tiles.sub_n * right) * work.unit.inner * work.bytes // 4
    words = (tiles.block_m + tiles.block_n) * tiles.block_k * work.bytes // 4
    staged = words * work.staged / (tiles.subgroups() * machine.lanes)
    return (sums + fragments) // machine.lanes + math.ceil(staged) + work.spare


def shared_bytes(tiles: Tiles, work: Work) -> int:
    """Bytes of workgroup memory; the longer of both layouts that a tile can have."""
    total = 0
    for lines in (tiles.block_m, tiles.block_n):
        rows = max(lines, tiles.block_k)
        total += tiles.stages * (lines * tiles.block_k * work.bytes + rows * 2 * work.padding)
        total = -(-total // 128) * 128
    return total


def problems(tiles: Tiles, work: Work, machine: Machine) -> list[str]:
    """The constraints that ``tiles`` break, each in a sentence."""
    found = misfits(tiles, work.unit, machine.lanes, machine.max_block)
    if found:
        return found
    needed = registers(tiles, work, machine)
    if needed > machine.registers:
        found.append(
            f"sub_m x sub_n = {tiles.sub_m} x {tiles.sub_n} needs about {needed} registers"
            f" of {machine.registers}"
        )
    elif needed * tiles.subgroups() * machine.lanes > machine.register_file:
        found.append(
            f"{tiles.subgroups()} subgroups with {needed} registers each need more than"
            f" the {machine.register_file} of a compute unit"
        )
    needed = shared_bytes(tiles, work)
    if needed > machine.shared:
        found.append(f"the tiles need {needed} bytes of shared memory of {machine.shared}")
    return found


def resident(tiles: Tiles, work: Work, machine: Machine) -> int:
    """Blocks that a compute unit works on at a time."""
    threads = tiles.subgroups() * machine.lanes
    return max(
        1,
        min(
            machine.register_file // (registers(tiles, work, machine) * threads),
            machine.shared // shared_bytes(tiles, work),
            machine.most_threads // threads,
            machine.most_blocks,
        ),
    )


def blocks(tiles: Tiles, work: Work) -> int:
    """Blocks of the grid."""
    return work.batch * math.ceil(work.m / tiles.block_m) * math.ceil(work.n / tiles.block_n)


def cycles(tiles: Tiles, work: Work, machine: Machine) -> float:
    """Estimated cycles from the first block's begin to the last one's end."""
    together = resident(tiles, work, machine)
    rounds, rest = divmod(math.ceil(blocks(tiles, work) / machine.compute_units), together)
    steps = math.ceil(work.k / tiles.block_k)
    total = rounds * (steps * _step(tiles, work, machine, together) + BLOCK_OVERHEAD)
    if rest:
        total += steps * _step(tiles, work, machine, rest) + BLOCK_OVERHEAD
    return max(total, _memory(work, machine))


def _step(tiles: Tiles, work: Work, machine: Machine, together: int) -> float:
    """Cycles of one step of ``together`` blocks on one compute unit."""
    subgroups = tiles.subgroups() * together
    independent = (tiles.sub_m // work.unit.rows) * (tiles.sub_n // work.unit.columns)
    # Each scheduler feeds its own units, and a unit wants several products in flight.
    busy = min(1.0, subgroups / machine.schedulers)
    busy *= min(1.0, independent * subgroups / machine.schedulers / 8)
    products = tiles.block_m * tiles.block_n * tiles.block_k * together
    # Elements that several lanes read count for each: a load takes its time even for one address.
    lines = tiles.sub_m * work.copies[0] + tiles.sub_n * work.copies[1]
    lines = tiles.subgroups() * lines + tiles.block_m + tiles.block_n
    read = lines * tiles.block_k * work.bytes * together
    asked = (tiles.block_m + tiles.block_n) * tiles.block_k * work.bytes * together
    slowest = max(
        products / (work.rate * busy),
        read / machine.shared_bytes,
        asked * machine.compute_units / machine.l2_bytes,
        LATENCY / (tiles.stages - 1),
    )
    return slowest + STEP_OVERHEAD


def _memory(work: Work, machine: Machine) -> float:
    read = (work.m + work.n) * work.k * work.bytes
    return work.batch * (read + work.m * work.n * work.out_bytes) / machine.memory_bytes


@functools.lru_cache(maxsize=4096)
def best(work: Work, machine: Machine, fixed: tuple[tuple[str, int], ...] = ()) -> Tiles:
    """The tiles that cost least among the legal ones with the values ``fixed``.

    Of equal ones those that ask the second cache for less, then those that ask workgroup memory
    for less, then those that need less of it, then fewer registers. Where no legal ones have these
    values, the smallest that have them.
    """
    wanted = dict(fixed)
    found = list(_candidates(work, wanted))
    legal = [tiles for tiles in found if not problems(tiles, work, machine)]

    def cost(tiles: Tiles) -> tuple[float, ...]:
        return (
            cycles(tiles, work, machine),
            blocks(tiles, work) * (tiles.block_m + tiles.block_n),
            tiles.subgroups() * (tiles.sub_m + tiles.sub_n),
            shared_bytes(tiles, work),
            registers(tiles, work, machine),
            tiles.block_m,
            tiles.sub_m,
        )

    return min(legal, key=cost) if legal else found[0]


def _candidates(work: Work, wanted: Mapping[str, int]) -> Iterator[Tiles]:
    """Tiles to choose from, the smallest first; not larger than the work asks for."""
    unit = work.unit
    sub_m = _fixed(wanted, "sub_m", _sizes(unit.rows, work.m, 64))
    sub_n = _fixed(wanted, "sub_n", _sizes(unit.columns, work.n, 128))
    block_k = _fixed(wanted, "block_k", work.block_k)
    stages = _fixed(wanted, "stages", work.stages)
    for m, n, k, s in itertools.product(sub_m, sub_n, block_k, stages):
        for block_m in _fixed(wanted, "block_m", _sizes(m, work.m, _LARGEST)):
            for block_n in _fixed(wanted, "block_n", _sizes(n, work.n, _LARGEST)):
                tiles = Tiles(block_m, block_n, k, m, n, s)
                given = "block_m" in wanted or "block_n" in wanted
                if given or m < 1 or n < 1 or tiles.subgroups() <= _SUBGROUPS:
                    yield tiles


def _sizes(least: int, extent: int, most: int) -> Sequence[int]:
    """``least`` and its doubles up to ``most``, the largest the first that covers ``extent``."""
    found = [max(1, least)]
    while found[-1] < extent and found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found


def _fixed(wanted: Mapping[str, int], name: str, otherwise: Sequence[int]) -> Sequence[int]:
    return [wanted[name]] if name in wanted else otherwise


def explained(tiles: Tiles, work: Work, machine: Machine) -> str:
    """Why these tiles: what they need, how they fill the machine, and the estimate."""
    together = resident(tiles, work, machine)
    waves = blocks(tiles, work) / (machine.compute_units * together)
    products = work.batch * work.m * work.n * work.k
    least = products / (work.rate * machine.compute_units)
    share = 100 * least / cycles(tiles, work, machine)
    return (
        f"{shared_bytes(tiles, work) / 1024:.0f} KiB of shared memory and about"
        f" {registers(tiles, work, machine)} registers, {together} blocks on a unit,"
        f" {waves:.2f} waves, {share:.0f}% of peak estimated"
    )


__all__ = [
    "NAMES",
    "Machine",
    "Tiles",
    "UnitSizes",
    "Work",
    "best",
    "blocks",
    "cycles",
    "explained",
    "problems",
    "registers",
    "resident",
    "shared_bytes",
]
