"""What lanes decide together: votes, matches, reductions of integers, the election of one lane."""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.meetings import Meeting
from pharos.simt.values import Value
from pharos.simt.writer import Writer

TABLE = Meanings("votes")
_SYNC = "PTX ISA 9.0, 9.7.13."


def _ballot(w: Writer, lanes: Meeting, index: int = 0) -> Value:
    """The members whose value number ``index`` (i8) is not zero, a bit each, i32."""
    ballot = w.variable("i32", 0)
    with lanes.each_member() as lane:
        bit = w.convert(lanes.read(lane, index) != 0, "i32") << lane
        ballot.set(ballot.get() | bit)
    return ballot.get()


@meaning(TABLE, r"llvm\.nvvm\.vote\.(?P<what>all|any|uni|ballot)\.sync",
         source=_SYNC + "9 vote.sync")  # fmt: skip
def vote(w: Writer, call: Call) -> Value:
    """mask, predicate -> predicate, or the lanes for which it holds."""
    mask, predicate = call.arguments
    lanes = w.exchange(w.convert(predicate, "i8"), who=mask)
    holds, everyone = _ballot(w, lanes), w.convert(lanes.members, "i32")
    what = call.match["what"]
    if what == "ballot":
        return holds
    if what == "uni":
        return (holds == 0) | (holds == everyone)
    return holds == everyone if what == "all" else holds != 0


@meaning(TABLE, r"llvm\.nvvm\.match\.any\.sync\.(?P<type>i32|i64)",
         source=_SYNC + "10 match.sync")  # fmt: skip
def match_any(w: Writer, call: Call) -> Value:
    """mask, value -> the lanes that have the same value."""
    mask, value = call.arguments
    return _alike(w, w.exchange(value, who=mask), value)


@meaning(TABLE, r"llvm\.nvvm\.match\.all\.sync\.(?P<type>i32|i64)p",
         source=_SYNC + "10 match.sync")  # fmt: skip
def match_all(w: Writer, call: Call) -> list[Value]:
    """mask, value -> (the lanes of the mask, true) if all have the same value, else (0, false)."""
    mask, value = call.arguments
    lanes = w.exchange(value, who=mask)
    everyone = w.convert(lanes.members, "i32")
    agreed = _alike(w, lanes, value) == everyone
    return [w.select(agreed, everyone, 0), agreed]


def _alike(w: Writer, lanes: Meeting, value: Value) -> Value:
    alike = w.variable("i32", 0)
    with lanes.each_member() as lane:
        alike.set(alike.get() | w.convert(lanes.read(lane) == value, "i32") << lane)
    return alike.get()


# What the reduction starts with, and the instruction that adds a lane.
_REDUCTIONS = {
    "add": ("add", 0),
    "and": ("and", -1),
    "or": ("or", 0),
    "xor": ("xor", 0),
    "min": ("llvm.smin.i32", 0x7FFFFFFF),
    "max": ("llvm.smax.i32", -0x80000000),
    "umin": ("llvm.umin.i32", -1),
    "umax": ("llvm.umax.i32", 0),
}


@meaning(TABLE, rf"llvm\.nvvm\.redux\.sync\.(?P<what>{'|'.join(_REDUCTIONS)})",
         source=_SYNC + "12 redux.sync")  # fmt: skip
def redux(w: Writer, call: Call) -> Value:
    """value, mask -> the sum (minimum, ...) of all lanes' values."""
    value, mask = call.arguments
    operation, start = _REDUCTIONS[call.match["what"]]
    lanes = w.exchange(value, who=mask)
    total = w.variable("i32", start)
    with lanes.each_member() as lane:
        left, right = total.get(), lanes.read(lane)
        if operation.startswith("llvm."):
            total.set(w.call(operation, "i32", left, right))
        else:
            total.set(w.emit(f"{operation} {left.typed}, {right.text}", "i32"))
    return total.get()


@meaning(TABLE, r"llvm\.nvvm\.elect\.sync", source=_SYNC + "14 elect.sync")
def elect(w: Writer, call: Call) -> list[Value]:
    """mask -> (the elected lane, whether I am it); here the lowest of the mask."""
    lanes = w.exchange(who=call.arguments[0])
    first = w.call("llvm.cttz.i64", "i64", lanes.members, w.constant(True, "i1"))
    leader = w.convert(first, "i32")
    return [leader, leader == w.lane]
