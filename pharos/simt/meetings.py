"""Lanes that meet: exchanges, collectives that one lane does for all, barriers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pharos.core.errors import InternalError
from pharos.simt import types
from pharos.simt.emitter import Emitter
from pharos.simt.values import Operand, Value

# What a record holds for a subgroup (`%simt.record` in runtime/groups.ll).
_RECORD_BYTES = 32768
WORKGROUP_BARRIER = 64


class Meeting:
    """Lanes of a subgroup that put down values for each other; made by `Writer.meeting`."""

    def __init__(
        self,
        writer: Places,
        values: Sequence[Value],
        results: Sequence[str],
        who: Value | None,
        what: int,
    ) -> None:
        self.writer = writer
        self._types = [value.type for value in values] + list(results)
        self._results = len(values)
        self._offsets, self._stride = _packed(self._types)
        if self._stride * writer.subgroup_size > _RECORD_BYTES:
            raise InternalError(f"lanes exchange {self._stride} bytes each, more than fit")
        mask = who if who is not None else writer.constant(-1, "i64")
        mask = writer.convert(mask, "i64")
        number = writer.constant(what, "i64")
        self.record = writer.call("simt.group.join", "ptr", mask, number, writer.site)
        writer.leave_at_the_end(self.record)
        for index, value in enumerate(values):
            writer.poke(value, self.pointer(writer.lane, index))

    @contextmanager
    def once(self) -> Iterator[None]:
        """What stands inside is done by one lane for all, while every other lane waits."""
        last = self.writer.call("simt.group.arrive", "i1", self.record, self.writer.site)
        with self.writer.when(last):
            yield
            self.writer.call("simt.group.release", "void", self.record)

    @property
    def members(self) -> Value:
        """The lanes that meet, a bit each (i64)."""
        place = self.writer.offset(self.record, 8)
        return self.writer.peek(place, "i64")

    def pointer(self, lane: Operand, index: int = 0) -> Value:
        """Where lane ``lane`` has its value (or its result) number ``index``."""
        at = self.writer.operand(lane, "i32")
        stride = self.writer.constant(self._stride, "i64")
        slot = self.writer.call("simt.group.slot", "ptr", self.record, at, stride)
        return self.writer.offset(slot, self._offsets[index])

    def read(self, lane: Operand, index: int = 0) -> Value:
        """Value number ``index`` of lane ``lane`` (i32, below 64; it must be a member)."""
        return self.writer.peek(self.pointer(lane, index), self._types[index])

    def give(self, lane: Operand, value: Operand, index: int = 0) -> None:
        """Result number ``index`` of lane ``lane``; only inside of `once`."""
        given = self.writer.operand(value, self._types[self._results + index])
        self.writer.poke(given, self.pointer(lane, self._results + index))

    def result(self, index: int = 0) -> Value:
        """What the running lane was given; after `once`."""
        return self.read(self.writer.lane, self._results + index)

    @contextmanager
    def each_member(self) -> Iterator[Value]:
        """Every lane that meets, lowest first, as i32."""
        members = self.members
        with self.writer.loop(self.writer.subgroup_size) as lane:
            bit = members >> self.writer.convert(lane, "i64")
            with self.writer.when(self.writer.cast("trunc", bit, "i1")):
                yield lane


def _packed(kinds: Sequence[str]) -> tuple[list[int], int]:
    """Offsets of values of these types one after another, and the bytes of all: multiples of 16."""
    offsets, end = [], 0
    for kind in kinds:
        size = types.size_of(kind)
        alignment = min(16, 1 << (size - 1).bit_length())
        end = -(-end // alignment) * alignment
        offsets.append(end)
        end += size
    return offsets, -(-end // 16) * 16


class Places(Emitter):
    """Where a thread is, and how it meets others."""

    subgroup_size: int
    site: Value
    _left: list[Value]
    what: int

    def thread(self, axis: int) -> Value:
        """The thread's place in its block along axis 0, 1 or 2 (x, y, z), i32."""
        return self.call("simt.thread", "i32", self.constant(axis, "i64"))

    def block(self, axis: int) -> Value:
        """The block's place in the grid, i32."""
        return self._three("simt.block", axis)

    def block_size(self, axis: int) -> Value:
        """Threads of a block along an axis, i32."""
        return self._three("simt.block_size", axis)

    def grid_size(self, axis: int) -> Value:
        """Blocks of the grid along an axis, i32."""
        return self._three("simt.grid", axis)

    def _three(self, name: str, axis: int) -> Value:
        place = Value(self, f"getelementptr ([3 x i32], ptr @{name}, i64 0, i64 {axis})", "ptr")
        return self.peek(place, "i32")

    @property
    def lane(self) -> Value:
        """The thread's number in its subgroup, i32."""
        return self.call("simt.lane", "i32")

    @property
    def linear(self) -> Value:
        """The thread's number in its block, x running fastest, i32."""
        return self.call("simt.linear", "i32")

    @property
    def subgroup(self) -> Value:
        """The number of the thread's subgroup in its block, i32."""
        return self.linear // self.subgroup_size

    @property
    def threads(self) -> Value:
        """Threads of a block, i32."""
        count = self.peek(Value(self, "@simt.threads", "ptr"), "i64")
        return self.convert(count, "i32")

    def meeting(
        self,
        values: Sequence[Value] = (),
        results: Sequence[str] = (),
        who: Value | None = None,
    ) -> Meeting:
        """All lanes of the subgroup, or those with a bit in ``who``, put down ``values``.

        One of them then does what stands in `once`, reading `read(lane, index)` and giving every
        lane its `results`. A lane that meets with another set of lanes, or at another
        instruction, is a fault.
        """
        return Meeting(self, values, results, who, self.what)

    def exchange(self, *values: Value, who: Value | None = None) -> Meeting:
        """The lanes' values for each other: `.read(lane)`, or `.read(lane, index)` of several."""
        made = self.meeting(values, who=who)
        with made.once():
            pass
        return made

    def meet(
        self,
        barrier: str | Value | int = "workgroup",
        count: Value | int | None = None,
        *,
        who: Value | None = None,
        signal: bool = False,
        anywhere: bool = False,
    ) -> None:
        """Waits for the others at a barrier: of the "workgroup", the "subgroup", or a named one.

        A named barrier is a number 0..63 with the count of threads that pass it (all, without
        one). ``signal`` arrives without waiting. Threads that meet at a barrier at different
        places of the kernel are a fault unless ``anywhere``; named barriers never mind.
        ``who``: the lanes of the subgroup that meet.
        """
        if isinstance(barrier, str) and barrier == "subgroup":
            with self.meeting(who=who).once():
                self.call("simt.order.subgroup", "void", self.subgroup_members())
            return
        named = not isinstance(barrier, str)
        number = WORKGROUP_BARRIER if isinstance(barrier, str) else barrier
        many = self.threads if count is None else self.operand(count, "i32")
        place = self.constant(0, "i32") if named or anywhere else self.site
        self.call(
            "simt.meet",
            "void",
            self.convert(self.operand(number, "i32"), "i64"),
            self.convert(many, "i64"),
            place,
            self.constant(signal, "i1"),
            self.site,
        )

    def aside(self) -> None:
        """All other threads go first: for one that looks again and again for a change.

        When every thread does nothing else, what is under way happens; if nothing is, it is a
        fault ("livelock").
        """
        self.call("simt.aside", "void", self.site)

    def subgroup_members(self) -> Value:
        """The lanes that the subgroup has, a bit each (i64): all but in a block's last subgroup."""
        return self.call("simt.subgroup.members", "i64")

    def leave_at_the_end(self, record: Value) -> None:
        """The record is given back when the meaning has ended."""
        held = self.variable("ptr")
        self.body.entry.append(f"  store ptr null, ptr {held.pointer.text}")
        held.set(record)
        self._left.append(held.pointer)

    def offset(self, pointer: Value, bytes: Operand) -> Value:
        """The pointer moved by a number of bytes (i32 or i64; i32 is read as unsigned)."""
        by = bytes if isinstance(bytes, Value) else self.constant(bytes, "i64")
        by = self.convert(by, "i64")
        return self.emit(f"getelementptr i8, {pointer.typed}, {by.typed}", pointer.type)

    def peek(self, pointer: Value, type: str) -> Value:
        """Loads without any check: for the simulator's own memory."""
        return self.emit(f"load {type}, {pointer.typed}, align 1", type)

    def poke(self, value: Value, pointer: Value) -> None:
        """Stores without any check."""
        self.do(f"store {value.typed}, {pointer.typed}, align 1")
