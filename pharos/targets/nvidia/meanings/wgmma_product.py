"""The product that a wgmma adds to its sums: operands from shared memory by their descriptors."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.matrix_descriptors import FIELD, GROUP, PIECE
from pharos.targets.nvidia.meanings.products import COLUMNS, Number, multiply
from pharos.targets.nvidia.meanings.proxies import check_read
from pharos.targets.nvidia.meanings.swizzles import DISTANCE

ROWS = 16
SHARED_MASK = (1 << 18) - 1
LARGEST_B = 16 * 256


@dataclass(frozen=True)
class Shape:
    """One kind of product of a warp: 16 rows, ``n`` columns, ``k`` terms of type ``number``.

    ``negative``: the product is subtracted. Operands are k-major, or m-major and n-major.
    """

    n: int
    k: int
    number: Number
    negative: bool
    a_k_major: bool
    b_k_major: bool

    @property
    def piece(self) -> int:
        """Elements in 16 bytes."""
        return PIECE * 8 // self.number.bits


class Descriptor:
    """A matrix descriptor, its fields taken apart (``matrix_descriptors.MatrixDescriptor``)."""

    def __init__(self, w: Writer, word: Value) -> None:
        self.w = w
        self.start, self.leading, self.stride = (
            (word >> shift & FIELD) << 4 for shift in (0, 16, 32)
        )
        mode = word >> 62
        self.swizzled = mode != 0
        # Modes 0 to 3 are spans of 16, 128, 64 and 32 bytes.
        bits = w.select(self.swizzled, 4 - mode, 0)
        self.span = w.constant(PIECE, "i64") << bits
        self.mask = self.span - PIECE
        w.require(word >> 49 & 7 == 0, "a matrix descriptor with a base offset of {0}", word >> 49)
        begins = self.start % (self.span * GROUP) < self.span
        message = "the swizzle pattern of a matrix descriptor begins at {0:#x}, not at its period"
        w.require(begins | ~self.swizzled, message, self.start)
        self.base = w.address(w.peek(Value(w, "@simt.shared", "ptr"), "ptr"))

    def along_k(self, row: Value, piece: Value) -> Value:
        """Where a piece of 16 bytes of a row of a k-major matrix is."""
        step = self.w.select(self.swizzled, PIECE, self.leading)
        inside = row % GROUP * self.span + row // GROUP * self.stride
        return self._pointer(inside + piece * step)

    def along_rows(self, k: Value, piece: Value) -> Value:
        """Where 16 bytes of column ``k``, neighbouring rows, of a matrix in the other order are."""
        w, offset = self.w, piece * PIECE
        along = w.select(self.swizzled, self.leading, self.stride)
        groups = w.select(self.swizzled, self.stride, self.leading)
        inside = offset % self.span + offset // self.span * along
        return self._pointer(inside + k % GROUP * self.span + k // GROUP * groups)

    def _pointer(self, offset: Value) -> Value:
        linear = self.start + offset & SHARED_MASK
        swizzled = linear ^ (linear >> DISTANCE & self.mask)
        return self.w.pointer(self.base | swizzled, 3)


def add_product(
    w: Writer, shape: Shape, sums: Value, a: Value, b: Value, scale: Value, rank: Value
) -> None:
    """Adds A B to ``sums``, or with ``scale`` 0 puts it there; ``rank``: which 16 rows of A."""
    add = scale != 0
    room = w.local(f"[{ROWS * shape.k} x float]")
    _widen_a(w, shape, Descriptor(w, a), room, w.convert(rank, "i64"))
    spread = w.kept("nvidia.wgmma.b", f"[{LARGEST_B} x float]", zero=False)
    _widen_b(w, shape, Descriptor(w, b), spread)
    by_row, by_k = (shape.k, 1) if shape.a_k_major else (1, ROWS)
    with w.loop(ROWS // GROUP) as tile, w.loop(shape.n // COLUMNS) as column:
        start = w.element(room, tile * (GROUP * by_row), "float")
        across = w.element(spread, column * COLUMNS, "float")
        corner = w.element(sums, tile * (GROUP * shape.n) + column * COLUMNS, "float")
        places = [w.element(corner, row * shape.n, "float") for row in range(GROUP)]
        kind = f"<{COLUMNS} x float>"
        found = multiply(
            w,
            shape.k,
            lambda row, k: w.element(start, row * by_row + k * by_k, "float"),
            lambda k: w.element(across, k * shape.n, "float"),
            [w.select(add, w.peek(p, kind), w.constant(0, kind)) for p in places],
        )
        for row, where in zip(found, places, strict=True):
            w.poke(row, where)


def _read(w: Writer, shape: Shape, pointer: Value) -> Value:
    """A piece of an operand as numbers."""
    w.check("read", pointer, f"<{PIECE} x i8>", PIECE)
    check_read(w, pointer)
    return shape.number.read(w, pointer, shape.piece)


def _widen_a(w: Writer, shape: Shape, a: Descriptor, room: Value, rank: Value) -> None:
    """The warp's rows of A as floats: rows of k, or columns of 16 where A is m-major."""
    lines, length = (ROWS, shape.k) if shape.a_k_major else (shape.k, ROWS)
    pieces = length // shape.piece
    with _each(w, lines) as line, _each(w, pieces) as piece:
        if shape.a_k_major:
            found = _read(w, shape, a.along_k(rank * ROWS + line, piece))
        else:
            found = _read(w, shape, a.along_rows(line, rank * pieces + piece))
        found = -found if shape.negative else found
        w.poke(found, w.element(room, (line * pieces + piece) * shape.piece, "float"))


def _widen_b(w: Writer, shape: Shape, b: Descriptor, spread: Value) -> None:
    """B as floats: k rows of n."""
    if not shape.b_k_major:
        with _each(w, shape.k) as k, _each(w, shape.n // shape.piece) as piece:
            found = _read(w, shape, b.along_rows(k, piece))
            w.poke(found, w.element(spread, k * shape.n + piece * shape.piece, "float"))
        return
    with _each(w, shape.n) as row, _each(w, shape.k // shape.piece) as piece:
        found = _read(w, shape, b.along_k(row, piece))
        start = w.element(spread, piece * (shape.piece * shape.n) + row, "float")
        for element, value in enumerate(w.parts(found)):
            w.poke(value, w.element(start, element * shape.n, "float"))


def _each(w: Writer, count: int) -> AbstractContextManager[Value]:
    return w.loop(w.constant(count, "i64"))
