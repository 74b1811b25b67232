"""DPP: lanes that read a lane of their row of 16, or of the row before."""

from __future__ import annotations

from typing import TypeVar

from pharos.core.errors import UserError
from pharos.simt import Call, Meanings, Value, Writer, meaning
from pharos.targets.amd.meanings.lanes import read_or, zero_of

TABLE = Meanings("row moves (DPP)")
Number = TypeVar("Number", int, Value)
_SOURCE = (
    "RDNA3 ISA, 7.7 Data Parallel Processing (DPP), table of DPP16 controls; "
    "MI300 ISA, Data Parallel Processing, DPP_CTRL for wave shifts and broadcasts"
)

_QUAD_PERM, _ROW_SHL, _ROW_SHR, _ROW_ROR = 0x000, 0x100, 0x110, 0x120
_WAVE_SHL, _WAVE_ROL, _WAVE_SHR, _WAVE_ROR = 0x130, 0x134, 0x138, 0x13C
_MIRROR, _HALF_MIRROR, _BROADCAST_15, _BROADCAST_31 = 0x140, 0x141, 0x142, 0x143
_SHARE, _XMASK = 0x150, 0x160


@meaning(TABLE, r"llvm\.amdgcn\.update\.dpp(?:\..*)?", source=_SOURCE)
def update_dpp(w: Writer, call: Call) -> Value:
    """old, value, control, mask of rows, mask of banks, zero for lanes that are not there."""
    old, value = call.arguments[:2]
    return _moved(w, call, old, value, 2)


@meaning(TABLE, r"llvm\.amdgcn\.mov\.dpp(?:\..*)?", source=_SOURCE)
def move_dpp(w: Writer, call: Call) -> Value:
    """As update.dpp; where nothing is read, nothing is known: all bits are set here."""
    (value, *_) = call.arguments
    nothing = w.cast("bitcast", w.constant(-1, integer_of(value.type)), value.type)
    return _moved(w, call, nothing, value, 1)


def integer_of(type: str) -> str:
    """The integer type of the same size."""
    return {"float": "i32", "half": "i16", "bfloat": "i16", "double": "i64"}.get(type, type)


def _moved(w: Writer, call: Call, old: Value, value: Value, first: int) -> Value:
    control, rows, banks, zeros = (call.constant(first + n) for n in range(4))
    lanes = w.exchange(value)
    lane, valid = source_lane(control, w.lane, w.subgroup_size)
    if isinstance(valid, bool):
        valid = w.constant(valid, "i1")
    outside = zero_of(w, value.type) if zeros else old
    found = read_or(w, lanes, lane, valid, outside)
    row, bank = w.lane >> 4, w.lane >> 2 & 3
    bits = (w.constant(rows) >> row) & (w.constant(banks) >> bank)
    return w.select(w.cast("trunc", bits, "i1"), found, old)


def source_lane(control: int, lane: Number, lanes: int) -> tuple[Number, Number | bool]:
    """The lane that ``lane`` of a wave of ``lanes`` reads, and whether it is one it may read.

    UserError for a control that chips of this kind of wave have not got.
    """
    row, place = lane & 48, lane & 15
    distance = control & 15
    if control < _ROW_SHL:
        quad = lane & 60
        return quad | _two_bits(control, lane & 3), True
    if _ROW_SHL < control < _ROW_SHR:
        return row | (place + distance) & 15, place + distance < 16
    if _ROW_SHR < control < _ROW_ROR:
        return row | (place - distance) & 15, place >= distance
    if _ROW_ROR < control < _WAVE_SHL:
        return row | (place - distance) & 15, True
    if control in (_MIRROR, _HALF_MIRROR):
        return lane ^ (15 if control == _MIRROR else 7), True
    if lanes == 64 and control in (_WAVE_SHL, _WAVE_ROL, _WAVE_SHR, _WAVE_ROR):
        return _along_the_wave(control, lane)
    if lanes == 64 and control in (_BROADCAST_15, _BROADCAST_31):
        step = 16 if control == _BROADCAST_15 else 32
        first = lane & (64 - step)
        return first - 1 & 63, first > 0 if step == 16 else lane >= 32
    if _SHARE <= control < _XMASK:
        return row | distance, True
    if lanes == 32 and _XMASK <= control < _XMASK + 16:
        return lane ^ distance, True
    raise UserError(f"DPP control {control:#x} in waves of {lanes}")


def _along_the_wave(control: int, lane: Number) -> tuple[Number, Number | bool]:
    if control in (_WAVE_SHL, _WAVE_ROL):
        return lane + 1 & 63, True if control == _WAVE_ROL else lane < 63
    return lane - 1 & 63, True if control == _WAVE_ROR else lane > 0


def _two_bits(pattern: int, place: Number) -> Number:
    """The pair of bits number ``place`` of ``pattern``."""
    if isinstance(place, int):
        return pattern >> 2 * place & 3
    return place.emitter.constant(pattern, "i32") >> (place << 1) & 3
