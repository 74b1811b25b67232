"""The end of a shared reduction: what outputs are before is joined, slices are joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.loops.flat import Flat
from pharos.targets.common.loops.joins import Join, joins_of
from pharos.targets.common.loops.meeting import join_subgroup
from pharos.targets.common.loops.memory import Memory
from pharos.targets.common.loops.numbers import Number, Numbers, both, when
from pharos.targets.common.nests.body import broadcast


def finish(
    found: Flat,
    memory: Memory,
    outside: Mapping[Any, Any],
    numbers: Numbers,
    point: Number,
    values: Sequence[Any],
    width: int = 1,
) -> None:
    """Join ``values``, of ``point`` (and its neighbours in a vector), to what the outputs are
    before, and store them."""
    at: list[Number] = [0] * len(found.loops)
    sizes = [found.loops[n].size for n in found.parallel]
    for n, digit in zip(found.parallel, numbers.digits(point, sizes), strict=True):
        at[n] = digit
    for join, write, value in zip(joins_of(found.nest) or (), found.writes, values, strict=True):
        start = found.nest.start.get(write.number)
        if start is None:
            before = memory.load(write, at, width)
        else:
            number = outside.get(start, start)
            before = broadcast(number, width) if width > 1 else number
        memory.store(write, at, join.narrowed(join(join.widened(before), value)))


def write_joined(
    found: Flat,
    slices: int,
    subgroup: int,
    block: int,
    buffers: Sequence[Any],
    partial: Sequence[Any],
    outside: Mapping[Any, Any],
    numbers: Numbers,
) -> None:
    """The second kernel's body: a subgroup for each point joins its parts from all slices."""
    gpu, points = dialect("gpu"), found.count(found.parallel)
    memory = Memory(found, buffers, numbers)
    memory.prepare()
    thread = numbers.of(gpu.thread_id(gpu.Dimension.x))
    each = block // subgroup
    first = numbers.of(gpu.block_id(gpu.Dimension.x)) if points > each else 0
    point = numbers.add(numbers.mul(first, each), numbers.div(thread, subgroup))
    lane = numbers.rem(thread, subgroup)
    active = numbers.below(point, points) if points % each else None
    safe = point if active is None else numbers.least(point, points - 1)
    totals = []
    for join, buffer in zip(joins_of(found.nest) or (), partial, strict=True):

        def part(at: Any, buffer: Any = buffer) -> Any:
            place = numbers.add(numbers.mul(at, points), safe)
            return dialect("memref").load(buffer, [numbers.index(place)])

        value = _own_slices(join, part, lane, slices, subgroup, numbers)
        totals.append(join_subgroup(join, value, subgroup, subgroup))
    stores = both(active, numbers.equal(lane, 0))
    when(stores, lambda: finish(found, memory, outside, numbers, point, totals))


def _own_slices(
    join: Join,
    part: Callable[[Any], Any],
    lane: Number,
    slices: int,
    subgroup: int,
    numbers: Numbers,
) -> Any:
    """The parts of every ``subgroup``-th slice from ``lane`` on, joined."""

    def add(at: Any, so_far: list[Any]) -> list[Any]:
        return [join(so_far[0], part(at))]

    return numbers.loop(lane, slices, subgroup, [join.start(1)], add)[0]
