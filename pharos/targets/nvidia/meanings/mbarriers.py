"""Barriers in shared memory: mbarrier objects, which also count the bytes of asynchronous copies.

The 64 bits of an object hold its whole state (the hardware's layout is opaque, this one is ours):
bits 0.. the arrivals a phase expects, bits 20.. those still missing, bits 40.. the bytes still
missing (22 bits, signed), bit 62 the parity of the phase, bit 63 set while there is no object, as
in shared memory that nobody wrote. The state that an arrival returns is the object before it.

Source: PTX ISA 9.0, 9.7.13.15 (mbarrier).
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Operand, Value
from pharos.simt.writer import Writer

TABLE = Meanings("mbarriers")
_PTX = "PTX ISA 9.0, 9.7.13.15."
_NAME = r"llvm\.nvvm\.mbarrier\."
_SPACES = r"(?:\.relaxed)?\.scope\.(?:cta|cluster)\.space\.(?:cta|cluster)"
_PARITY_LOOP = (
    r"\{\s*\.reg \.pred\s+P1;\s*LAB_WAIT:\s*mbarrier\.try_wait\.parity\.shared\.b64 "
    r"P1, \[\$0\], \$1(?:, \$2)?;\s*@P1 bra\.uni DONE;\s*bra\.uni\s+LAB_WAIT;\s*DONE:\s*\}"
)
FIELD_BITS, TX_SHIFT, PHASE_BIT = 20, 40, 62
FIELD = (1 << FIELD_BITS) - 1
TX_BITS = 22
BYTES = 8


class Barrier:
    """An mbarrier object at ``pointer``, as a meaning works on it."""

    def __init__(self, w: Writer, pointer: Value) -> None:
        self.w = w
        self.pointer = pointer
        w.check("atomic", pointer, "i64", BYTES)

    def word(self) -> Value:
        """The object's state; a fault where there is none."""
        found = self.w.peek(self.pointer, "i64")
        message = "there is no mbarrier object at {0:#x}: mbarrier.init must come before its use"
        self.w.require(found >> 63 == 0, message, self.w.address(self.pointer))
        return found

    def begin(self, count: Value) -> None:
        """A new object whose phases end after ``count`` arrivals."""
        message = "an mbarrier expects from 1 to 1048575 arrivals, not {0}"
        self.w.require((count - 1) < FIELD, message, count)
        wide = self.w.convert(count, "i64")
        self.w.poke(wide | wide << FIELD_BITS, self.pointer)

    def arrive(self, count: Operand = 1, *, drop: bool = False, complete: bool = True) -> Value:
        """So many arrivals: the state before. ``complete`` False: the phase must not end by it."""
        w = self.w
        before = self.word()
        many = w.convert(count if isinstance(count, Value) else w.constant(count), "i64")
        missing = before >> FIELD_BITS & FIELD
        w.require(many <= missing, "{0} arrivals, where the phase misses only {1}", many, missing)
        if not complete:
            w.require(many < missing, "an arrival with noComplete ends the phase")
        after = before - (many << FIELD_BITS)
        self._settle(after - many if drop else after)
        return before

    def expect(self, count: Value) -> None:
        """The phase also waits for so many bytes (complete_tx takes them off)."""
        self._add_bytes(self.w.convert(count, "i64"))

    def complete(self, count: Value) -> None:
        """So many bytes have come."""
        self._add_bytes(-self.w.convert(count, "i64"))

    def _add_bytes(self, count: Value) -> None:
        before = self.word()
        total = (before >> TX_SHIFT) + count & (1 << TX_BITS) - 1
        rest = before & ~(((1 << TX_BITS) - 1) << TX_SHIFT)
        self._settle(rest | total << TX_SHIFT)

    def _settle(self, word: Value) -> None:
        """Stores the state; a phase that misses nothing more ends, and the next begins."""
        w = self.w
        ended = word >> FIELD_BITS & (1 << FIELD_BITS + TX_BITS) - 1 == 0
        fresh = word ^ 1 << PHASE_BIT | (word & FIELD) << FIELD_BITS
        w.poke(w.select(ended, fresh, word), self.pointer)

    def parity(self) -> Value:
        """That of the phase that is not complete, i32."""
        return self.w.convert(self.word() >> PHASE_BIT, "i32")

    def wait(self, parity: Value) -> None:
        """Until the phase of this parity is complete."""
        with self.w.repeat() as again:
            again.until(self.parity() != parity)
            self.w.aside()


