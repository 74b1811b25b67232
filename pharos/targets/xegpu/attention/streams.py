"""Q, K and V on their way into matrix instructions, some columns of a head at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.attention.place import Place
from pharos.targets.xegpu.attention.tiles import DPAS_COLUMNS
from pharos.targets.xegpu.contractions.matrices import Matrix
from pharos.targets.xegpu.indices import constant
from pharos.targets.xegpu.layouts import Layout, prefetch_layout

_LINES = 32  # rows of the longest block load


@dataclass(frozen=True)
class Part:
    """``width`` columns of a head from ``first`` on."""

    first: int
    width: int


def parts(depth: int, columns: int) -> tuple[Part, ...]:
    """A head of ``depth`` in parts of ``columns`` and a last one, in whole columns of dpas."""
    whole = -(-depth // DPAS_COLUMNS) * DPAS_COLUMNS
    return tuple(Part(at, min(columns, whole - at)) for at in range(0, whole, columns))


@dataclass(frozen=True)
class Stream:
    """One part of K or V: what is loaded, and how.

    ``layout`` is that of loads, ``wanted`` that of the matrix instruction; they differ in
    orientation where the tile is ``turned`` between the two. ``keys_first`` says that rows in
    memory are keys. ``ahead`` is what the caches are asked for.
    """

    descriptor: Any
    part: Part
    keys_first: bool
    turned: bool
    tile: Any
    layout: Layout
    wanted: Layout
    ahead: tuple[Any, Layout] | None

    def load(self, key: Any) -> Any:
        """The right factor of the tile that begins at ``key``."""
        loaded = ops.load_nd(self.descriptor, self._offsets(key), self.tile, self.layout)
        if not self.turned:
            return ops.convert_layout(loaded, self.layout, self.wanted)
        shape = list(reversed(self.tile.shape))
        kind = mlir.VectorType.get(shape, self.tile.element_type)
        return dialect("vector").transpose(kind, loaded, [1, 0])

    def prefetch(self, key: Any) -> None:
        """Ask the caches for the tile that begins at ``key``."""
        if self.ahead is not None:
            descriptor, layout = self.ahead
            ops.prefetch_nd(descriptor, self._offsets(key), layout)

    def _offsets(self, key: Any) -> tuple[Any, Any]:
        column = constant(self.part.first)
        return (key, column) if self.keys_first else (column, key)


def keys_of(place: Place) -> list[Stream]:
    """K in parts, as right factors of ``width`` x ``keys``."""
    return [
        _stream(place, place.problem.k, part, down=part.width, right=place.tiles.keys, keys=False)
        for part in parts(place.problem.dk, place.tiles.columns)
    ]


def values_of(place: Place) -> list[Stream]:
    """V in parts, as right factors of ``keys`` x ``width``."""
    return [
        _stream(place, place.problem.v, part, down=place.tiles.keys, right=part.width, keys=True)
        for part in parts(place.problem.dv, place.tiles.columns)
    ]


def queries_of(place: Place) -> list[Any]:
    """The rows of Q in parts: left factors, which stay in registers."""
    found = []
    q, element = place.problem.q, mlir.Type.parse(place.problem.q.dtype)
    pointer = place.pointer(q)
    for part in parts(place.problem.dk, place.tiles.columns):
        layout, shape = place.tile(part.width), (place.tiles.rows, part.width)
        descriptor = ops.create_nd_tdesc(pointer, q.surface, shape, element, layout)
        offsets = (place.row, constant(part.first))
        found.append(ops.load_nd(descriptor, offsets, place.vector(part.width, element), layout))
    return found


def _stream(place: Place, matrix: Matrix, part: Part, down: int, right: int, keys: bool) -> Stream:
    """A part of ``matrix``, whose rows are keys, as a factor of ``down`` x ``right``; ``keys``
    says that its rows are keys too."""
    wanted = Layout(place.grid, (down, right), (DPAS_COLUMNS, DPAS_COLUMNS))
    # What lies in memory has keys as rows, unless the matrix itself is stored transposed.
    keys_first = not matrix.turned
    turned = keys_first != keys
    if turned:
        across = (place.grid[1], place.grid[0])
        layout = Layout(across, (right, down), (DPAS_COLUMNS, DPAS_COLUMNS), turned=True)
    else:
        lines = _LINES if down % _LINES == 0 else DPAS_COLUMNS
        layout = wanted.by(lines, DPAS_COLUMNS)
    stored = (right, down) if turned else (down, right)
    element, pointer = mlir.Type.parse(matrix.dtype), place.pointer(matrix)
    descriptor = ops.create_nd_tdesc(pointer, matrix.surface, stored, element, layout)
    ahead = None
    if place.tiles.prefetch:
        own = prefetch_layout(*stored, place.tiles.subgroups) or layout
        ahead = (ops.create_nd_tdesc(pointer, matrix.surface, stored, element, own), own)
    tile = mlir.VectorType.get(list(stored), element)
    return Stream(descriptor, part, keys_first, turned, tile, layout, wanted, ahead)
