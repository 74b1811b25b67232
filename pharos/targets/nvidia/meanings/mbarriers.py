"""Barriers in shared memory: mbarrier objects, which also count the bytes of asynchronous copies.

The engine's counters (pharos.simt, ``w.counter_...``) are these objects; the layout of the eight
bytes, which the hardware keeps opaque, is the engine's.
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer

TABLE = Meanings("mbarriers")
_PTX = "PTX ISA 9.0, 9.7.13.15."
_NAME = r"llvm\.nvvm\.mbarrier\."
_SPACES = r"(?:\.relaxed)?\.scope\.(?:cta|cluster)\.space\.(?:cta|cluster)"
_PARITY_LOOP = (
    r"\{\s*\.reg \.pred\s+P1;\s*LAB_WAIT:\s*mbarrier\.try_wait\.parity\.shared\.b64 "
    r"P1, \[\$0\], \$1(?:, \$2)?;\s*@P1 bra\.uni DONE;\s*bra\.uni\s+LAB_WAIT;\s*DONE:\s*\}"
)


def barrier_of(w: Writer, call: Call) -> Value:
    """The first operand: where the object is, 8 bytes at a multiple of 8."""
    address = w.address(call.arguments[0])
    w.require(address % 8 == 0, "the mbarrier at {0:#x} is not at a multiple of 8", address)
    return call.arguments[0]


@meaning(TABLE, _NAME + r"init(?:\.shared)?", source=_PTX + "9 mbarrier.init")
def init(w: Writer, call: Call) -> None:
    """How many arrivals end a phase."""
    w.counter_init(barrier_of(w, call), call.arguments[1])


@meaning(TABLE, r"@\$2 mbarrier\.init\.shared\.b64 \[\$0\], \$1;", source=_PTX + "9 mbarrier.init")
def init_if(w: Writer, call: Call) -> None:
    with w.when(call.arguments[2]):
        init(w, call)


@meaning(TABLE, _NAME + r"expect\.tx" + _SPACES, source=_PTX + "11 mbarrier.expect_tx")
def expect_tx(w: Writer, call: Call) -> None:
    """The phase waits for so many bytes more."""
    w.counter_arrive(barrier_of(w, call), 0, call.arguments[1])


@meaning(TABLE, _NAME + r"complete\.tx" + _SPACES, source=_PTX + "12 mbarrier.complete_tx")
def complete_tx(w: Writer, call: Call) -> None:
    """So many of them have come."""
    w.counter_complete(barrier_of(w, call), call.arguments[1])


@meaning(
    TABLE,
    _NAME + r"arrive(?:\.noComplete)?(?:\.shared)?",
    _NAME + r"arrive" + _SPACES,
    source=_PTX + "13 mbarrier.arrive",
)
def arrive(w: Writer, call: Call) -> Value:
    """One arrival, or as many as the second operand says: the state before."""
    count = call.arguments[1] if len(call.arguments) > 1 else 1
    return w.counter_arrive(barrier_of(w, call), count)


@meaning(
    TABLE, _NAME + r"arrive\.expect\.tx" + _SPACES, source=_PTX + "13 mbarrier.arrive.expect_tx"
)
def arrive_expect(w: Writer, call: Call) -> Value:
    """So many bytes more, and one arrival: the state before."""
    return w.counter_arrive(barrier_of(w, call), 1, call.arguments[1])


@meaning(
    TABLE,
    r"@\$2 mbarrier\.arrive\.expect_tx\.shared\.b64 _, \[\$0\], \$1;",
    source=_PTX + "13 mbarrier.arrive.expect_tx",
)
def arrive_expect_if(w: Writer, call: Call) -> None:
    with w.when(call.arguments[2]):
        arrive_expect(w, call)


@meaning(
    TABLE,
    _NAME + r"(?:test|try)\.wait(?P<parity>\.parity)?(?:\.tl)?" + _SPACES,
    _NAME + r"test\.wait(?P<parity>)(?:\.shared)?",
    source=_PTX + "16 mbarrier.test_wait, mbarrier.try_wait",
)
def test_wait(w: Writer, call: Call) -> Value:
    """Whether the phase is over that a state or a parity names; all others go first."""
    w.aside()
    return w.counter_passed(barrier_of(w, call), call.arguments[1])


@meaning(TABLE, _PARITY_LOOP, source=_PTX + "16 mbarrier.try_wait.parity, until it is true")
def wait_parity(w: Writer, call: Call) -> None:
    w.counter_wait(barrier_of(w, call), call.arguments[1])


@meaning(TABLE, _NAME + r"pending\.count", source=_PTX + "17 mbarrier.pending_count")
def pending_count(w: Writer, call: Call) -> Value:
    return w.convert(w.counter_pending(call.arguments[0]), "i32")
