"""Which form a nest's kernel takes, and how many work-items it gets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pharos.targets.common.loops.body import scalar_only
from pharos.targets.common.loops.flat import Flat
from pharos.targets.common.loops.groups import NEAR, Group, near_results
from pharos.targets.common.loops.joins import joins_of, joins_of_carried
from pharos.targets.common.loops.parts import Parts
from pharos.targets.common.loops.points import Points
from pharos.targets.common.loops.rows import Rows
from pharos.targets.common.loops.scans import Scan
from pharos.targets.common.loops.transposes import Tiles
from pharos.targets.common.loops.transposes import scratch_of as tiles_of
from pharos.targets.common.loops.widths import is_bit, row_width, width_along, width_of
from pharos.targets.common.nests.body import scanned


@dataclass(frozen=True)
class Device:
    """What kernels are written for.

    ``subgroup`` work-items exchange values, ``block`` of them are the usual block and ``most`` the
    largest; ``vector_bytes`` are loaded at once, ``shared`` bytes of workgroup memory a kernel may
    declare, ``units`` blocks run at the same time at least.
    """

    subgroup: int
    block: int
    most: int
    vector_bytes: int
    shared: int
    units: int

    def workers(self, wanted: int) -> tuple[int, int]:
        """Grid and block for ``wanted`` work-items: no more blocks than keep the device busy."""
        block = min(self.block, -(-wanted // self.subgroup) * self.subgroup)
        return min(-(-wanted // block), self.units * BLOCKS_PER_UNIT), block


# Enough for the latency of memory; a larger grid only starts more blocks.
BLOCKS_PER_UNIT = 32


def points(found: Flat, device: Device) -> Points:
    """How ``found``, loops merged, runs with a work-item per result."""
    width = width_of(found, device.vector_bytes)
    turns = -(-found.count(found.parallel) // width)
    grid, block = device.workers(max(1, turns))
    return Points(width, block, grid)


# Steps of a reduction that a work-item does at least, so that joining is little beside it.
LEAST_STEPS = 8
# Work-items on a compute unit that hide the latency of memory.
BUSY = 256


def parts(found: Flat, device: Device) -> Parts | None:
    """How work-items and blocks share the steps of ``found``, a reduction with loops merged.

    None where there are enough results to keep the device busy, or too few steps to share.
    """
    results, steps = found.count(found.parallel), found.count(found.reductions)
    if joins_of(found.nest) is None or not results or steps < 2 * LEAST_STEPS:
        return None
    plan = _along_steps(found, device) if _steps_are_near(found) else _along_points(found, device)
    groups = -(-results // plan.points)
    if plan.along_steps and (groups >= device.units or steps <= KEPT * plan.block * plan.width):
        return None
    if not plan.along_steps and results // plan.width >= device.units * BUSY:
        return None
    own = plan.slots * (plan.width if plan.along_steps else 1) * LEAST_STEPS
    slices = max(1, min(-(-2 * device.units // groups), steps // own))
    return replace(plan, slices=slices)


def _steps_are_near(found: Flat) -> bool:
    """Whether neighbouring steps read neighbours, and neighbouring results do not."""
    moving = [r for r in found.reads if r is not None]
    inner = found.reductions[-1]
    return not near_results(found) and all(not r.odd and 0 <= r.strides[inner] <= 1 for r in moving)


def _along_steps(found: Flat, device: Device) -> Parts:
    inner = found.reductions[-1]
    width = width_along(found, inner, device.vector_bytes)
    while found.loops[inner].size % width:
        width //= 2
    return Parts(1, device.block, width, 1, device.subgroup)


def _along_points(found: Flat, device: Device) -> Parts:
    width, results = width_of(found, device.vector_bytes), found.count(found.parallel)
    while results % width:
        width //= 2
    lanes = max(2, min(32, _power_of_two(results // width)))
    steps = found.count(found.reductions)
    slots = max(1, min(device.block // lanes, _power_of_two(steps // LEAST_STEPS + 1)))
    while lanes * slots < device.subgroup:
        slots *= 2
    return Parts(lanes, slots, width, 1, device.subgroup)


def scan(found: Flat, device: Device) -> Scan | None:
    """How many work-items share a row of the scan ``found``, loops merged.

    None where it is none of one loop, short, or where neighbouring results are neighbours in memory
    and many: then each is best left to a work-item of its own.
    """
    nest = found.nest
    if len(found.reductions) != 1 or not any(map(found.streamed, found.writes)):
        return None
    if joins_of_carried(nest) is None or scanned(nest) is None:
        return None
    inner, rows = found.reductions[0], found.count(found.parallel)
    length = found.loops[inner].size
    if length < 2 * LEAST_STEPS or not rows:
        return None
    if near_results(found) and rows >= device.units * device.subgroup:
        return None
    width = width_along(found, inner, device.vector_bytes)
    while length % width:
        width //= 2
    vectors = -(-length // width)
    if vectors <= device.subgroup * STEPS:
        lanes = min(device.subgroup, _power_of_two(vectors))
        block = max(device.subgroup, min(device.block, _power_of_two(rows) * lanes))
    else:
        lanes = block = max(device.subgroup, min(device.block, _power_of_two(vectors // STEPS)))
    return Scan(lanes, block, width, device.subgroup)


# Sides of a tile of a transpose; smaller arrays are read as they are.
TILE, LEAST_TILE = 32, 8


def tiles(found: Flat, device: Device) -> Tiles | None:
    """The tiles of ``found``, an elementwise nest with loops merged; None where it needs none."""
    if found.reductions or len(found.parallel) < 2 or scalar_only(found.nest):
        return None
    along = found.parallel[-1]
    if any(r.odd or is_bit(r) for r in found.reaches):
        return None
    far = [r for r in found.reads if r is not None and abs(r.strides[along]) > NEAR]
    for across in found.parallel[:-1]:
        turned = tuple(r.number for r in far if r.strides[across] == 1)
        large = min(found.loops[n].size for n in (across, along)) >= LEAST_TILE
        if turned and large:
            plan = Tiles(across, along, turned, TILE, TILE, min(device.block, TILE * TILE))
            whole = plan.block % TILE == 0 and TILE % (plan.block // TILE) == 0
            needed = sum(n * element.width // 8 for n, element in tiles_of(found, plan))
            return plan if whole and needed <= device.shared else None
    return None


# 32-bit registers that a work-item keeps places of a row in, for each array of the group. In a
# block of more than 512, a work-item has but 64 of the 65536 of a compute unit: half as many.
KEPT = 32
LARGE_BLOCK = 512
# Vectors of a row for each work-item, from which on more work-items share the row.
STEPS = 4


def rows(group: Group, device: Device) -> Rows:
    """How many work-items share a row of ``group``, and whether they keep it."""
    width = row_width(group, device.vector_bytes)
    vectors = -(-group.length // width)
    if vectors <= device.subgroup * STEPS:
        lanes = min(device.subgroup, _power_of_two(vectors))
        block = max(lanes, min(device.block, _power_of_two(group.rows) * lanes))
        block = max(block, device.subgroup)
    else:
        most = max(device.subgroup, _power_of_two(device.most + 1) // 2)
        lanes = block = min(most, max(device.subgroup, _power_of_two(-(-vectors // STEPS))))
    words = -(-vectors // lanes) * width * max(4, _widest(group)) // 4
    kept = words <= (KEPT if lanes <= LARGE_BLOCK else KEPT // 2)
    return Rows(width, lanes, block, kept, device.subgroup)


def _widest(group: Group) -> int:
    """Bytes of the widest element of a row of ``group``."""
    found = [(m, r) for m in group.members for r in m.found.reaches]
    return max((r.bytes for m, r in found if m.walk(r).inside), default=4)


def _power_of_two(number: int) -> int:
    """The smallest power of two that is not below ``number``."""
    return 1 << max(0, number - 1).bit_length()


def few_long_rows(group: Group, device: Device) -> bool:
    """Whether ``group`` as one kernel would leave most of the device idle for long."""
    return group.rows < device.units and group.length > KEPT * device.most
