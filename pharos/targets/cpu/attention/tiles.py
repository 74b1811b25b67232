"""The loops around a tile, for blocks of query rows of one batch.

for each block of query rows:
  stage the queries, d by d, rows on lanes
  for key_tile keys at a time, those that no row of the block sees left out:
    stage keys and values where products do not read them in place
    for query_tile rows of the block:
      scores, weights, weighted sums       // maximum and sum of each row go on
  weighted sums / sums of weights -> output
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.cpu.attention.finish import Finish
from pharos.targets.cpu.attention.matrix_products import MatrixProducts
from pharos.targets.cpu.attention.pair_products import PairProducts
from pharos.targets.cpu.attention.products import Products
from pharos.targets.cpu.attention.query_tile import Item, Keys, QueryTile
from pharos.targets.cpu.attention.site import Inside
from pharos.targets.cpu.attention.vectors import Vectors, maximum
from pharos.targets.cpu.contractions.site import free
from pharos.targets.cpu.contractions.units import AMX, DOT, FMA

PRODUCTS = {FMA: Products, DOT: PairProducts, AMX: MatrixProducts}


class TileLoops:
    """Writes the loops over work items ``low .. high`` (blocks, those of a batch together)."""

    def __init__(self, inside: Inside, low: Any, high: Any) -> None:
        self.inside, self.site, self.tiles = inside, inside.site, inside.tiles
        self.low, self.high = low, high
        self.vectors = Vectors(self.tiles.width)
        self.products = PRODUCTS[self.tiles.unit](inside, self.vectors)
        self.tile = QueryTile(inside, self.vectors, self.products)
        self.finish = Finish(inside, self.vectors)

    def write(self) -> None:
        """Write everything."""

        def item(number: Any, _: list[Any]) -> list[Any]:
            self._item(self._opened(number))
            return []

        self.products.begin()
        index.loop(self.low, self.high, 1, [], item)
        self.products.end()
        free([*self.tile.buffers, *self.products.buffers, *self.finish.buffers])

    def _opened(self, number: Any) -> Item:
        inside, arith = self.inside, dialect("arith")
        rows = inside.counts[self.site.m]
        blocks = index.ceil_div(rows, self.tiles.query_block)
        one = index.known(blocks) == 1
        batch = number if one else arith.divui(number, blocks)
        block = index.constant(0) if one else arith.remui(number, blocks)
        block = self._balanced(block, blocks)
        row = index.mul(block, index.constant(self.tiles.query_block))
        numbers = inside.digits(batch, self.site.batch)
        return Item(numbers, row, index.sub(rows, row), self.tile.extras.origins(numbers))

    def _balanced(self, block: Any, blocks: Any) -> Any:
        """Blocks from both ends in turn where later ones have more keys: then any range of them
        is about as much work as any other of its length."""
        if self.site.causal is None or index.known(blocks) == 1:
            return block
        arith, two = dialect("arith"), index.constant(2)
        half = arith.divui(block, two)
        odd = arith.cmpi(arith.CmpIPredicate.ne, arith.remui(block, two), index.constant(0))
        from_end = index.sub(index.sub(blocks, index.constant(1)), half)
        return arith.select(odd, from_end, half)

    def _item(self, item: Item) -> None:
        rows = index.minimum(item.left, index.constant(self.tiles.query_block))
        groups = index.ceil_div(rows, self.tiles.query_tile)
        origins = {
            o.number: self.inside.origin(o, item.numbers) for o in (self.site.k, self.site.v)
        }

        def start(group: Any, _: list[Any]) -> list[Any]:
            self.tile.start(item, group)
            return []

        def tile(first: Any, _: list[Any]) -> list[Any]:
            self._tile(item, groups, first, origins)
            return []

        def end(group: Any, _: list[Any]) -> list[Any]:
            rows = self.tile.rows_of(item, group)
            self.finish.write(*self.tile.results(group), item.numbers, *rows)
            return []

        zero, last = index.constant(0), index.sub(index.add(item.row, rows), index.constant(1))
        index.loop(zero, groups, 1, [], start)
        keys = self.inside.first_key(item.row), self.inside.end_key(last)
        index.loop(*keys, self.tiles.key_tile, [], tile)
        index.loop(zero, groups, 1, [], end)

    def _tile(self, item: Item, groups: Any, first: Any, origins: Mapping[int, Any]) -> None:
        """All rows of the block with the keys of the tile from ``first`` on."""
        last = self.inside.counts[self.site.n]
        count = index.minimum(index.sub(last, first), index.constant(self.tiles.key_tile))
        rows = self.products.staged(self.site.k, first, count, origins)
        values = self.products.staged(self.site.v, first, count, origins)
        keys = Keys(first, rows, values)

        def each(group: Any, _: list[Any]) -> list[Any]:
            self._group(item, group, keys, count)
            return []

        index.loop(index.constant(0), groups, 1, [], each)

    def _group(self, item: Item, group: Any, keys: Keys, count: Any) -> None:
        """Rows of ``group`` with those keys of the tile that any of them sees."""
        bounds = self._bounds(*self.tile.rows_of(item, group), keys.first, count)
        if self.site.causal is None:
            self.tile.write(item, group, keys, bounds)
            return
        arith, scf = dialect("arith"), dialect("scf")
        some = arith.cmpi(arith.CmpIPredicate.slt, bounds[0], bounds[1])
        branch = scf.IfOp(some)
        with mlir.InsertionPoint(branch.then_block):
            self.tile.write(item, group, keys, bounds)
            scf.YieldOp([])

    def _bounds(self, row: Any, lanes: Any, first: Any, count: Any) -> tuple[Any, Any]:
        """The first key of the tile that a row sees, and one beyond the last."""
        last = index.sub(index.add(row, lanes), index.constant(1))
        low = index.sub(self.inside.first_key(row), first)
        high = index.sub(self.inside.end_key(last), first)
        return maximum(low, index.constant(0)), index.minimum(high, count)
