"""Running sums and the like along rows: a subgroup, a part of one, or a block for each row.

    y[r, i] = x[r, 0] + ... + x[r, i]

A step takes ``lanes`` vectors of the row: every work-item adds up its own, what the lanes before it
hold is found by exchanges whose distance doubles (Hillis and Steele, 1986), subgroups before its
own tell through workgroup memory, and the total goes on to the next step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.body import Body
from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.loops.joins import Join, carried, joins_of_carried, terms
from pharos.targets.common.loops.meeting import barrier, from_lane
from pharos.targets.common.loops.memory import Memory
from pharos.targets.common.loops.numbers import Number, Numbers, both, when
from pharos.targets.common.nests.body import counted, scanned


@dataclass(frozen=True)
class Scan:
    """``lanes`` work-items of a ``block`` for each row, vectors of ``width``."""

    lanes: int
    block: int
    width: int
    subgroup: int

    def grid(self, rows: int) -> int:
        """Blocks for ``rows`` rows."""
        return -(-rows // (self.block // self.lanes))

    @property
    def subgroups(self) -> int:
        """Subgroups that share a row; 1 where a row needs no more."""
        return max(1, self.lanes // self.subgroup)


def scratch_of(found: Flat, plan: Scan) -> list[tuple[int, Any]]:
    """Elements and element types of the workgroup buffers: two of each, used in turn."""
    if plan.subgroups == 1:
        return []
    return [(2 * plan.subgroups, join.wide) for join in joins_of_carried(found.nest) or ()]


@dataclass
class ScanWriter:
    """Writes the kernel for ``found`` at the insertion point; see ``PartWriter`` for the fields."""

    found: Flat
    plan: Scan
    buffers: Sequence[Any]
    outside: dict[Any, Any]
    scratch: Sequence[Any]
    numbers: Numbers

    def write(self) -> None:
        """The whole kernel."""
        found, plan, numbers, gpu = self.found, self.plan, self.numbers, dialect("gpu")
        self.memory = Memory(found, self.buffers, numbers)
        self.memory.prepare()
        self.joins = joins_of_carried(found.nest) or []
        rows, each = found.count(found.parallel), plan.block // plan.lanes
        grid = plan.grid(rows)
        self.thread = numbers.of(gpu.thread_id(gpu.Dimension.x))
        block = numbers.of(gpu.block_id(gpu.Dimension.x)) if grid > 1 else 0
        row = numbers.add(numbers.mul(block, each), numbers.div(self.thread, plan.lanes))
        row = row if each > 1 else block
        exact = grid * each == rows
        self.active = None if exact else numbers.below(row, rows)
        row = row if exact else numbers.least(row, rows - 1)
        self.at: list[Number] = [0] * len(found.loops)
        sizes = [found.loops[n].size for n in found.parallel]
        for n, digit in zip(found.parallel, numbers.digits(row, sizes), strict=True):
            self.at[n] = digit
        self.lane = numbers.rem(self.thread, plan.lanes)
        self.first = numbers.mul(self.lane, plan.width)
        length, stride = found.loops[found.reductions[0]].size, plan.lanes * plan.width
        self.length = length
        before = [self._before(n) for n in carried(found.nest)]
        totals = numbers.loop(0, length, stride, before, self._step)
        self._store_totals(totals)

    def _before(self, number: int) -> Any:
        """What the carried output ``number`` is before the scan, as partial results are."""
        found = self.found
        write = found.writes[number]
        start = found.nest.start.get(write.number)
        join = self.joins[carried(found.nest).index(number)]
        value = (
            self.memory.load(write, self.at) if start is None else self.outside.get(start, start)
        )
        return join.widened(value)

    def _step(self, base: Any, running: list[Any]) -> list[Any]:
        """One step of the row, on from ``running``; the totals after it."""
        numbers, plan = self.numbers, self.plan
        place = numbers.add(base, self.first)
        stride = plan.lanes * plan.width
        inside = None if self.length % stride == 0 else numbers.below(place, self.length)
        runs = [self._own(join, v) for join, v in zip(self.joins, self._terms(place, inside),
                                                      strict=True)]  # fmt: skip
        prefixes, totals = [], []
        for n, join in enumerate(self.joins):
            before, total = self._before_own(n, join, runs[n][-1], base)
            prefixes.append(join(running[n], before))
            totals.append(join(running[n], total))
        when(both(self.active, inside), lambda: self._store(place, runs, prefixes))
        return totals

    def _terms(self, place: Number, inside: Any) -> list[Any]:
        """What the work-item's places of this step give to each join."""
        found, width = self.found, self.plan.width
        at = list(self.at)
        at[found.reductions[0]] = place

        def load() -> list[Any]:
            inputs = [r and self._load(r, at) for r in found.reads]
            body = Body(found.nest, self.outside)
            new = terms(body, inputs, lambda d: self._count(d, at), width)
            return [join.widened(term) for join, term in zip(self.joins, new, strict=True)]

        condition = both(self.active, inside)
        if condition is None:
            return load()
        scf = dialect("scf")
        other = [join.start(width) for join in self.joins]
        if_op = scf.IfOp(condition, [v.type for v in other], has_else=True)
        with mlir.InsertionPoint(if_op.then_block):
            scf.YieldOp(load())
        with mlir.InsertionPoint(if_op.else_block):
            scf.YieldOp(other)
        return list(if_op.results)

    def _load(self, reach: Reach, at: Sequence[Number]) -> Any:
        width = self.plan.width
        moves = width > 1 and reach.strides[self.found.reductions[0]] != 0
        return self.memory.load(reach, at, width if moves else 1)

    def _count(self, dim: int, at: Sequence[Number]) -> Any:
        for n, loop in enumerate(self.found.loops):
            if dim in loop.dims:
                first, width = self.numbers.index(at[n]), self.plan.width
                if width == 1 or n != self.found.reductions[0]:
                    return first
                return counted(first, width)
        return self.numbers.index(0)

    def _own(self, join: Join, value: Any) -> list[Any]:
        """The running results over the lanes of a work-item's vector."""
        if self.plan.width == 1:
            return [value]
        parts = [dialect("vector").extract(value, [], [n]) for n in range(self.plan.width)]
        for n in range(1, len(parts)):
            parts[n] = join(parts[n - 1], parts[n])
        return parts

    def _before_own(self, number: int, join: Join, own: Any, base: Any) -> tuple[Any, Any]:
        """What all work-items before this one hold in this step, and what all do."""
        numbers, plan, arith = self.numbers, self.plan, dialect("arith")
        lanes = min(plan.lanes, plan.subgroup)
        lane, mine = numbers.rem(self.lane, lanes), numbers.rem(self.thread, plan.subgroup)
        distance = 1
        while distance < lanes:
            enough = numbers.below(distance - 1, lane)
            other = from_lane(own, self._source(mine, distance, enough), plan.subgroup)
            own = arith.select(enough, join(other, own), own)
            distance *= 2
        if lanes == 1:
            return join.start(1), own
        enough = numbers.below(0, lane)
        other = from_lane(own, self._source(mine, 1, enough), plan.subgroup)
        before = arith.select(enough, other, join.start(1))
        last = numbers.add(mine, numbers.sub(lanes - 1, lane))
        total = from_lane(own, self._i32(last), plan.subgroup)
        if plan.subgroups == 1:
            return before, total
        return self._between_subgroups(number, join, before, total, base)

    def _source(self, mine: Number, distance: int, enough: Any) -> Any:
        """The lane that is ``distance`` before; the own one where there is none."""
        other = self._i32(self.numbers.sub(mine, distance))
        return dialect("arith").select(enough, other, self._i32(mine))

    def _i32(self, number: Number) -> Any:
        i32, value = mlir.IntegerType.get_signless(32), self.numbers.value(number)
        return value if value.type == i32 else dialect("arith").index_cast(i32, value)

    def _between_subgroups(
        self, number: int, join: Join, before: Any, total: Any, base: Any
    ) -> tuple[Any, Any]:
        numbers, plan = self.numbers, self.plan
        memref, arith, scratch = dialect("memref"), dialect("arith"), self.scratch[number]
        turn = numbers.rem(numbers.div(base, plan.lanes * plan.width), 2)
        first = numbers.mul(turn, plan.subgroups)
        mine = numbers.div(self.lane, plan.subgroup)
        place = numbers.index(numbers.add(first, mine))
        leads = numbers.equal(numbers.rem(self.lane, plan.subgroup), 0)
        when(leads, lambda: _put(total, scratch, place))
        barrier()
        earlier, whole = join.start(1), join.start(1)
        for other in range(plan.subgroups):
            part = memref.load(scratch, [numbers.index(numbers.add(first, other))])
            whole = join(whole, part)
            earlier = arith.select(numbers.below(other, mine), whole, earlier)
        return join(earlier, before), whole

    def _store(self, place: Number, runs: list[list[Any]], prefixes: list[Any]) -> None:
        """The streamed outputs of this step."""
        found, width = self.found, self.plan.width
        at = list(self.at)
        at[found.reductions[0]] = place
        streams = [w for w in found.writes if found.streamed(w)]
        for write, (number, inclusive) in zip(streams, scanned(found.nest) or (), strict=True):
            join, run, prefix = self.joins[number], runs[number], prefixes[number]
            values = [join(prefix, value) for value in run]
            values = values if inclusive else [prefix, *values[:-1]]
            narrow = [join.narrowed(value) for value in values]
            if width > 1:
                kind = mlir.VectorType.get([width], write.element)
                self.memory.store(write, at, dialect("vector").from_elements(kind, narrow))
            else:
                self.memory.store(write, at, narrow[0])

    def _store_totals(self, totals: Sequence[Any]) -> None:
        first = self.numbers.equal(self.lane, 0) if self.plan.lanes > 1 else None

        def store() -> None:
            numbers = carried(self.found.nest)
            for number, join, total in zip(numbers, self.joins, totals, strict=True):
                self.memory.store(self.found.writes[number], self.at, join.narrowed(total))

        when(both(self.active, first), store)


def _put(value: Any, scratch: Any, place: Any) -> None:
    dialect("memref").store(value, scratch, [place])
