"""2-D block loads and stores: a block of a matrix, spread over the lanes of a subgroup.

A surface has a base address, width and pitch in bytes, and height in rows; a block begins at column
x (in elements) and row y. What is outside the surface is read as zero and is not written. Lane l
has column l of a block of 16 columns, its rows one after another, and block after block:

    read             destination[block * rows + row]      = surface[y + row, x + 16 * block + l]
    read_transform   32 / bits rows of one column in each 32-bit word (VNNI)
    read_transpose   destination[column] = surface[y + l, x + column]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.simt import Call, Value, Writer, meaning
from pharos.targets.xegpu.meanings.table import BLOCKS

_SOURCE = "cl_intel_subgroup_2d_block_io, 2D block {} functions; SPV_INTEL_2d_block_io"
_SIGNATURE = r"PU3AS1viiiDv2_iP[hjtm]"
_SHAPE = r"_(?P<bits>\d+)b_(?P<rows>\d+)r(?P<columns>\d+)x(?P<blocks>\d+)c"
LANES = 16


@dataclass(frozen=True)
class Surface:
    """A matrix in memory and where a block begins in it; ``size`` is an element's bytes."""

    writer: Writer
    base: Value
    width: Value
    height: Value
    pitch: Value
    x: Value
    y: Value
    size: int

    def inside(self, row: Value, column: Value) -> Value:
        """Whether the element at ``row`` and ``column`` of the block is in the surface."""
        line, byte = self.y + row, (self.x + column) * self.size
        # Numbers are unsigned: what is left of or above the surface is beyond its end.
        return (line < self.height) & (byte < self.width)

    def pointer(self, row: Value, column: Value) -> Value:
        """Where it is; only when it is inside."""
        w = self.writer
        line, byte = self.y + row, (self.x + column) * self.size
        start = w.convert(line, "i64") * w.convert(self.pitch, "i64")
        return w.offset(self.base, start + w.convert(byte, "i64"))


def surface_of(w: Writer, call: Call, size: int) -> Surface:
    """The surface and the block's place, after the checks that hardware does not make."""
    base, width, height, pitch, place = call.arguments[:5]
    address = w.address(base)
    w.require(address % 64 == 0, "a 2-D block's base is at {0}, no multiple of 64 bytes", address)
    w.require(pitch % 16 == 0, "a 2-D block's pitch of {0} bytes is no multiple of 16", pitch)
    wide = (width >= 64) & (width <= pitch) & (width % 4 == 0) & (width <= 1 << 24)
    w.require(wide, "a 2-D block's width of {0} bytes is illegal for a pitch of {1}", width, pitch)
    x, y = w.extract(place, 0), w.extract(place, 1)
    step = x * size
    w.require(step % 4 == 0, "a 2-D block begins at column {0}, no multiple of 4 bytes", x)
    return Surface(w, base, width, height, pitch, x, y, size)


@meaning(
    BLOCKS,
    r"_Z\d+intel_sub_group_2d_block_read" + _SHAPE + _SIGNATURE,
    source=_SOURCE.format("read"),
)
def read(w: Writer, call: Call) -> Any:
    """Plain: see the module's docstring."""
    bits, rows, columns, blocks = map(int, call.match.groups())
    _sixteen_columns(call, columns)
    surface, kind = surface_of(w, call, bits // 8), f"i{bits}"
    target = call.arguments[5]
    with w.loop(rows * blocks) as number:
        row, column = number % rows, number // rows * LANES + w.lane
        _fetch(surface, row, column, kind, w.element(target, number, kind))


@meaning(
    BLOCKS,
    r"_Z\d+intel_sub_group_2d_block_read_transform" + _SHAPE + _SIGNATURE,
    source=_SOURCE.format("read with transform"),
)
def read_transform(w: Writer, call: Call) -> Any:
    """With ``32 / bits`` rows in each word: the layout that dpas wants of B."""
    bits, rows, columns, blocks = map(int, call.match.groups())
    _sixteen_columns(call, columns)
    surface, kind = surface_of(w, call, bits // 8), f"i{bits}"
    per_word, target = 32 // bits, call.arguments[5]
    # Little-endian words: the rows of a word are neighbours in memory.
    with w.loop(rows * blocks) as number:
        row, column = number % rows, number // rows * LANES + w.lane
        _fetch(surface, row, column, kind, w.element(target, number, kind))
    assert rows % per_word == 0


@meaning(
    BLOCKS,
    r"_Z\d+intel_sub_group_2d_block_read_transpose" + _SHAPE + _SIGNATURE,
    source=_SOURCE.format("read with transpose"),
)
def read_transpose(w: Writer, call: Call) -> Any:
    """Lane l has row l; 32-bit elements, one block of 16 rows."""
    bits, rows, columns, blocks = map(int, call.match.groups())
    if (bits, rows, blocks) != (32, LANES, 1):
        raise ValueError(f"{call.text}: only 32-bit blocks of 16 rows have a meaning yet")
    surface, target = surface_of(w, call, 4), call.arguments[5]
    with w.loop(columns) as column:
        _fetch(surface, w.lane, column, "i32", w.element(target, column, "i32"))


@meaning(
    BLOCKS,
    r"_Z\d+intel_sub_group_2d_block_write" + _SHAPE + _SIGNATURE,
    source=_SOURCE.format("write"),
)
def write(w: Writer, call: Call) -> Any:
    """As a plain read, the other way."""
    bits, rows, columns, blocks = map(int, call.match.groups())
    _sixteen_columns(call, columns)
    surface, kind = surface_of(w, call, bits // 8), f"i{bits}"
    source = call.arguments[5]
    with w.loop(rows * blocks) as number:
        row, column = number % rows, number // rows * LANES + w.lane
        with w.when(surface.inside(row, column)):
            value = w.load(w.element(source, number, kind), kind)
            w.store(value, surface.pointer(row, column), bits // 8)


def _fetch(surface: Surface, row: Value, column: Value, kind: str, target: Value) -> None:
    """Put the element at ``row`` and ``column`` at ``target``, zero when it is outside."""
    w = surface.writer
    found = w.variable(kind, 0)
    with w.when(surface.inside(row, column)):
        found.set(w.load(surface.pointer(row, column), kind, surface.size))
    w.store(found.get(), target)


def _sixteen_columns(call: Call, columns: int) -> None:
    if columns != LANES:
        raise ValueError(f"{call.text}: only blocks of 16 columns have a meaning yet")
