"""Lanes that read each other's registers: shfl.sync, with and without its predicate."""

from __future__ import annotations

from typing import TypeVar

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer

TABLE = Meanings("shuffles")
Number = TypeVar("Number", int, Value)


@meaning(
    TABLE,
    r"llvm\.nvvm\.shfl\.sync\.(?P<mode>up|down|bfly|idx)\.(?P<type>i32|f32)(?P<predicate>p)?",
    source="PTX ISA 9.0, 9.7.9.6 shfl.sync",
)
def shuffle(w: Writer, call: Call) -> Value | list[Value]:
    """mask, value, b (distance or lane), c (clamp and segment mask) -> value, or (value, p).

    What a lane reads that is not in the mask is unpredictable: all bits set here.
    """
    mask, value, b, c = call.arguments
    lanes = w.exchange(value, who=mask)
    reach, inside = source_lane(call.match["mode"], w.lane, b, c)
    lane = w.select(inside, reach, w.lane)
    known = w.cast("trunc", lanes.members >> w.convert(lane, "i64"), "i1")
    nothing = w.cast("bitcast", w.constant(-1), value.type)
    found = w.select(known, lanes.read(w.select(known, lane, w.lane)), nothing)
    return [found, inside] if call.match["predicate"] else found


def source_lane(mode: str, lane: Number, b: Number, c: Number) -> tuple[Number, Number]:
    """The lane that is read, and whether it is inside of the segment (the predicate)."""
    b, clamp, segment = b & 31, c & 31, c >> 8 & 31
    first = lane & segment
    last = first | clamp & (segment ^ 31)
    if mode == "up":
        return lane - b, lane >= last + b
    reach = {"down": lambda: lane + b, "bfly": lambda: lane ^ b}.get(
        mode, lambda: first | b & (segment ^ 31)
    )()
    return reach, reach <= last
