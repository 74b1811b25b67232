"""A subgroup, a part of one, or a block for each row: reductions of rows, norms, softmax.

    lanes work-items per row, each with steps vectors of width places:
    place j of the row belongs to work-item j / width % lanes, in step j / width / lanes

Neighbours load neighbouring vectors. Where a row fits the registers, it is loaded once and kept
from phase to phase; else a phase reads again what an earlier one wrote, always the work-item's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.loops.body import Body, start_of
from pharos.targets.common.loops.flat import Reach
from pharos.targets.common.loops.groups import EACH, JOIN, Group, Member
from pharos.targets.common.loops.joins import Join, terms
from pharos.targets.common.loops.meeting import join_block, join_subgroup
from pharos.targets.common.loops.memory import Memory
from pharos.targets.common.loops.numbers import Number, Numbers, both, when
from pharos.targets.common.loops.phases import (
    Key,
    Phase,
    key,
    last_writer,
    later,
    phases,
    private,
    writes,
)
from pharos.targets.common.loops.row_values import Held, RowValues
from pharos.targets.common.loops.site import Inside


@dataclass(frozen=True)
class Rows:
    """``lanes`` work-items of a ``block`` share a row, in vectors of ``width``; ``kept``: each
    holds its places in registers. ``subgroup`` work-items can exchange values."""

    width: int
    lanes: int
    block: int
    kept: bool
    subgroup: int

    def grid(self, rows: int) -> int:
        """Blocks for ``rows`` rows."""
        return -(-rows // (self.block // self.lanes))


def scratch_of(group: Group, plan: Rows) -> list[tuple[int, Any]]:
    """Elements and element types of the workgroup buffers that the kernel needs, in order."""
    if plan.lanes <= plan.subgroup:
        return []
    count = plan.lanes // plan.subgroup
    members = [m for m in group.members if m.kind == JOIN]
    return [(count, join.wide) for m in members for join in m.joins]


@dataclass
class RowWriter:
    """Writes the kernel of ``group`` at the insertion point.

    ``inside`` tells what stands in the kernel for values from outside.
    """

    group: Group
    plan: Rows
    inside: Inside
    numbers: Numbers

    def write(self) -> None:
        """All phases, one after the other."""
        self._scratch = iter(self.inside.workgroup)
        self.outside = self.inside.values
        self._private = private(self.group)
        self._phases = phases(self.group)
        self._place_row()
        memories = {m: self._memory(m) for m in self.group.members}
        self.values = RowValues(self._row, self.plan.width, self.numbers, memories)
        width, lanes = self.plan.width, self.plan.lanes
        self._steps = -(-self.group.length // (width * lanes))
        self._kept: list[Held] = [{} for _ in range(self._steps)]
        self._load_numbers()
        for number, phase in enumerate(self._phases):
            if phase.once:
                for member in phase.members:
                    with member.place:
                        self._once(member)
            else:
                self._pass(number, phase)

    def _load_numbers(self) -> None:
        """The numbers of the row that are there before, in registers.

        What one work-item stores later, the others of the row must have read: they wait once.
        """
        written: set[Key] = set()
        for phase in self._phases:
            self.values.load_numbers(phase, written)
            written.update(k for member in phase.members for _, k in writes(member))
        if written.intersection(self.values.of_row) and self.plan.lanes > 1:
            dialect("gpu").BarrierOp()

    def _place_row(self) -> None:
        numbers, plan, gpu = self.numbers, self.plan, dialect("gpu")
        thread = numbers.of(gpu.thread_id(gpu.Dimension.x))
        each, grid = plan.block // plan.lanes, plan.grid(self.group.rows)
        block = numbers.of(gpu.block_id(gpu.Dimension.x)) if grid > 1 else 0
        row = numbers.add(numbers.mul(block, each), numbers.div(thread, plan.lanes))
        row = row if each > 1 else block
        exact = grid * each == self.group.rows
        self._active = None if exact else numbers.below(row, self.group.rows)
        self._row = row if exact else numbers.least(row, self.group.rows - 1)
        self._thread = thread
        self._lane = numbers.rem(thread, plan.lanes) if plan.lanes < plan.block else thread

    def _memory(self, member: Member) -> Memory:
        memory = Memory(member.found, self.inside.buffers(member.found), self.numbers)
        memory.prepare()
        return memory

    # A pass over the row.

    def _pass(self, number: int, phase: Phase) -> None:
        joined = [(m, join) for m in phase.members if m.kind == JOIN for join in m.joins]
        partial = [join.start(self.plan.width) for _, join in joined]
        stride = self.plan.width * self.plan.lanes
        first = self.numbers.mul(self._lane, self.plan.width)
        if self.plan.kept:
            for step in range(self._steps):
                at = self.numbers.add(first, step * stride)
                partial = self._step(number, at, self._kept[step], partial, step)
        else:

            def body(at: Any, values: list[Any]) -> list[Any]:
                return self._step(number, at, {}, values, None)

            partial = self.numbers.loop(first, self.group.length, stride, partial, body)
        self._finish(phase, partial)

    def _step(
        self, number: int, at: Number, held: Held, partial: list[Any], step: int | None
    ) -> list[Any]:
        """One vector of the row; ``step`` is None in a loop that knows where the row ends."""
        condition = self._active
        if step is not None and (step + 1) * self.plan.width * self.plan.lanes > self.group.length:
            condition = both(condition, self.numbers.below(at, self.group.length))
        phase = self._phases[number]
        if condition is None:
            return self._members(number, at, held, partial)
        wanted = later(self._phases, number)
        out = [w for w in phase.touched() if w in wanted] if step is not None else []
        kinds = [*(v.type for v in partial), *map(self.values.kind, out)]
        scf = dialect("scf")
        if_op = scf.IfOp(condition, kinds, has_else=bool(kinds))
        inner = dict(held)
        with mlir.InsertionPoint(if_op.then_block):
            values = self._members(number, at, inner, partial)
            scf.YieldOp([*values, *(inner[w] for w in out)])
        if kinds:
            with mlir.InsertionPoint(if_op.else_block):
                scf.YieldOp([*partial, *(_zero(self.values.kind(w)) for w in out)])
        results = list(if_op.results)
        for what in phase.touched():
            held.pop(what, None)
        held.update(zip(out, results[len(partial) :], strict=True))
        return results[: len(partial)]

    def _members(self, number: int, at: Number, held: Held, partial: list[Any]) -> list[Any]:
        partial, done = list(partial), 0
        for member in self._phases[number].members:
            with member.place:
                if member.kind == EACH:
                    self._each(number, member, at, held)
                    continue
                terms = self._terms(member, at, held)
                for join, term in zip(member.joins, terms, strict=True):
                    partial[done] = join(partial[done], join.widened(term))
                    done += 1
        return partial

    def _each(self, number: int, member: Member, at: Number, held: Held) -> None:
        found = member.found
        old = self._before(member, lambda w: self.values.read(member, w, at, held))
        width = self.plan.width
        inputs = [r and self.values.read(member, r, at, held) for r in found.reads]
        body = Body(found.nest, self.outside)
        built = body.build([*inputs, *old], lambda d: self.values.count(member, d, at), width)
        for write, value in zip(found.writes, body.yields(built, width), strict=True):
            what = key(member, write)
            held[what] = value
            if self._stored(number, member, what):
                self.values.store(member, write, at, value)

    def _stored(self, number: int, member: Member, what: Key) -> bool:
        """Whether ``what`` has to be in memory after ``member`` has written it."""
        if not self.plan.kept:
            return what[0] not in self._private or what in later(self._phases, number)
        return what[0] not in self._private and last_writer(self.group, member, what)

    def _terms(self, member: Member, at: Number, held: Held) -> list[Any]:
        """What the reduction ``member`` joins for this vector, on all its lanes."""
        found = member.found
        inputs = [r and self.values.read(member, r, at, held) for r in found.reads]
        body = Body(found.nest, self.outside)
        return terms(body, inputs, lambda d: self.values.count(member, d, at), self.plan.width)

    # Numbers of the row.

    def _finish(self, phase: Phase, partial: Sequence[Any]) -> None:
        """Join what the work-items of a row have found."""
        values = iter(partial)
        for member in phase.members:
            if member.kind != JOIN:
                continue
            for join, write in zip(member.joins, member.found.writes, strict=True):
                total = self._joined(join, join.lanes(next(values)))
                start = start_of(member.found.nest, write.number, self.outside)
                what = key(member, write)
                before = self.values.of_row[what] if start is None else start
                total = join.narrowed(join(join.widened(before), total))
                self._set_number(member, write, what, total)

    def _joined(self, join: Join, value: Any) -> Any:
        plan = self.plan
        if plan.lanes <= plan.subgroup:
            return join_subgroup(join, value, plan.lanes, plan.subgroup)
        scratch = next(self._scratch)
        return join_block(
            join, value, scratch, self._thread, plan.block, plan.subgroup, self.numbers
        )

    def _once(self, member: Member) -> None:
        found = member.found
        inputs = [r and self.values.of_row[key(member, r)] for r in found.reads]
        old = self._before(member, lambda w: self.values.of_row[key(member, w)])
        body = Body(found.nest, self.outside)
        built = body.build([*inputs, *old], lambda d: self.values.count(member, d, 0))
        for write, value in zip(found.writes, body.yields(built), strict=True):
            self._set_number(member, write, key(member, write), value)

    def _before(self, member: Member, read: Callable[[Reach], Any]) -> list[Any]:
        """What the outputs of ``member`` are before it, None where its body does not ask."""
        nest, found = member.found.nest, []
        for number, write in enumerate(member.found.writes):
            start = start_of(nest, write.number, self.outside)
            used = number in member.found.before
            found.append((read(write) if start is None else start) if used else None)
        return found

    def _set_number(self, member: Member, write: Reach, what: Key, value: Any) -> None:
        self.values.of_row[what] = value
        if what[0] in self._private or not last_writer(self.group, member, what):
            return
        first = self.numbers.equal(self._lane, 0) if self.plan.lanes > 1 else None
        condition = both(self._active, first)
        when(condition, lambda: self.values.store_number(member, write, value))


def _zero(kind: Any) -> Any:
    element = kind.element_type if isinstance(kind, mlir.VectorType) else kind
    is_float = isinstance(element, mlir.FloatType)
    number = mlir.FloatAttr.get(element, 0.0) if is_float else mlir.IntegerAttr.get(element, 0)
    if isinstance(kind, mlir.VectorType):
        number = mlir.DenseElementsAttr.get_splat(kind, number)
    return dialect("arith").ConstantOp(kind, number).result
