"""The walk over a box of a tensor, which copies in both directions share.

Rows lie densely in shared memory, swizzled by their addresses. Pieces of 16 bytes that lie in the
tensor are moved as one, others element by element: elements outside are filled in on the way to
shared memory, and left alone on the way to global memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia import tensor_maps
from pharos.targets.nvidia.meanings.proxies import check_read, written
from pharos.targets.nvidia.meanings.swizzles import DISTANCE, PIECE_BITS

PIECE = 16


class Map:
    """A tensor map in memory, its fields read once (``tensor_maps.encode``), all as i64."""

    def __init__(self, w: Writer, pointer: Value, rank: int) -> None:
        self.w = w
        self.pointer = pointer
        axes = range(rank)
        where = w.address(pointer)
        w.require(self._field(0, "i32") == tensor_maps.MAGIC, "no tensor map at {0:#x}", where)
        found = self._field(4, "i8")
        w.require(found == rank, f"a tensor map of {{0}} dimensions in a copy of {rank}", found)
        self.element, swizzle, self.fill = (self._field(at, "i8") for at in (5, 6, 7))
        self.mask = ((1 << swizzle) - 1) << PIECE_BITS
        self.sizes = [self._field(8 + 4 * axis, "i32") for axis in axes]
        self.steps = [self._field(38 + axis, "i8") for axis in axes]
        boxes = [self._field(28 + 2 * axis, "i16") for axis in axes]
        self.copied = [(b + s - 1) // s for b, s in zip(boxes, self.steps, strict=True)]
        self.address = self._field(48, "i64")
        self.strides = [self.element, *(self._field(48 + 8 * axis, "i64") for axis in axes[1:])]

    def _field(self, offset: int, type: str) -> Value:
        found = self.w.load(self.w.offset(self.pointer, offset), type, 1)
        return self.w.convert(found, "i64")

    @cached_property
    def bytes(self) -> Value:
        """What a copy moves, elements outside of the tensor included."""
        total = self.element
        for count in self.copied:
            total = total * count
        return total


@dataclass
class Walk:
    """A copy of the box at ``place`` (i64, innermost first) from or to ``shared`` (its address)."""

    w: Writer
    map: Map
    place: list[Value]
    shared: Value
    to_shared: bool

    def rows(self) -> None:
        """Every row of the box, in the order in which they lie in shared memory."""
        w, map = self.w, self.map
        count = w.constant(1, "i64")
        for size in map.copied[1:]:
            count = count * size
        length = map.copied[0] * map.element
        with w.loop(count) as row:
            inside, start, rest = w.constant(True, "i1"), map.address, row
            for axis in range(1, len(self.place)):
                at = self.place[axis] + rest % map.copied[axis] * map.steps[axis]
                rest = rest // map.copied[axis]
                inside = inside & (at < map.sizes[axis])
                start = start + at * map.strides[axis]
            self._row(inside, start, self.shared + row * length, length)

    def _row(self, inside: Value, start: Value, shared: Value, length: Value) -> None:
        w, map = self.w, self.map
        many = w.constant(PIECE, "i64") // map.element
        with w.loop((length + PIECE - 1) // PIECE) as piece:
            first = piece * many
            column = self.place[0] + first * map.steps[0]
            # Unsigned: a negative coordinate is a large one.
            fits = (column < map.sizes[0]) & (column + (many - 1) < map.sizes[0])
            whole = inside & fits & (map.steps[0] == 1)
            target = shared + piece * PIECE
            with w.when(whole):
                if not self.to_shared:
                    check_read(w, self._shared(target))
                self._move(start + column * map.element, target, f"<{PIECE} x i8>", PIECE)
            with w.when(~whole), w.loop(many) as at, w.when(first + at < map.copied[0]):
                column = self.place[0] + (first + at) * map.steps[0]
                self._element(inside & (column < map.sizes[0]), start + column * map.element,
                              target + at * map.element)  # fmt: skip
            if self.to_shared:
                written(w, self._shared(target))

    def _element(self, inside: Value, start: Value, target: Value) -> None:
        w = self.w
        with w.loop(self.map.element) as byte:
            with w.when(inside):
                self._move(start + byte, target + byte, "i8", 1)
            if self.to_shared:
                with w.when(~inside):
                    fill = w.convert(self.map.fill, "i8")
                    w.store(fill, self._shared(target + byte))

    def _move(self, start: Value, target: Value, type: str, alignment: int) -> None:
        w = self.w
        there, here = w.pointer(start, 1), self._shared(target)
        if self.to_shared:
            w.store(w.load(there, type), here, alignment)
        else:
            w.store(w.load(here, type, alignment), there)

    def _shared(self, address: Value) -> Value:
        """The pointer into shared memory for this address before the swizzle."""
        return self.w.pointer(address ^ (address >> DISTANCE & self.map.mask), 3)
