"""Lanes that read each other's registers by number, and what lanes decide together."""

from __future__ import annotations

from pharos.simt import Call, Meanings, Value, Writer, meaning
from pharos.simt.meetings import Meeting

TABLE = Meanings("lanes")
_ISA = "RDNA3 ISA, 16 Instructions; MI300 ISA, 12 Instructions: "


def is_there(w: Writer, lanes: Meeting, lane: Value) -> Value:
    """Whether ``lane`` (i32) is one of the lanes that met."""
    bit = lanes.members >> w.convert(lane & 63, "i64")
    return w.cast("trunc", bit, "i1") & (lane < 64)


def read_or(w: Writer, lanes: Meeting, lane: Value, valid: Value, otherwise: Value) -> Value:
    """What ``lane`` put down, if ``valid`` and it is there; else ``otherwise``."""
    known = valid & is_there(w, lanes, lane)
    return w.select(known, lanes.read(w.select(known, lane, w.lane)), otherwise)


def zero_of(w: Writer, type: str) -> Value:
    """All bits zero."""
    return w.constant(0, type)


@meaning(TABLE, r"llvm\.amdgcn\.readlane(?:\..*)?", source=_ISA + "V_READLANE_B32")
def read_lane(w: Writer, call: Call) -> Value:
    """value, lane (the same in all lanes) -> that lane's value."""
    value, lane = call.arguments
    lanes = w.exchange(value)
    chosen = lane & (w.subgroup_size - 1)
    w.require(is_there(w, lanes, chosen), "v_readlane of lane {0}, which is not there", chosen)
    return lanes.read(chosen)


@meaning(TABLE, r"llvm\.amdgcn\.readfirstlane(?:\..*)?", source=_ISA + "V_READFIRSTLANE_B32")
def read_first_lane(w: Writer, call: Call) -> Value:
    """value -> that of the lowest lane."""
    lanes = w.exchange(call.arguments[0])
    first = w.call("llvm.cttz.i64", "i64", lanes.members, w.constant(True, "i1"))
    return lanes.read(w.convert(first, "i32"))


@meaning(TABLE, r"llvm\.amdgcn\.writelane(?:\..*)?", source=_ISA + "V_WRITELANE_B32")
def write_lane(w: Writer, call: Call) -> Value:
    """value, lane, old -> value in that lane, old in all others."""
    value, lane, old = call.arguments
    return w.select(w.lane == lane & (w.subgroup_size - 1), value, old)


@meaning(TABLE, r"llvm\.amdgcn\.ds\.bpermute", source=_ISA + "DS_BPERMUTE_B32")
def backward_permute(w: Writer, call: Call) -> Value:
    """address, value -> the value of lane address / 4 (modulo the wave's lanes), 0 if not there."""
    address, value = call.arguments
    lanes = w.exchange(value)
    lane = address >> 2 & (w.subgroup_size - 1)
    return read_or(w, lanes, lane, w.constant(True, "i1"), zero_of(w, value.type))


@meaning(TABLE, r"llvm\.amdgcn\.ds\.permute", source=_ISA + "DS_PERMUTE_B32")
def forward_permute(w: Writer, call: Call) -> Value:
    """address, value -> what another lane sent here: it goes to lane address / 4.

    Of several the highest lane's stays; 0 where nothing came.
    """
    address, value = call.arguments
    lanes = w.meeting([address, value], results=[value.type])
    with lanes.once():
        with lanes.each_member() as lane:
            lanes.give(lane, zero_of(w, value.type))
        with lanes.each_member() as lane:
            to = lanes.read(lane, 0) >> 2 & (w.subgroup_size - 1)
            with w.when(is_there(w, lanes, to)):
                lanes.give(to, lanes.read(lane, 1))
    return lanes.result()


@meaning(
    TABLE, r"llvm\.amdgcn\.ballot\.(?P<type>i32|i64)", source=_ISA + "V_CMP with an SGPR result"
)
def ballot(w: Writer, call: Call) -> Value:
    """condition -> the lanes for which it holds, a bit each."""
    lanes = w.exchange(w.convert(call.arguments[0], "i8"))
    found = w.variable("i64", 0)
    with lanes.each_member() as lane:
        bit = w.convert(lanes.read(lane), "i64") << w.convert(lane, "i64")
        found.set(found.get() | bit)
    return w.convert(found.get(), call.type)


@meaning(
    TABLE,
    r"llvm\.amdgcn\.permlane(?P<other>x)?16(?:\..*)?",
    source="RDNA3 ISA, 16 Instructions, VOP3 opcodes, V_PERMLANE16_B32 and V_PERMLANEX16_B32",
)
def permute_row(w: Writer, call: Call) -> Value:
    """old, value, two words of selects, read switched-off lanes, zero for them -> value.

    Lane i of a row of 16 reads the lane of its row (of the neighbouring row: "x") that four bits of
    the selects name.
    """
    old, value, low, high, _, zeros = call.arguments
    lanes = w.exchange(value)
    place = w.lane & 15
    word = w.select(place < 8, low, high)
    row = (w.lane ^ 16 if call.match["other"] else w.lane) & 48
    lane = row | word >> ((place & 7) << 2) & 15
    otherwise = w.select(zeros, zero_of(w, value.type), old)
    return read_or(w, lanes, lane, w.constant(True, "i1"), otherwise)


@meaning(TABLE, r"llvm\.amdgcn\.permlane64(?:\..*)?",
         source="RDNA3 ISA, 16 Instructions, VOP1 opcodes, V_PERMLANE64_B32")  # fmt: skip
def permute_halves(w: Writer, call: Call) -> Value:
    """value -> that of the same lane in the other half of a wave of 64; itself in a wave of 32."""
    (value,) = call.arguments
    if w.subgroup_size < 64:
        return value
    lanes = w.exchange(value)
    return read_or(w, lanes, w.lane ^ 32, w.constant(True, "i1"), zero_of(w, value.type))
