"""Tiles of queries, keys and values from global to workgroup memory.

A tile is rows (queries or keys) times elements of a head. Its layout in workgroup memory is the
matrix unit's choice; where it is not that of global memory, elements are stored one by one. A copy
has two halves, so that global memory answers while matrix units work: ``begin`` asks, ``finish``
stores. What is outside of the array becomes zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.contractions.gpu_plan import AsyncCopies
from pharos.targets.common.contractions.unit import SharedTile
from pharos.targets.common.contractions.walk import power_of_two
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import scalar, splat

_VECTOR_BYTES = 16
_HELD = 8  # vectors that a work-item keeps in registers between both halves


@dataclass(frozen=True)
class Source:
    """An array as tiles are cut from it: ``flat`` memory (a memref of one dimension), in which
    ``row_at`` tells where a row begins (an index value of one) and elements of a head are ``step``
    apart. It has ``rows`` rows of ``heads`` elements; up to ``vector`` neighbours can be
    loaded at once, elements of a head when ``heads_fast``, else of a column."""

    flat: Any
    row_at: Callable[[Any], Any]
    step: int
    rows: int
    heads: int
    heads_fast: bool
    vector: int

    @property
    def element(self) -> Any:
        """The type of its elements."""
        return mlir.MemRefType(self.flat.type).element_type


@dataclass(frozen=True)
class Form:
    """A tile in workgroup memory: ``rows x heads``, neighbours are elements of a head when
    ``heads_fast``; ``pitch`` elements from one line to the next."""

    rows: int
    heads: int
    heads_fast: bool
    pitch: int


@dataclass(frozen=True)
class _Piece:
    """One vector of a tile: its first row and element, where it is read from, whether all of it is
    there, whether this work-item has it at all (None: always), where it goes."""

    at: Any
    inside: Any | None
    exists: Any | None
    to: Any


class TileCopy:
    """Brings tiles of ``source`` into the form ``form``; ``threads`` work-items share each.

    At ``spare`` in the tiles' memory each work-item has 16 bytes of its own, where it stores
    vectors that the tile has not: a branch instead would cost registers.
    """

    def __init__(
        self,
        source: Source,
        form: Form,
        thread: Any,
        threads: int,
        copies: AsyncCopies | None,
        spare: int,
    ) -> None:
        self.source, self.form, self.thread, self.threads = source, form, thread, threads
        own = index.mul(thread, index.constant(_VECTOR_BYTES * 8 // source.element.width))
        self.spare = index.add(index.constant(spare), own)
        fast = form.heads if source.heads_fast else form.rows
        self.vector = power_of_two(source.vector, fast)
        size = self.vector * source.element.width // 8
        straight = source.heads_fast == form.heads_fast
        self.straight = straight
        self.copies = copies if copies and straight and copies.takes(size) else None
        self.total = form.rows * form.heads // self.vector
        self.count = math.ceil(self.total / threads)

    @property
    def immediate(self) -> bool:
        """Whether ``begin`` does it all."""
        return self.copies is not None or self.count > _HELD

    def begin(self, row: Any, head: int, tile: SharedTile) -> list[Any]:
        """Ask for the tile from ``row`` and element ``head`` on: what ``finish`` needs."""
        if self.copies is not None:
            self._each(lambda number: self._copy(self._piece(number, row, head), tile))
            return []
        if self.immediate:
            self._each(lambda number: self._bring(number, row, head, tile))
            return []
        pieces = [self._piece(index.constant(n), row, head) for n in range(self.count)]
        return [(piece, self._read(piece)) for piece in pieces]

    def finish(self, read: Sequence[Any], tile: SharedTile) -> None:
        """Store what ``begin`` returned."""
        for piece, value in read:
            self._store(piece, value, tile)

    def _each(self, one: Callable[[Any], None]) -> None:
        if self.count <= _HELD:
            for number in range(self.count):
                one(index.constant(number))
            return

        def body(number: Any, carried: list[Any]) -> list[Any]:
            one(number)
            return carried

        index.loop(index.constant(0), index.constant(self.count), 1, [], body)

    def _bring(self, number: Any, row: Any, head: int, tile: SharedTile) -> None:
        piece = self._piece(number, row, head)
        self._store(piece, self._read(piece), tile)

    def _piece(self, number: Any, row: Any, head: int) -> _Piece:
        source, form, arith = self.source, self.form, dialect("arith")
        fast = form.heads if source.heads_fast else form.rows
        flat = index.add(self.thread, index.mul(number, index.constant(self.threads)))
        exists = less(flat, self.total) if self.total % self.threads else None
        per_line = index.constant(fast // self.vector)
        slow = arith.divui(flat, per_line)
        quick = index.mul(arith.remui(flat, per_line), index.constant(self.vector))
        own_row, own_head = (slow, quick) if source.heads_fast else (quick, slow)
        at_row, at_head = index.add(row, own_row), index.add(own_head, index.constant(head))
        inside = exists
        if source.rows % form.rows:
            inside = both(inside, less(at_row, source.rows))
        if head + form.heads > source.heads:
            inside = both(inside, less(at_head, source.heads))
        at = index.mul(at_head, index.constant(source.step))
        if inside is not None:
            first = index.constant(0)
            at_row, at = (arith.select(inside, one, first) for one in (at_row, at))
        at = index.add(source.row_at(at_row), at)
        line, along = (own_row, own_head) if form.heads_fast else (own_head, own_row)
        to = index.add(index.mul(line, index.constant(form.pitch)), along)
        return _Piece(at, inside, exists, to)

    def _copy(self, piece: _Piece, tile: SharedTile) -> None:
        to = index.add(tile.origin, piece.to)
        copies = self.copies
        assert copies is not None
        when(
            piece.exists,
            lambda: copies.copy(
                self.source.flat, piece.at, tile.flat, to, self.vector, piece.inside
            ),
        )

    def _read(self, piece: _Piece) -> Any:
        if self.vector == 1:
            value = dialect("memref").load(self.source.flat, [piece.at])
            zero = scalar(value.type, 0)
        else:
            type_ = mlir.VectorType.get([self.vector], self.source.element)
            size = self.vector * self.source.element.width // 8
            value = dialect("vector").load(type_, self.source.flat, [piece.at], alignment=size)
            zero = splat(type_, 0)
        if piece.inside is None:
            return value
        return dialect("arith").select(piece.inside, value, zero)

    def _store(self, piece: _Piece, value: Any, tile: SharedTile) -> None:
        if self.straight or self.vector == 1:
            to = self._place(piece, tile, 0)
            if self.vector == 1:
                dialect("memref").store(value, tile.flat, [to])
                return
            size = self.vector * self.source.element.width // 8
            dialect("vector").store(value, tile.flat, [to], alignment=size)
            return
        for number in range(self.vector):
            one = dialect("vector").extract(value, dynamic_position=[], static_position=[number])
            dialect("memref").store(one, tile.flat, [self._place(piece, tile, number)])

    def _place(self, piece: _Piece, tile: SharedTile, number: int) -> Any:
        """Where element ``number`` of a vector goes, whose elements are in as many lines; the first
        one where they are neighbours."""
        further = index.constant(number * self.form.pitch)
        to = index.add(index.add(tile.origin, piece.to), further)
        if piece.exists is None:
            return to
        away = index.add(self.spare, index.constant(number))
        return dialect("arith").select(piece.exists, to, away)


def vector_of(operand: AttentionOperand, fast: int) -> int:
    """The elements of ``operand`` that lie together, aligned, along the loop ``fast``; at most 16
    bytes."""
    first, sizes = operand.offset, operand.type.shape
    if first is None or operand.stride(fast) != 1:
        return 1
    others = [operand.stride(loop) or 0 for loop in operand.loops if loop != fast]
    extent = sizes[operand.loops.index(fast)]
    return power_of_two(
        _VECTOR_BYTES * 8 // operand.type.element_type.width, first, extent, *others
    )


def less(value: Any, limit: int) -> Any:
    """Whether the index ``value`` is below ``limit``."""
    arith = dialect("arith")
    return arith.cmpi(arith.CmpIPredicate.ult, value, index.constant(limit))


def both(first: Any | None, second: Any | None) -> Any | None:
    """Whether both conditions (None: always true) hold."""
    if first is None or second is None:
        return second if first is None else first
    return dialect("arith").andi(first, second)


def when(condition: Any | None, body: Callable[[], None]) -> None:
    """``body`` where ``condition`` (None: always) holds."""
    if condition is None:
        body()
        return
    scf = dialect("scf")
    branch = scf.IfOp(condition)
    with mlir.InsertionPoint(branch.then_block):
        body()
        scf.YieldOp([])
