"""Asynchronous effects: started by an instruction, waited for by another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pharos.core.errors import InternalError
from pharos.simt import types
from pharos.simt.emitter import Body, Written
from pharos.simt.meetings import Places
from pharos.simt.values import Operand, Value

# What an effect holds (`%simt.effect` in runtime/effects.ll).
_CAPTURED_BYTES = 208
QUEUES = 8


class Effects(Places):
    """Effects, their queues and groups, and the counters that they complete."""

    written: Written

    @contextmanager
    def later(self, queue: int, *values: Value) -> Iterator[list[Value]]:
        """What stands inside happens later; it sees ``values`` as the list that `as` gives.

        Every thread has queues 0 to 7, in which effects happen in their order. The latest moment
        is when the thread waits for the effect's group, when nobody else can go on, or when all
        threads have left; the earliest is now. An effect must not meet or wait. When nobody can
        go on, effects of the queues 4 to 7 come first: those that complete what others wait for.

            with w.later(0, target, source) as (to, at):
                w.copy(to, at, 16)
        """
        if not 0 <= queue < QUEUES:
            raise InternalError(f"queue {queue}: a thread has queues 0 to {QUEUES - 1}")
        given = (self.site, *values)
        shape = "{ " + ", ".join(value.type for value in given) + " }"
        if types.size_of(shape) > _CAPTURED_BYTES:
            raise InternalError(f"an effect holds {_CAPTURED_BYTES} bytes, not all of {shape}")
        effect = self.call("simt.effect.new", "ptr", self.constant(queue, "i64"))
        room = self.call("simt.effect.captured", "ptr", effect)
        self.poke(self.aggregate(shape, given), room)
        self.written.effects += 1
        name = f"simt.effect.{self.written.effects}"
        self.call("simt.effect.start", "void", effect, Value(self, f'@"{name}"', "ptr"))
        with self._function(name, shape) as (site, *inside), self._at(site):
            yield inside

    @contextmanager
    def _function(self, name: str, shape: str) -> Iterator[list[Value]]:
        """Writes another function of one pointer; gives the parts of what it points at."""
        outside, self.body = self.body, Body()
        yield self.parts(self.peek(Value(self, "%captured", "ptr"), shape))
        self.do("ret void")
        text = self.body.text(f'define internal void @"{name}"(ptr %captured)', "noinline")
        self.written.functions.append(text)
        self.body = outside

    @contextmanager
    def _at(self, site: Value) -> Iterator[None]:
        outside, self.site = self.site, site
        yield
        self.site = outside

    @contextmanager
    def acting(self, lane: Operand) -> Iterator[None]:
        """What stands inside is an act of another lane of the subgroup: its queues, its place.

        For collectives that one lane does for all: effects that it starts and waits for are then
        those of the same lane every time. Nothing inside may meet others.
        """
        current = Value(self, "@simt.current", "ptr")
        me = self.peek(current, "i64")
        first = self.call("simt.subgroup.first", "i64")
        self.poke(first + self.convert(self.operand(lane, "i32"), "i64"), current)
        yield
        self.poke(me, current)

    def commit(self, queue: int) -> None:
        """Closes the group of effects that the thread has started in this queue."""
        self.call("simt.effects.commit", "void", self.constant(queue, "i64"))

    def wait(self, queue: int, pending: Operand = 0) -> None:
        """Waits until at most the ``pending`` groups that were closed last have not happened."""
        many = pending if isinstance(pending, Value) else self.constant(pending, "i64")
        number = self.constant(queue, "i64")
        self.call("simt.effects.wait", "void", number, self.convert(many, "i64"))

    def drain(self, queue: int) -> None:
        """Waits for every effect of the queue, those of the open group too."""
        self.call(
            "simt.effects.wait", "void", self.constant(queue, "i64"), self.constant(-1, "i64")
        )

    def aside(self) -> None:
        """Lets all others go first: in an instruction that a kernel repeats until it succeeds."""
        self.call("simt.aside", "void", self.site)

    # -- counters in shared memory ---------------------------------------------------------

    def counter_init(self, counter: Value, count: Operand) -> None:
        """A counter of ``count`` arrivals a phase, in the 8 bytes at ``counter`` (shared)."""
        self.call("simt.counter.init", "void", self._plain(counter), self._long(count), self.site)

    def counter_arrive(self, counter: Value, arrivals: Operand = 1, bytes: Operand = 0) -> Value:
        """Arrives, and expects more bytes in this phase; the state before, for `counter_passed`.

        ``arrivals`` 0 only expects. The phase is over when no arrival and no byte is left.
        """
        return self.call(
            "simt.counter.change",
            "i64",
            self._plain(counter),
            self._long(arrivals),
            self._long(bytes),
            self.site,
        )

    def counter_complete(self, counter: Value, bytes: Operand) -> None:
        """So many of the expected bytes are there; mostly in an effect."""
        fewer = self.constant(0, "i64") - self._long(bytes)
        self.counter_arrive(counter, 0, fewer)

    def counter_passed(self, counter: Value, parity: Operand) -> Value:
        """Whether the phase of this parity (bit 0 of a state) is over, i1."""
        return self.call(
            "simt.counter.passed",
            "i1",
            self._plain(counter),
            self._long(parity) & 1,
            self.site,
        )

    def counter_wait(self, counter: Value, parity: Operand) -> None:
        """Rests until the phase of this parity is over."""
        given = self._long(parity) & 1
        self.call("simt.counter.wait", "void", self._plain(counter), given, self.site)

    def counter_pending(self, state: Value) -> Value:
        """How many arrivals a state that `counter_arrive` gave still expected, i64."""
        return (state >> 1) & 16383

    def _long(self, number: Operand) -> Value:
        if isinstance(number, Value):
            return self.convert(number, "i64")
        return self.constant(number, "i64")

    def _plain(self, pointer: Value) -> Value:
        return self.cast("addrspacecast", pointer, "ptr")
