"""The inner loops of matrix products: eight rows of the result, eight columns wide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pharos.simt.values import Value
from pharos.simt.writer import Writer

ROWS = 8
COLUMNS = 8
TF32_MASK = 0xFFFFE000


@dataclass(frozen=True)
class Number:
    """How elements of an operand are read: their ``type`` in memory, that of sums, the sign.

    ``mask`` are the bits of an element that count, 0 for all.
    """

    type: str
    sums: str = "float"
    signed: bool = True
    mask: int = 0

    @property
    def bits(self) -> int:
        return {"half": 16, "bfloat": 16, "float": 32, "i8": 8}[self.type]

    def read(self, w: Writer, place: Value, count: int) -> Value:
        """``count`` elements at ``place``, as a vector of the numbers that are multiplied."""
        if self.mask:
            words = w.peek(place, f"<{count} x i32>") & self.mask
            return w.cast("bitcast", words, f"<{count} x float>")
        found = w.peek(place, f"<{count} x {self.type}>")
        return w.convert(found, f"<{count} x {self.sums}>", signed=self.signed)


F16, BF16 = Number("half"), Number("bfloat")
TF32 = Number("float", mask=TF32_MASK)
S8, U8 = Number("i8", "i32"), Number("i8", "i32", signed=False)


def multiply(
    w: Writer,
    depth: int,
    one: Callable[[int, int], Value],
    across: Callable[[int], Value],
    sums: list[Value],
) -> list[Value]:
    """``sums[row] + sum over k of one(row, k) * across(k)``.

    ``one`` gives where an element of A is, ``across`` where eight neighbours of a row of B are.
    """
    element = sums[0].type.split(" x ")[1].rstrip(">")
    for k in range(depth):
        columns = w.peek(across(k), sums[0].type)
        for row in range(len(sums)):
            factor = _splat(w, w.peek(one(row, k), element), columns.type)
            if element == "float":
                sums[row] = w.intrinsic("fma", factor, columns, sums[row])
            else:
                sums[row] = factor * columns + sums[row]
    return sums


def _splat(w: Writer, value: Value, type: str) -> Value:
    first = w.emit(f"insertelement {type} poison, {value.typed}, i32 0", type)
    mask = f"<{COLUMNS} x i32> zeroinitializer"
    return w.emit(f"shufflevector {first.typed}, {type} poison, {mask}", type)


def pairs(w: Writer, row: Value) -> list[Value]:
    """A vector of eight as four of two."""
    element = row.type.split(" x ")[1].rstrip(">")
    return [
        w.emit(
            f"shufflevector {row.typed}, {row.type} poison, <2 x i32> <i32 {at}, i32 {at + 1}>",
            f"<2 x {element}>",
        )
        for at in range(0, COLUMNS, 2)
    ]
