"""Tiles of a factor from global to workgroup memory, shared out to all work-items of a block.

A copy of a tile has two halves, so that global memory answers while matrix units work: ``begin``
asks for the elements, ``finish`` stores them. ``begin`` does it all where the vendor has
asynchronous copies and the elements are copied as they are, and where a work-item brings more
vectors than there are registers to hold them. Elements outside of the factor become zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.gpu_plan import AsyncCopies, Side, operand_vector
from pharos.targets.common.contractions.gpu_site import GpuSite
from pharos.targets.common.contractions.unit import MatrixUnit, SharedTile
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast, evaluate
from pharos.targets.common.nests.lanes import scalar, splat


@dataclass(frozen=True)
class Piece:
    """One vector of a tile, that one work-item brings.

    It begins at ``line`` (of the whole factor) and ``inner`` (of the tile). ``bases`` are the
    offsets of its line in each operand, ``inside`` whether the line exists (None: always), ``to``
    where it goes in the tile.
    """

    line: Any
    inner: Any
    bases: tuple[Any, ...]
    inside: Any | None
    to: Any


# Vectors that a work-item keeps in registers while it multiplies. Where several digits make an
# address (the image of a convolution), that takes many registers by itself.
_HELD, _HELD_OF_DIGITS = 16, 4
_AT_ONCE = 8  # that it asks for before it stores the first, where it keeps none


class Stager:
    """Brings the tiles of one factor; made where its offsets may be computed once."""

    def __init__(
        self,
        site: GpuSite,
        side: Side,
        flat: Any,
        first_line: Any,
        copies: AsyncCopies | None,
        unit: MatrixUnit,
    ) -> None:
        """``flat`` is the factor's workgroup memory; the block's lines begin at ``first_line``."""
        self.unit = unit
        self.site, self.side, self.flat, self.first_line = site, side, flat, first_line
        bytes_ = side.vector * side.value.type.width // 8
        self.copies = copies if copies and side.plain and copies.takes(bytes_) else None
        self.count = side.block * side.block_inner // (side.vector * site.threads)
        digits = max(len(of[role].digits) for of in side.walks for role in (side.role, "inner"))
        most = _HELD if digits <= 1 else _HELD_OF_DIGITS
        self.immediate = self.copies is not None or self.count > most
        held = self.count if self.count <= most else 0
        self.pieces = [self._piece(index.constant(number)) for number in range(held)]

    def tile(self, stage: Any) -> SharedTile:
        """The tile of pipeline stage ``stage`` (an index value)."""
        origin = index.mul(stage, index.constant(self.side.elements))
        return SharedTile(self.flat, origin, self.side.pitch, self.side.inner_fast)

    def begin(self, first_inner: Any, tile: SharedTile) -> list[Any]:
        """Ask for the tile whose inner steps begin at ``first_inner``: what ``finish`` needs."""
        if not self.immediate:
            return [self._read(piece, first_inner) for piece in self.pieces]
        if self.pieces:
            self._bring(self.pieces, first_inner, tile)
            return []

        together = math.gcd(self.count, _AT_ONCE)

        def some(first: Any, carried: list[Any]) -> list[Any]:
            numbers = (index.add(first, index.constant(n)) for n in range(together))
            self._bring([self._piece(number) for number in numbers], first_inner, tile)
            return carried

        index.loop(index.constant(0), index.constant(self.count), together, [], some)
        return []

    def _bring(self, pieces: Sequence[Piece], first_inner: Any, tile: SharedTile) -> None:
        """Copy ``pieces`` of a tile, or ask for all of them and store them."""
        if self.copies is not None:
            for piece in pieces:
                self._copy(piece, first_inner, tile)
            return
        read = [self._read(piece, first_inner) for piece in pieces]
        for piece, value in zip(pieces, read, strict=True):
            self._store(piece, value, tile)

    def finish(self, read: Sequence[Any], tile: SharedTile) -> None:
        """Store what ``begin`` returned into ``tile``."""
        for piece, value in zip(self.pieces, read, strict=False):
            self._store(piece, value, tile)

    def _store(self, piece: Piece, value: Any, tile: SharedTile) -> None:
        to = [index.add(tile.origin, piece.to)]
        if self.side.vector == 1:
            dialect("memref").store(value, self.flat, to)
            return
        bytes_ = self.side.vector * max(8, self.side.value.type.width) // 8
        # Rows are multiples of 16 bytes; 16 bytes of bf16 that were widened on the way are 32.
        dialect("vector").store(value, self.flat, to, alignment=min(16, bytes_))

    def _piece(self, number: Any) -> Piece:
        slow, fast = self._position(number)
        own, inner = (slow, fast) if self.side.inner_fast else (fast, slow)
        line = index.add(self.first_line, own)
        inside = None
        if self.side.lines % self.side.block:
            inside = _less(line, self.side.lines)
        bases = tuple(
            index.add(self.site.origin(operand), of[self.side.role].at(line))
            for operand, of in zip(self.side.factor.operands, self.side.walks, strict=True)
        )
        to = index.add(index.mul(slow, index.constant(self.side.pitch)), fast)
        return Piece(line, inner, bases, inside, to)

    def _position(self, number: Any) -> tuple[Any, Any]:
        """Row and first element of the work-item's vector ``number`` in the tile's memory."""
        arith = dialect("arith")
        per_row, threads = self.side.fast // self.side.vector, self.site.threads
        vector = index.constant(self.side.vector)
        if threads % per_row == 0:
            row = index.mul(number, index.constant(threads // per_row))
            slow = index.add(arith.divui(self.site.thread, index.constant(per_row)), row)
            return slow, index.mul(arith.remui(self.site.thread, index.constant(per_row)), vector)
        flat = index.add(self.site.thread, index.mul(number, index.constant(threads)))
        slow = arith.divui(flat, index.constant(per_row))
        return slow, index.mul(arith.remui(flat, index.constant(per_row)), vector)

    def _where(self, piece: Piece, first_inner: Any) -> tuple[list[Any], Any | None]:
        """Offsets in each operand, and whether the piece exists. Where it does not, the offsets are
        those of the first elements, which do."""
        inner = index.add(first_inner, piece.inner)
        inside = piece.inside
        if self.side.inner % self.side.block_inner:
            inside = _both(inside, _less(inner, self.side.inner))
        offsets = []
        for base, of, operand in zip(
            piece.bases, self.side.walks, self.side.factor.operands, strict=True
        ):
            at = index.add(base, of["inner"].at(inner))
            if inside is not None:
                at = dialect("arith").select(inside, at, self.site.origin(operand))
            offsets.append(at)
        return offsets, inside

    def _copy(self, piece: Piece, first_inner: Any, tile: SharedTile) -> None:
        assert self.copies is not None
        offsets, inside = self._where(piece, first_inner)
        number = self.side.factor.arguments.index(self.side.value)
        source = self.site.flat(self.side.factor.operands[number])
        to = index.add(tile.origin, piece.to)
        self.copies.copy(source, offsets[number], self.flat, to, self.side.vector, inside)

    def _read(self, piece: Piece, first_inner: Any) -> Any:
        offsets, inside = self._where(piece, first_inner)
        known = dict(self.site.known)
        numbered = enumerate(zip(self.side.factor.arguments, offsets, strict=True))
        for number, (argument, at) in numbered:
            known[argument] = self._elements(number, at, piece, first_inner, inside)
        width = self.side.vector
        value = evaluate(self.side.value, known, width)
        if width > 1:
            value = broadcast(value, width)
        value = self.unit.stored(value)
        if inside is None:
            return value
        return dialect("arith").select(inside, value, _zero(value.type))

    def _elements(
        self, number: int, at: Any, piece: Piece, first_inner: Any, inside: Any | None
    ) -> Any:
        """The elements of operand ``number`` for a piece: a vector, or one for all of it."""
        side, memref = self.side, dialect("memref")
        operand, of = side.factor.operands[number], side.walks[number]
        flat, role = self.site.flat(operand), "inner" if side.inner_fast else side.role
        if side.vector == 1 or not of[role].digits:
            return memref.load(flat, [at])
        type_ = mlir.VectorType.get([side.vector], operand.type.element_type)
        if operand_vector(self.site.plan.contraction, operand, role) >= side.vector:
            bytes_ = side.vector * max(8, type_.element_type.width) // 8
            return dialect("vector").load(type_, flat, [at], alignment=bytes_)
        first = index.add(first_inner, piece.inner) if role == "inner" else piece.line
        before = of[role].at(first)
        rest = index.sub(at, before)
        values = []
        for i in range(side.vector):
            offset = index.add(rest, of[role].at(index.add(first, index.constant(i))))
            if inside is not None:
                offset = dialect("arith").select(inside, offset, self.site.origin(operand))
            values.append(memref.load(flat, [offset]))
        return dialect("vector").from_elements(type_, values)


def _less(value: Any, limit: int) -> Any:
    arith = dialect("arith")
    return arith.cmpi(arith.CmpIPredicate.ult, value, index.constant(limit))


def _both(first: Any | None, second: Any) -> Any:
    return second if first is None else dialect("arith").andi(first, second)


def _zero(type_: Any) -> Any:
    return splat(type_, 0) if isinstance(type_, mlir.VectorType) else scalar(type_, 0)
