"""Tiles of 8 by 8 elements between shared memory and a warp's registers: ldmatrix, stmatrix."""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.meetings import Meeting
from pharos.simt.values import Value
from pharos.simt.writer import Writer

TABLE = Meanings("ldmatrix and stmatrix")
ROW_BYTES = 16
_SHAPE = r"m8n8\.x(?P<count>[124])(?P<trans>\.trans)?\.b16(?:\.p(?P<space>\d+))?"


@meaning(TABLE, r"llvm\.nvvm\.ldmatrix\.sync\.aligned\." + _SHAPE,
         source="PTX ISA 9.0, 9.7.14.5.15 ldmatrix")  # fmt: skip
def ldmatrix(w: Writer, call: Call) -> Value | list[Value]:
    """Address of a row (lanes 8i to 8i+7 give the rows of tile i) -> a register of each tile."""
    rows = _rows(w, call)
    count = int(call.match["count"])
    found = [_register(w, call, rows, tile) for tile in range(count)]
    return found[0] if count == 1 else found


def _rows(w: Writer, call: Call) -> Meeting:
    """All lanes' row addresses, those that are used being aligned."""
    address = w.address(call.arguments[0])
    used = w.lane < 8 * int(call.match["count"])
    wrong = used & (address % ROW_BYTES != 0)
    w.require(~wrong, "the row at {0:#x} is not at a multiple of 16 bytes", address)
    return w.exchange(call.arguments[0])


def _register(w: Writer, call: Call, rows: Meeting, tile: int) -> Value:
    if not call.match["trans"]:
        place = w.offset(rows.read(w.lane // 4 + 8 * tile), w.lane % 4 * 4)
        return w.load(place, "i32", 4)
    halves = [_transposed(w, rows, tile, half) for half in (0, 1)]
    low, high = (w.convert(w.load(place, "i16", 2), "i32") for place in halves)
    return low | high << 16


def _transposed(w: Writer, rows: Meeting, tile: int, half: int) -> Value:
    """Where the lower or upper half of the register is: column ``lane // 4`` of two rows."""
    return w.offset(rows.read(w.lane % 4 * 2 + (8 * tile + half)), w.lane // 4 * 2)


@meaning(TABLE, r"llvm\.nvvm\.stmatrix\.sync\.aligned\." + _SHAPE,
         source="PTX ISA 9.0, 9.7.14.5.16 stmatrix")  # fmt: skip
def stmatrix(w: Writer, call: Call) -> None:
    """The address of a row and a register of each tile: what ldmatrix would load again."""
    rows = _rows(w, call)
    for tile in range(int(call.match["count"])):
        register = call.arguments[1 + tile]
        if not call.match["trans"]:
            place = w.offset(rows.read(w.lane // 4 + 8 * tile), w.lane % 4 * 4)
            w.store(register, place, 4)
            continue
        for half in (0, 1):
            part = w.cast("trunc", register >> 16 * half, "i16")
            w.store(part, _transposed(w, rows, tile, half), 2)
