"""Reductions with few results: the steps of one result are shared by work-items, and by blocks.

    y[p] = join over i of f(i, p)

    work-item (lane, slot) of block (c, s): points c * lanes + lane, each a vector of ``width``;
        steps i of slice s that belong to the slot: first + slot, first + slot + slots, ...
    then the slots of a lane join through workgroup memory.

Neighbouring lanes read neighbouring points (columns of a matrix). Where there is one point at a
time (``lanes`` 1), neighbouring slots read neighbouring steps, in vectors along the steps, and join
by shuffles. With several slices each writes partial results, which a reduction over slices joins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.body import Body
from pharos.targets.common.loops.flat import Flat, Reach
from pharos.targets.common.loops.joins import joins_of, terms
from pharos.targets.common.loops.meeting import barrier, join_block, join_subgroup
from pharos.targets.common.loops.memory import Memory
from pharos.targets.common.loops.numbers import Number, Numbers, both, when
from pharos.targets.common.loops.slices import finish
from pharos.targets.common.nests.body import counted


@dataclass(frozen=True)
class Parts:
    """``lanes`` by ``slots`` work-items of a block, vectors of ``width`` (along the points, or
    along the steps where ``lanes`` is 1), ``slices`` blocks for each group of points."""

    lanes: int
    slots: int
    width: int
    slices: int
    subgroup: int

    @property
    def block(self) -> int:
        return self.lanes * self.slots

    @property
    def along_steps(self) -> bool:
        return self.lanes == 1

    @property
    def points(self) -> int:
        """Points of a block."""
        return 1 if self.along_steps else self.lanes * self.width

    def grid(self, points: int) -> int:
        """Blocks for so many points."""
        return -(-points // self.points) * self.slices


def scratch_of(found: Flat, plan: Parts) -> list[tuple[int, Any]]:
    """Elements and element types of the workgroup buffers that the kernel needs, in order."""
    if plan.along_steps:
        if plan.block <= plan.subgroup:
            return []
        return [(plan.block // plan.subgroup, join.wide) for join in joins_of(found.nest) or ()]
    count = plan.block * plan.width
    return [(count, join.wide) for join in joins_of(found.nest) or ()] if plan.slots > 1 else []


@dataclass
class PartWriter:
    """Writes the kernel for ``found`` at the insertion point.

    ``buffers`` stand for the operands, ``partial`` for arrays of slices by points that take the
    results where ``plan`` has several slices; ``outside`` for other values, ``scratch`` are the
    workgroup buffers.
    """

    found: Flat
    plan: Parts
    buffers: Sequence[Any]
    partial: Sequence[Any]
    outside: dict[Any, Any]
    scratch: Sequence[Any]
    numbers: Numbers

    def write(self) -> None:
        """The whole kernel."""
        found, plan, numbers, gpu = self.found, self.plan, self.numbers, dialect("gpu")
        self.joins = joins_of(found.nest) or []
        self.memory = Memory(found, self.buffers, numbers)
        self.memory.prepare()
        self.points = found.count(found.parallel)
        self.steps = found.count(found.reductions)
        self.thread = numbers.of(gpu.thread_id(gpu.Dimension.x))
        grid = plan.grid(self.points)
        block = numbers.of(gpu.block_id(gpu.Dimension.x)) if grid > 1 else 0
        self.slice = numbers.rem(block, plan.slices)
        first = numbers.mul(numbers.div(block, plan.slices), plan.points)
        self.slot = numbers.div(self.thread, plan.lanes) if plan.lanes > 1 else self.thread
        self.lane = numbers.rem(self.thread, plan.lanes)
        self.width = 1 if plan.along_steps else plan.width
        self.point = numbers.add(first, numbers.mul(self.lane, self.width))
        exact = grid // plan.slices * plan.points == self.points
        self.active = None if exact else numbers.below(self.point, self.points)
        values = self._accumulated()
        if plan.along_steps:
            self._store_first([self._whole(n, value) for n, value in enumerate(values)])
        else:
            self._join_slots(values)

    # Each work-item's own steps.

    def _accumulated(self) -> list[Any]:
        """What this work-item's steps join to, for each output."""
        plan, numbers = self.plan, self.numbers
        each = plan.width if plan.along_steps else 1
        stride = plan.slots * each
        length = _rounded(-(-self.steps // plan.slices), stride)
        begin = numbers.mul(self.slice, length)
        end = self.steps if plan.slices == 1 else numbers.least(
            numbers.add(begin, length), self.steps
        )  # fmt: skip
        low = numbers.add(begin, numbers.mul(self.slot, each))
        start = [join.start(plan.width) for join in self.joins]

        def loop() -> list[Any]:
            return numbers.loop(low, end, stride, start, self._step)

        if self.active is None:
            return loop()
        scf = dialect("scf")
        if_op = scf.IfOp(self.active, [v.type for v in start], has_else=True)
        for block, make in ((if_op.then_block, loop), (if_op.else_block, lambda: start)):
            with mlir.InsertionPoint(block):
                scf.YieldOp(make())
        return list(if_op.results)

    def _step(self, step: Any, values: list[Any]) -> list[Any]:
        found, numbers, width = self.found, self.numbers, self.plan.width
        at: list[Number] = [0] * len(found.loops)
        for loops, position in ((found.parallel, self.point), (found.reductions, step)):
            digits = numbers.digits(position, [found.loops[n].size for n in loops])
            for n, digit in zip(loops, digits, strict=True):
                at[n] = digit
        inputs = [r and self._load(r, at) for r in found.reads]
        body = Body(found.nest, self.outside)
        new = terms(body, inputs, self._counter(at), width)
        triples = zip(self.joins, values, new, strict=True)
        return [join(old, join.widened(term)) for join, old, term in triples]

    @property
    def _inner(self) -> int | None:
        """The loop that vectors run along."""
        loops = self.found.reductions if self.plan.along_steps else self.found.parallel
        return loops[-1] if loops else None

    def _load(self, reach: Reach, at: Sequence[Number]) -> Any:
        inner, width = self._inner, self.plan.width
        moves = width > 1 and inner is not None and reach.strides[inner] != 0
        return self.memory.load(reach, at, width if moves else 1)

    def _counter(self, at: Sequence[Number]) -> Callable[[int], Any]:
        def number(dim: int) -> Any:
            for n, loop in enumerate(self.found.loops):
                if dim in loop.dims:
                    first, width = self.numbers.index(at[n]), self.plan.width
                    if width == 1 or n != self._inner:
                        return first
                    return counted(first, width)
            return self.numbers.index(0)

        return number

    # Between work-items.

    def _whole(self, number: int, value: Any) -> Any:
        """``value`` of all work-items of the block, which are slots of one point."""
        join, plan = self.joins[number], self.plan
        value = join.lanes(value)
        if plan.block <= plan.subgroup:
            return join_subgroup(join, value, plan.block, plan.subgroup)
        scratch = self.scratch[number]
        thread, numbers = self.thread, self.numbers
        return join_block(join, value, scratch, thread, plan.block, plan.subgroup, numbers)

    def _store_first(self, values: Sequence[Any]) -> None:
        first = self.numbers.equal(self.thread, 0) if self.plan.block > 1 else None
        when(first, lambda: self._store(values))

    def _join_slots(self, values: list[Any]) -> None:
        """The slots of each lane joined by its first slot, which stores the results."""
        plan, numbers = self.plan, self.numbers
        if plan.slots == 1:
            when(self.active, lambda: self._store(values))
            return
        for scratch, value in zip(self.scratch, values, strict=True):
            self._put(scratch, numbers.mul(self.thread, plan.width), value)
        barrier()

        def joined() -> None:
            self._store([self._lane_total(n, value) for n, value in enumerate(values)])

        when(both(self.active, numbers.equal(self.slot, 0)), joined)

    def _lane_total(self, number: int, value: Any) -> Any:
        """``value`` of this lane's first slot joined with those of its other slots."""
        plan, numbers = self.plan, self.numbers
        scratch, join = self.scratch[number], self.joins[number]

        def add(slot: Any, total: list[Any]) -> list[Any]:
            place = numbers.add(numbers.mul(slot, plan.lanes), self.lane)
            other = self._get(scratch, numbers.mul(place, plan.width), value.type)
            return [join(total[0], other)]

        return numbers.loop(1, plan.slots, 1, [value], add)[0]

    def _put(self, scratch: Any, place: Number, value: Any) -> None:
        index = [self.numbers.index(place)]
        if isinstance(value.type, mlir.VectorType):
            dialect("vector").store(value, scratch, index)
        else:
            dialect("memref").store(value, scratch, index)

    def _get(self, scratch: Any, place: Number, kind: Any) -> Any:
        index = [self.numbers.index(place)]
        if isinstance(kind, mlir.VectorType):
            return dialect("vector").load(kind, scratch, index)
        return dialect("memref").load(scratch, index)

    # Results.

    def _store(self, values: Sequence[Any]) -> None:
        """The results of this work-item's points, or their part from this slice."""
        numbers = self.numbers
        if self.plan.slices > 1:
            for buffer, value in zip(self.partial, values, strict=True):
                place = numbers.add(numbers.mul(self.slice, self.points), self.point)
                self._put(buffer, place, value)
            return
        finish(self.found, self.memory, self.outside, numbers, self.point, values, self.width)


def partial_types(found: Flat, plan: Parts) -> list[Any]:
    """The types of the arrays for partial results, slices by points; none for one slice."""
    if plan.slices == 1:
        return []
    count = plan.slices * found.count(found.parallel)
    return [mlir.MemRefType.get([count], join.wide) for join in joins_of(found.nest) or ()]


def _rounded(number: int, factor: int) -> int:
    return -(-number // factor) * factor
