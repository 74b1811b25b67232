"""The kernel of a product, at workgroup level.

    %sums = scf.for %k = 0 to K step k_tile iter_args(%x = start) {
      xegpu.prefetch_nd A[m, k + ahead], B[k + ahead, n]
      %a = xegpu.load_nd A[m, k]          : vector<wg_m x k_tile>
      %b = xegpu.load_nd B[k, n]          : vector<k_tile x wg_n>
      yield xegpu.dpas %a, %b, %x         : vector<wg_m x wg_n>
    }
    store(finish(%sums))

Block loads read zero outside a matrix, so neither M, N nor K needs to fit the tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu import ops
from pharos.targets.xegpu.contractions.matrices import Matrix
from pharos.targets.xegpu.contractions.place import Place
from pharos.targets.xegpu.contractions.tiles import DPAS_K, DPAS_M, DPAS_N
from pharos.targets.xegpu.indices import constant
from pharos.targets.xegpu.layouts import Layout, prefetch_layout


@dataclass(frozen=True)
class Stream:
    """A factor on its way through the inner dimension: what is loaded, and how.

    ``layout`` is that of the loads, ``wanted`` that of the matrix instruction, both of the tile as
    it is in memory or as it is multiplied; they differ in orientation where it is ``turned``.
    """

    descriptor: Any
    outside: Any
    inner_first: bool
    tile: Any
    layout: Layout
    wanted: Layout
    ahead: tuple[Any, Layout] | None

    def offsets(self, k: Any) -> tuple[Any, Any]:
        return (k, self.outside) if self.inner_first else (self.outside, k)


def multiply(place: Place, sums: Any) -> Any:
    """``sums`` (a vector of ``wg_m`` x ``wg_n`` x f32) plus the product of this tile."""
    scf, arith = dialect("scf"), dialect("arith")
    tiles = place.tiles
    streams = (_stream_a(place), _stream_b(place))
    for step in range(tiles.prefetch):
        _prefetch(streams, constant(step * tiles.k_tile))
    loop = scf.ForOp(constant(0), constant(place.product.k), constant(tiles.k_tile), [sums])
    layouts = [stream.wanted for stream in streams]
    with mlir.InsertionPoint(loop.body):
        k = loop.induction_variable
        if tiles.prefetch:
            _prefetch(streams, arith.addi(k, constant(tiles.prefetch * tiles.k_tile)))
        a, b = (_load(stream, k) for stream in streams)
        total = ops.dpas(a, b, loop.inner_iter_args[0], (*layouts, place.sums))
        scf.YieldOp([total])
    return loop.results[0]


def _stream_a(place: Place) -> Stream:
    tiles, grid = place.tiles, place.tiles.grid
    wanted = Layout(grid, (tiles.sg_m, tiles.k_tile), (DPAS_M, DPAS_K))
    load = wanted.by(tiles.load_a_m, DPAS_K)
    if place.product.a.turned:
        load = Layout((grid[1], grid[0]), (tiles.k_tile, tiles.sg_m), (16, 16), turned=True)
    shape = (tiles.wg_m, tiles.k_tile)
    return _stream(place, place.product.a, shape, load, wanted, place.row, inner_first=False)


def _stream_b(place: Place) -> Stream:
    tiles, grid = place.tiles, place.tiles.grid
    wanted = Layout(grid, (tiles.k_tile, tiles.sg_n), (DPAS_K, DPAS_N))
    load = wanted.by(tiles.load_b_k, DPAS_N)
    if place.product.b.turned:
        load = Layout((grid[1], grid[0]), (tiles.sg_n, tiles.k_tile), (16, 16), turned=True)
    shape = (tiles.k_tile, tiles.wg_n)
    return _stream(place, place.product.b, shape, load, wanted, place.column, inner_first=True)


def _stream(
    place: Place,
    matrix: Matrix,
    shape: tuple[int, int],
    load: Layout,
    wanted: Layout,
    outside: Any,
    inner_first: bool,
) -> Stream:
    element = mlir.Type.parse(matrix.dtype)
    stored = (shape[1], shape[0]) if matrix.turned else shape
    pointer = place.pointer(matrix)
    tile = mlir.VectorType.get(list(stored), element)
    descriptor = ops.create_nd_tdesc(pointer, matrix.surface, stored, element, load)
    ahead = None
    if place.tiles.prefetch:
        # Without a layout of its own a prefetch asks for what the loads will read, some of it
        # once per subgroup.
        own = prefetch_layout(*stored, place.tiles.subgroups) or load
        ahead = (ops.create_nd_tdesc(pointer, matrix.surface, stored, element, own), own)
    first = inner_first != matrix.turned
    return Stream(descriptor, outside, first, tile, load, wanted, ahead)


def _load(stream: Stream, k: Any) -> Any:
    tile = ops.load_nd(stream.descriptor, stream.offsets(k), stream.tile, stream.layout)
    if stream.layout.turned:
        shape = list(reversed(stream.tile.shape))
        kind = mlir.VectorType.get(shape, stream.tile.element_type)
        return dialect("vector").transpose(kind, tile, [1, 0])
    return ops.convert_layout(tile, stream.layout, stream.wanted)


def _prefetch(streams: tuple[Stream, ...], k: Any) -> None:
    for stream in streams:
        if stream.ahead is not None:
            descriptor, layout = stream.ahead
            ops.prefetch_nd(descriptor, stream.offsets(k), layout)
