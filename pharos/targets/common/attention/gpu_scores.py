"""Scores of a tile of keys become weights: the score function, the running maximum and sum.

    t = score(s, row, column)         for the columns that a lane has of a row, as one vector
    new = max(old, t of all lanes that share the row)
    weights = exp(t - new), factor = exp(old - new), sum = sum * factor + weights

Sums stay those of a lane's own columns until the end. A row whose scores all are minus infinity so
far has no maximum to subtract; its weights are zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_block import Block
from pharos.targets.common.attention.gpu_copies import less
from pharos.targets.common.attention.gpu_exponential import exponential, scale_change
from pharos.targets.common.attention.gpu_plan import stride
from pharos.targets.common.attention.gpu_rows import joined, over_partners
from pharos.targets.common.attention.site import AttentionOperand
from pharos.targets.common.contractions.unit import Sums
from pharos.targets.common.contractions.walk import power_of_two
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import joined as reduced
from pharos.targets.common.nests.lanes import scalar, splat


@dataclass(frozen=True)
class Row:
    """A row that a lane has: the loops it stands for, and where its elements of extras begin."""

    numbers: dict[int, Any]
    extras: tuple[Any, ...]


class Scores:
    """Made where what stays the same for all tiles may be computed; ``known`` maps values from
    outside of the kernel to those inside."""

    def __init__(self, block: Block, known: dict[Any, Any]) -> None:
        self.block, self.plan, self.known = block, block.plan, known
        self.layout, self.power = block.plan.layouts.scores, block.plan.layouts.power
        unit, tile = self.layout.unit, self.plan.tiles.key_tile
        own = self.layout.columns(block.lane)
        self.columns = [
            _i32(index.add(column, index.constant(piece * unit.columns)))
            for piece in range(tile // unit.columns)
            for column in own
        ]
        self.rows = [self._row(i, slot) for i in self._pieces() for slot in self._slots()]

    def _pieces(self) -> range:
        return range(self.plan.tiles.subgroup_rows // self.layout.unit.rows)

    def _slots(self) -> range:
        return range(self.layout.slots)

    def _row(self, piece: int, slot: int) -> Row:
        block, plan = self.block, self.plan
        inner = index.constant(piece * self.layout.unit.rows)
        own = index.add(self.layout.rows(block.lane)[slot], inner)
        before = index.mul(block.subgroup, index.constant(plan.tiles.subgroup_rows))
        number = index.add(block.first_row, index.add(before, own))
        numbers = block.row(block.last_row(number))
        extras = tuple(
            block.moved(block.origin(extra), extra, numbers) for extra in plan.site.extras
        )
        return Row({**block.batch, **numbers}, extras)

    def of_piece(self, tile: Any, sums: Sequence[Sums], piece: int) -> list[Any]:
        """The scores of a tile of keys for each row that a lane has of a piece of rows, of which
        ``sums`` are the pieces. Where all queries see all keys, nothing is compared."""
        slots = self.layout.slots
        parts = [self.layout.split(one) for one in sums]
        products = [joined([part[slot] for part in parts]) for slot in range(slots)]
        rows = self.rows[piece * slots : (piece + 1) * slots]
        if self._whole and self.plan.site.causal is None:
            return self._scores(products, rows, tile, edge=False)
        scf = dialect("scf")
        branch = scf.IfOp(self._open(tile), [one.type for one in products], has_else=True)
        for block, edge in ((branch.then_block, False), (branch.else_block, True)):
            with mlir.InsertionPoint(block):
                scf.YieldOp(self._scores(products, rows, tile, edge))
        return list(branch.results)

    def _open(self, tile: Any) -> Any:
        """Whether all keys of ``tile`` exist and are seen by all rows of the block."""
        first, last = self.block.queries_from_to()
        size = index.constant(self.plan.tiles.key_tile)
        keys = index.mul(tile, size), index.mul(index.add(tile, index.constant(1)), size)
        rows = first, index.add(last, index.constant(1))
        seen = self.plan.site.is_open(rows, keys)
        exist = less(keys[1], self.plan.sizes.keys + 1)
        return seen if self._whole else dialect("arith").andi(seen, exist)

    def _scores(self, products: Any, rows: Sequence[Row], tile: Any, edge: bool) -> list[Any]:
        found = [
            self._score(product, row, tile, edge)
            for product, row in zip(products, rows, strict=True)
        ]
        return [self._masked(one, tile) for one in found] if edge else found

    def weighted(self, scores: Any, maximum: Any, total: Any) -> tuple[Any, Any, Any, Any]:
        """The weights for ``scores`` of a row (a vector of f32), the factor for what was summed
        before, the new maximum and total."""
        arith = dialect("arith")
        best = reduced(maximum.type, "maxnumf", scores)
        best = arith.maxnumf(maximum, over_partners(self.layout, "maxnumf", best))
        nothing = scalar(best.type, -math.inf)
        empty = arith.cmpf(arith.CmpFPredicate.OEQ, best, nothing)
        base = arith.select(empty, scalar(best.type, 0), best)
        weights = exponential(scores, base, self.power)
        factor = scale_change(maximum, base, self.power)
        total = arith.addf(arith.mulf(total, factor), reduced(total.type, "add", weights))
        return weights, factor, best, total

    def _score(self, products: Any, row: Row, tile: Any, edge: bool) -> Any:
        """The score function on the columns of one row."""
        keys = self._keys(tile)
        site = self.plan.site

        def place(loop: int) -> Any:
            if loop != site.n:
                return row.numbers[loop]
            type_ = mlir.VectorType.get([len(keys)], mlir.IndexType.get())
            return dialect("arith").index_castui(type_, _vector(keys))

        def extra(number: int) -> Any:
            return self._extra(site.extras[number], row.extras[number], keys)

        return site.score.emit(
            products,
            place,
            extra,
            outside=lambda value: self.known.get(value, value),
            band=None if edge or site.causal is None else (site.causal, site.window),
        )

    def _keys(self, tile: Any) -> list[Any]:
        """The keys of the columns, as i32: wider numbers would take two registers each."""
        first = _i32(index.mul(tile, index.constant(self.plan.tiles.key_tile)))
        return [dialect("arith").addi(first, column) for column in self.columns]

    def _extra(self, extra: AttentionOperand, at: Any, keys: Sequence[Any]) -> Any:
        """The elements of ``extra``, which for this row begin ``at``: a vector, or one for all."""
        flat, step = self.block.flat(extra), stride(extra, self.plan.site.n)
        if not extra.uses(self.plan.site.n):
            return dialect("memref").load(flat, [at])
        run = self._together(extra)
        places = [
            index.add(at, index.mul(self._last(key, run), index.constant(step)))
            for key in keys[::run]
        ]
        if run == 1:
            values = [dialect("memref").load(flat, [place]) for place in places]
            return _vector(values)
        type_ = mlir.VectorType.get([run], extra.type.element_type)
        size = run * max(8, type_.element_type.width) // 8
        load = dialect("vector").load
        return joined([load(type_, flat, [place], alignment=size) for place in places])

    def _together(self, extra: AttentionOperand) -> int:
        """How many neighbouring columns can be loaded as one vector."""
        if extra.offset is None or stride(extra, self.plan.site.n) != 1:
            return 1
        others = [stride(extra, loop) for loop in extra.loops if loop != self.plan.site.n]
        return power_of_two(self.layout.run, extra.offset, self.plan.sizes.keys, *others)

    def _last(self, key: Any, run: int) -> Any:
        """``key`` as an index value, or the last one of which there are ``run``."""
        found = dialect("arith").index_castui(mlir.IndexType.get(), key)
        if self._whole:
            return found
        return index.minimum(found, index.constant(self.plan.sizes.keys - run))

    @property
    def _whole(self) -> bool:
        return self.plan.sizes.keys % self.plan.tiles.key_tile == 0

    def _masked(self, scores: Any, tile: Any) -> Any:
        """Minus infinity for keys that there are not."""
        if self._whole:
            return scores
        arith, keys = dialect("arith"), _vector(self._keys(tile))
        most = mlir.IntegerAttr.get(keys.type.element_type, self.plan.sizes.keys)
        limit = arith.ConstantOp(keys.type, mlir.DenseElementsAttr.get_splat(keys.type, most))
        exists = arith.cmpi(arith.CmpIPredicate.ult, keys, limit.result)
        return arith.select(exists, scores, splat(scores.type, -math.inf))


def _i32(value: Any) -> Any:
    return dialect("arith").index_cast(mlir.IntegerType.get_signless(32), value)


def _vector(values: Sequence[Any]) -> Any:
    type_ = mlir.VectorType.get([len(values)], values[0].type)
    return dialect("vector").from_elements(type_, list(values))