def parity_of(w: Writer, state: Value) -> Value:
    """The parity in a state that an arrival returned, i32."""
    return w.convert(state >> PHASE_BIT & 1, "i32")


@meaning(TABLE, _NAME + r"init(?:\.shared)?", source=_PTX + "9 mbarrier.init")
def init(w: Writer, call: Call) -> None:
    Barrier(w, call.arguments[0]).begin(call.arguments[1])


@meaning(TABLE, r"@\$2 mbarrier\.init\.shared\.b64 \[\$0\], \$1;", source=_PTX + "9 mbarrier.init")
def init_if(w: Writer, call: Call) -> None:
    with w.when(call.arguments[2]):
        init(w, call)


@meaning(TABLE, _NAME + r"inval(?:\.shared)?", source=_PTX + "10 mbarrier.inval")
def inval(w: Writer, call: Call) -> None:
    barrier = Barrier(w, call.arguments[0])
    barrier.word()
    w.poke(w.constant(-1, "i64"), barrier.pointer)


@meaning(TABLE, _NAME + r"expect\.tx" + _SPACES, source=_PTX + "11 mbarrier.expect_tx")
def expect_tx(w: Writer, call: Call) -> None:
    Barrier(w, call.arguments[0]).expect(call.arguments[1])


@meaning(TABLE, _NAME + r"complete\.tx" + _SPACES, source=_PTX + "12 mbarrier.complete_tx")
def complete_tx(w: Writer, call: Call) -> None:
    Barrier(w, call.arguments[0]).complete(call.arguments[1])


@meaning(
    TABLE,
    _NAME + r"arrive(?P<drop>\.drop)?(?P<rest>\.noComplete)?(?:\.shared)?",
    _NAME + r"arrive(?P<drop>\.drop)?(?P<rest>)" + _SPACES,
    source=_PTX + "13 mbarrier.arrive, 9.7.13.15.14 mbarrier.arrive_drop",
)
def arrive(w: Writer, call: Call) -> Value:
    """One arrival, or as many as the second operand says."""
    barrier = Barrier(w, call.arguments[0])
    count = call.arguments[1] if len(call.arguments) > 1 else 1
    return barrier.arrive(count, drop=bool(call.match["drop"]), complete=not call.match["rest"])


@meaning(TABLE, _NAME + r"arrive(?P<drop>\.drop)?\.expect\.tx" + _SPACES,
         source=_PTX + "13 mbarrier.arrive.expect_tx")  # fmt: skip
def arrive_expect(w: Writer, call: Call) -> Value:
    """So many more bytes, then one arrival."""
    barrier = Barrier(w, call.arguments[0])
    barrier.expect(call.arguments[1])
    return barrier.arrive(drop=bool(call.match["drop"]))


@meaning(TABLE, r"@\$2 mbarrier\.arrive\.expect_tx\.shared\.b64 _, \[\$0\], \$1;",
         source=_PTX + "13 mbarrier.arrive.expect_tx")  # fmt: skip
def arrive_expect_if(w: Writer, call: Call) -> None:
    with w.when(call.arguments[2]):
        barrier = Barrier(w, call.arguments[0])
        barrier.expect(call.arguments[1])
        barrier.arrive()


@meaning(TABLE, _NAME + r"(?P<how>test|try)\.wait(?P<parity>\.parity)?(?:\.tl)?" + _SPACES,
         _NAME + r"(?P<how>test)\.wait(?P<parity>)(?:\.shared)?",
         source=_PTX + "16 mbarrier.test_wait, mbarrier.try_wait")  # fmt: skip
def test_wait(w: Writer, call: Call) -> Value:
    """Whether the phase is complete that a state or a parity names; the others go first."""
    barrier, given = Barrier(w, call.arguments[0]), call.arguments[1]
    parity = given if call.match["parity"] else parity_of(w, given)
    w.aside()
    return barrier.parity() != parity


@meaning(TABLE, _PARITY_LOOP, source=_PTX + "16 mbarrier.try_wait.parity, until it is true")
def wait_parity(w: Writer, call: Call) -> None:
    Barrier(w, call.arguments[0]).wait(call.arguments[1])


@meaning(TABLE, _NAME + r"pending\.count", source=_PTX + "17 mbarrier.pending_count")
def pending_count(w: Writer, call: Call) -> Value:
    return w.convert(call.arguments[0] >> FIELD_BITS & FIELD, "i32")
