"""From sums to memory: what a tile is added to, the operation that follows, the store.

A whole tile whose columns are neighbours in memory goes straight from registers. At the edges,
and where columns lie otherwise, the sums go to a scratch tile, and from there row by row under
masks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Operand
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast, counted, evaluate
from pharos.targets.cpu.contractions import lanes as lane
from pharos.targets.cpu.contractions.parameters import Tiles
from pharos.targets.cpu.contractions.places import Even, Listed, Place
from pharos.targets.cpu.contractions.runs import all_of, follows
from pharos.targets.cpu.contractions.site import Site

ROWS_AHEAD = 2  # rows of the result asked for at a time


@dataclass(frozen=True)
class End:
    """An operand that a tile is read from or written to."""

    operand: Operand
    place: Place
    origin: Any
    rows: Even | Listed
    columns: Even | Listed


@dataclass(frozen=True)
class Spot:
    """One vector of a tile: its row and first column, and which lanes are inside.

    ``mask`` is None in a whole tile; there ``neighbours`` are the offsets of the column for the
    operands with a table.
    """

    row: Any
    column: Any
    mask: Any
    neighbours: dict[int, Any]


class Writer:
    """Stores tiles of one batch, of the plan's size or ``tiles``."""

    def __init__(self, site: Site, batch: Any, scratch: Any, tiles: Tiles | None = None) -> None:
        self.site, self.scratch, self.batch = site, scratch, batch
        self.tiles = tiles or site.plan.tiles
        self.ends: dict[int, End] = {}
        plan = site.plan
        begin = [plan.start.operand] if plan.start.operand is not None else []
        after = [*plan.finish.operands, *plan.finish.results] if plan.finish is not None else []
        for operand in [plan.contraction.result, *begin, *after]:
            self.ends[id(operand)] = End(
                operand,
                site.place(operand),
                site.origin(operand, batch),
                site.offsets(operand, "rows"),
                site.offsets(operand, "columns"),
            )
        self.limit = {role: site.count(role) for role in ("rows", "columns")}

    def whole_columns(self, column: Any) -> Any | None:
        """Whether all columns of a tile exist and are neighbours in every operand with a table.

        None when no tile can go straight from registers.
        """
        arith = dialect("arith")
        width, count = self.tiles.width, self.tiles.nr
        end = index.add(column, index.constant(count))
        good = arith.cmpi(arith.CmpIPredicate.sle, end, self.limit["columns"])
        for written in self._written():
            columns = self.ends[id(written)].columns
            if not columns.unit and not isinstance(columns, Listed):
                return None
        for end_ in self.ends.values():
            if not isinstance(end_.columns, Listed):
                continue
            first = dialect("memref").load(end_.columns.table, [column])
            for v in range(0, count, width):
                numbers = lane.lane_offsets(
                    end_.columns, index.add(column, index.constant(v)), width
                )
                offset = arith.addi(first, arith.ConstantOp(first.type, v).result)
                good = arith.andi(good, all_of(follows(numbers, offset, 1, width)))
        return good

    @property
    def asks(self) -> bool:
        """Whether ``prefetch`` writes anything: rows and columns of the result lie evenly."""
        end = self.asked
        return end.columns.unit and isinstance(end.rows, Even)

    @property
    def asked(self) -> End:
        """What is written last, where lines of the result are asked for."""
        return self.ends[id(self._written()[-1])]

    def prefetch(self, row: Any, column: Any) -> Callable[[Any], None]:
        """A writer of code that asks for the i-th rows of the tile, for while sums are computed.

        All rows at once would keep the panels waiting. Rows beyond the tile are the last one.
        """
        end = self.asked
        last = index.constant(self.tiles.mr - 1)

        def ask(i: Any) -> None:
            if not self.asks:
                return
            first = index.mul(i, index.constant(ROWS_AHEAD))
            for next_ in range(ROWS_AHEAD):
                r = index.minimum(index.add(first, index.constant(next_)), last)
                at = index.add(end.origin, end.rows.at(index.add(row, r)))
                for v in range(0, self.tiles.nr, self.tiles.width):
                    where = index.add(at, index.add(column, index.constant(v)))
                    dialect("memref").prefetch(end.place.flat, [where], True, 3, True)

        return ask

    def store(
        self, sums: list[Any] | None, row: Any, column: Any, whole: Any, block: Block
    ) -> None:
        """The tile of ``sums`` whose first element is at ``row`` and ``column``.

        None: they are in the scratch tile.
        """
        scf, arith = dialect("scf"), dialect("arith")
        if whole is None:
            self._edge(sums, row, column, block)
            return
        last = index.add(row, index.constant(self.tiles.mr))
        fits = arith.cmpi(arith.CmpIPredicate.sle, last, self.limit["rows"])
        branch = scf.IfOp(arith.andi(whole, fits), has_else=True)
        with mlir.InsertionPoint(branch.then_block):
            block.each(lambda first, last: self._whole(sums, row, column, first, last))
            scf.YieldOp([])
        with mlir.InsertionPoint(branch.else_block):
            self._edge(sums, row, column, block)
            scf.YieldOp([])

    def _written(self) -> list[Operand]:
        plan = self.site.plan
        if plan.finish is None:
            return [plan.contraction.result]
        return [*plan.finish.results, plan.contraction.result]

    def _whole(
        self, sums: list[Any] | None, row: Any, column: Any, first: bool, last: bool
    ) -> None:
        neighbours = {
            key: end.columns.at(column)
            for key, end in self.ends.items()
            if isinstance(end.columns, Listed)
        }
        vectors = self.tiles.nr // self.tiles.width

        def each_row(r: Any, values: list[Any]) -> None:
            for v, value in enumerate(values):
                step = index.constant(v * self.tiles.width)
                spot = Spot(
                    index.add(row, r),
                    index.add(column, step),
                    None,
                    {key: index.add(at, step) for key, at in neighbours.items()},
                )
                self.complete(value, spot, first, last)

        if sums is not None:
            for r in range(self.tiles.mr):
                each_row(index.constant(r), sums[r * vectors : (r + 1) * vectors])
            return

        def body(r: Any, _: list[Any]) -> list[Any]:
            each_row(r, [self._sums(r, v) for v in range(vectors)])
            return []

        index.loop(index.constant(0), index.constant(self.tiles.mr), 1, [], body)

    def _sums(self, row: Any, vector: int) -> Any:
        """A vector of the scratch tile."""
        element = mlir.MemRefType(self.scratch.type).element_type
        at = index.add(
            index.mul(row, index.constant(self.tiles.nr)), index.constant(vector * self.tiles.width)
        )
        return dialect("vector").load(lane.vector_of(self.tiles.width, element), self.scratch, [at])

    def _edge(self, sums: list[Any] | None, row: Any, column: Any, block: Block) -> None:
        width, vectors = self.tiles.width, self.tiles.nr // self.tiles.width
        vector = dialect("vector")
        for number, value in enumerate(sums or []):
            vector.store(value, self.scratch, [index.constant(number * width)])
        type_ = lane.vector_of(width, mlir.MemRefType(self.scratch.type).element_type)
        rows = index.minimum(index.sub(self.limit["rows"], row), index.constant(self.tiles.mr))
        left = index.sub(self.limit["columns"], column)

        def body(first: bool, last: bool) -> Callable[[Any, list[Any]], list[Any]]:
            def each(i: Any, _: list[Any]) -> list[Any]:
                r = dialect("arith").divui(i, index.constant(vectors))
                v = index.mul(
                    dialect("arith").remui(i, index.constant(vectors)), index.constant(width)
                )
                value = vector.load(type_, self.scratch, [index.mul(i, index.constant(width))])
                mask = lane.mask(width, index.sub(left, v))
                spot = Spot(index.add(row, r), index.add(column, v), mask, {})
                self.complete(value, spot, first, last)
                return []

            return each

        count = index.mul(rows, index.constant(vectors))
        block.each(
            lambda first, last: index.loop(index.constant(0), count, 1, [], body(first, last))
        )

    def complete(self, value: Any, spot: Spot, first: bool, last: bool) -> None:
        """One vector: add what was there, apply the operation that follows, store."""
        plan = self.site.plan
        start = plan.start
        if not first:
            value = self._sum(value, self._read(plan.contraction.result, spot))
        elif start.operand is not None:
            value = self._sum(value, self._read(start.operand, spot))
        elif start.scalar is not None:
            value = self._sum(value, self._outside(start.scalar))
        if not last or plan.finish is None:
            self._write(plan.contraction.result, spot, value)
            return
        finish = plan.finish
        known = {**self.site.known, **dict.fromkeys(finish.elements, value), **self._numbers(spot)}
        for argument, operand in zip(finish.arguments, finish.operands, strict=True):
            known[argument] = self._read(operand, spot)
        for wanted, operand in zip(finish.values, finish.results, strict=True):
            made = evaluate(wanted, known, self.tiles.width)
            self._write(operand, spot, broadcast(made, self.tiles.width))

    def _numbers(self, spot: Spot) -> dict[Any, Any]:
        """What the operation that follows asks for: the row, the columns, the batch."""
        plan, found = self.site.plan, {}
        for value, loop in plan.finish.indices if plan.finish is not None else ():
            if loop is None:
                found[value] = index.constant(0)
            elif loop in plan.contraction.columns:
                found[value] = counted(spot.column, self.tiles.width)
            else:
                found[value] = spot.row if loop in plan.contraction.rows else self.batch
        return found

    def _sum(self, value: Any, before: Any) -> Any:
        before = broadcast(before, self.tiles.width)
        arith = dialect("arith")
        whole = isinstance(value.type.element_type, mlir.IntegerType)
        return arith.addi(value, before) if whole else arith.addf(value, before)

    def _outside(self, scalar: Any) -> Any:
        return evaluate(scalar, self.site.known, self.tiles.width)

    def _read(self, operand: Operand, spot: Spot) -> Any:
        end, width = self.ends[id(operand)], self.tiles.width
        at = index.add(end.origin, end.rows.at(spot.row))
        if spot.mask is None and (end.columns.unit or id(operand) in spot.neighbours):
            where = index.add(at, spot.neighbours.get(id(operand), spot.column))
            type_ = lane.vector_of(width, end.place.element)
            return dialect("vector").load(type_, end.place.flat, [where])
        return lane.read(end.place, at, end.columns, spot.column, self._mask(spot), width)

    def _write(self, operand: Operand, spot: Spot, value: Any) -> None:
        end = self.ends[id(operand)]
        at = index.add(end.origin, end.rows.at(spot.row))
        if spot.mask is None and (end.columns.unit or id(operand) in spot.neighbours):
            where = index.add(at, spot.neighbours.get(id(operand), spot.column))
            dialect("vector").store(value, end.place.flat, [where])
            return
        lane.write(end.place, at, end.columns, spot.column, self._mask(spot), value)

    def _mask(self, spot: Spot) -> Any:
        width = self.tiles.width
        return spot.mask if spot.mask is not None else lane.mask(width, index.constant(width))


@dataclass(frozen=True)
class Block:
    """Which block of inner steps a tile is from: ``first`` and ``last`` are True or False where
    that is known, else values of type i1."""

    first: Any
    last: Any

    def each(self, emit: Callable[[bool, bool], Any]) -> None:
        """Emit ``emit(first, last)`` for the cases that can occur."""
        branch_on(self.first, lambda first: branch_on(self.last, lambda last: emit(first, last)))


def branch_on(condition: Any, emit: Callable[[bool], Any]) -> None:
    """``emit(True)`` where ``condition`` holds, ``emit(False)`` where it does not."""
    if isinstance(condition, bool):
        emit(condition)
        return
    scf = dialect("scf")
    branch = scf.IfOp(condition, has_else=True)
    for block, value in ((branch.then_block, True), (branch.else_block, False)):
        with mlir.InsertionPoint(block):
            emit(value)
            scf.YieldOp([])
