"""ds_swizzle: lanes that read a lane which the instruction itself names."""

from __future__ import annotations

from typing import TypeVar

from pharos.core.errors import UserError
from pharos.simt import Call, Meanings, Value, Writer, meaning
from pharos.targets.amd.meanings.lanes import read_or, zero_of

TABLE = Meanings("swizzles")
Number = TypeVar("Number", int, Value)

_FOURIER, _ROTATE, _QUADS = 0xE000, 0xC000, 0x8000


@meaning(
    TABLE,
    r"llvm\.amdgcn\.ds\.swizzle",
    source="RDNA3 ISA, 16 Instructions, LDS, DS_SWIZZLE_B32; MI300 ISA, 12, the same",
)
def swizzle(w: Writer, call: Call) -> Value:
    """value, pattern (a literal) -> another lane's value, 0 if that lane is not there."""
    value, _ = call.arguments
    lanes = w.exchange(value)
    lane = source_lane(call.constant(1), w.lane)
    return read_or(w, lanes, lane, w.constant(True, "i1"), zero_of(w, value.type))


def source_lane(pattern: int, lane: Number) -> Number:
    """The lane that ``lane`` reads; both halves of a wave of 64 do the same.

    UserError for the patterns of Fourier transforms, 0xe000 and above.
    """
    inside, half = lane & 31, lane & 32
    if pattern >= _FOURIER:
        raise UserError(f"ds_swizzle with the pattern {pattern:#x} (a Fourier transform)")
    if pattern >= _ROTATE:
        kept, distance = pattern & 31, pattern >> 5 & 31
        turned = inside + (32 - distance if pattern >> 10 & 1 else distance)
        return inside & kept | turned & (31 & ~kept) | half
    if pattern >= _QUADS:
        # Two bits for each lane of a group of four.
        place = inside & 3
        return lane & 60 | _shifted(pattern & 0xFF, place) & 3
    return (inside & (pattern & 31) | pattern >> 5 & 31) ^ (pattern >> 10 & 31) | half


def _shifted(pattern: int, place: Number) -> Number:
    """``pattern`` shifted right by two bits for each unit of ``place``."""
    if isinstance(place, int):
        return pattern >> 2 * place
    return place.emitter.constant(pattern, "i32") >> (place << 1)
