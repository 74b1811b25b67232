"""The loops around the microkernel.

The factor that all threads share is packed as a whole before; the other in blocks, by the thread
that uses them::

    for block of the split role (nc columns or mc rows):
      for kc inner steps:
        pack the block
        for block of the other role:       // both blocks fit the second-level cache
          for mr rows:                     // their panel stays in the first-level cache
            for nr columns:                // a few rows of the result are written to their end
              sums = panel of left x panel of right;  add, finish, store

A factor that a loop around does not change is packed before it (``ahead``), not in blocks.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Factor
from pharos.targets.common.nests import index
from pharos.targets.cpu.contractions.lanes import zeros
from pharos.targets.cpu.contractions.matrix_registers import configure, release
from pharos.targets.cpu.contractions.matrix_tiles import TilePacker, multiply_tiles
from pharos.targets.cpu.contractions.multiply import multiply
from pharos.targets.cpu.contractions.pack import Packer
from pharos.targets.cpu.contractions.pairs import PairPacker
from pharos.targets.cpu.contractions.parameters import Tiles, last_columns
from pharos.targets.cpu.contractions.site import Plan, Site, allocate, free
from pharos.targets.cpu.contractions.store import ROWS_AHEAD, Block, Writer, branch_on
from pharos.targets.cpu.contractions.units import AMX


def side(plan: Plan, role: str) -> tuple[Factor, int, int]:
    """The factor whose lanes are ``role``, the lanes of its panels, and of its blocks."""
    tiles = plan.tiles
    if role == "rows":
        return plan.contraction.left, tiles.mr, tiles.mc
    return plan.contraction.right, tiles.nr, tiles.nc


def narrow_end(plan: Plan) -> Tiles | None:
    """Tiles for the last columns, where they are narrower than the others."""
    tiles, columns = plan.tiles, plan.contraction.extent(plan.contraction.columns)
    if columns is None or plan.unit is AMX:
        return None
    left = last_columns(columns, tiles.nr, tiles.width)
    return replace(tiles, nr=left) if left < tiles.nr else None


def shared_role(plan: Plan) -> str:
    """The role whose factor is packed as a whole."""
    return "rows" if plan.split == "columns" else "columns"


def packer_for(site: Site, factor: Factor, role: str, panel: int, batch: Any) -> Packer:
    """What packs ``factor`` as the plan's unit wants it."""
    unit = site.plan.unit
    packer = TilePacker if unit is AMX and role == "rows" else PairPacker if unit.pairs else Packer
    return packer(site, factor, role, panel, batch)


def shared_length(site: Site) -> Any:
    """Elements of the buffer for the shared factor."""
    piece = site.plan.piece
    role = shared_role(site.plan)
    return index.mul(padded(site, role), site.steps() if piece is None else index.constant(piece))


def _end(site: Site) -> Any:
    """The step at which the piece of the shared factor ends."""
    if site.plan.piece is None:
        return site.steps()
    return index.minimum(index.add(site.first, index.constant(site.plan.piece)), site.steps())


def padded(site: Site, role: str) -> Any:
    """The lanes of all panels of the factor with lanes ``role``."""
    panel = index.constant(side(site.plan, role)[1])
    return index.mul(index.ceil_div(site.count(role), index.known(panel) or 1), panel)


def pack_shared(site: Site, low: Any, high: Any, batch: Any, target: Any) -> None:
    """Pack lanes ``low .. high`` of the shared factor, the inner steps of the piece or all."""
    pack_whole(site, shared_role(site.plan), (low, high), batch, target)


def pack_whole(site: Site, role: str, lanes: tuple[Any, Any], batch: Any, target: Any) -> None:
    """Pack so many ``lanes`` of ``role``, the inner steps of the piece or all, block by block."""
    factor, panel, _ = side(site.plan, role)
    packer = packer_for(site, factor, role, panel, batch)
    low, all_lanes, inner = lanes[0], padded(site, role), site.steps()

    def body(k: Any, _: list[Any]) -> list[Any]:
        steps = index.minimum(index.constant(site.plan.tiles.kc), index.sub(inner, k))
        at = index.add(index.mul(all_lanes, index.sub(k, site.first)), index.mul(low, steps))
        packer.pack(low, index.sub(lanes[1], low), k, steps, target, at)
        return []

    index.loop(site.first, _end(site), site.plan.tiles.kc, [], body)


class TileLoops:
    """Writes the loops over lanes ``low .. high`` of the split role for one batch."""

    def __init__(self, site: Site, low: Any, high: Any, batch: Any, shared: Any) -> None:
        self.site, self.low, self.high, self.shared = site, low, high, shared
        self.plan, self.tiles = site.plan, site.plan.tiles
        self.factor, self.panel, self.block = side(site.plan, site.plan.split)
        self.inner = site.steps()
        element = site.plan.contraction.left.element
        scratch = mlir.MemRefType.get([self.tiles.mr * self.tiles.nr], element)
        scratch = dialect("memref").alloca(scratch, [], [], alignment=64)
        self.writer = Writer(site, batch, scratch)
        narrow = narrow_end(self.plan)
        self.narrow = None if narrow is None else Writer(site, batch, scratch, narrow)
        self.packer = packer_for(site, self.factor, site.plan.split, self.panel, batch)
        self.panels = None if self.plan.panels is None else site.known[self.plan.panels]
        if self.panels is None:
            self.buffer = allocate(site.plan.panel_element, self._length())

    def _length(self) -> Any:
        lanes = index.sub(self.high, self.low)
        whole = index.mul(index.ceil_div(lanes, self.panel), index.constant(self.panel))
        lanes = index.minimum(index.constant(self.block), whole)
        return index.mul(lanes, index.minimum(index.constant(self.tiles.kc), self.inner))

    def write(self) -> None:
        """Write all loops."""
        if self.plan.unit is AMX:
            configure()

        def block(lane: Any, _: list[Any]) -> list[Any]:
            count = index.minimum(index.constant(self.block), index.sub(self.high, lane))

            def steps(k: Any, _: list[Any]) -> list[Any]:
                self._inner_block(lane, count, k)
                return []

            index.loop(self.site.first, _end(self.site), self.tiles.kc, [], steps)
            return []

        index.loop(self.low, self.high, self.block, [], block)
        if self.plan.unit is AMX:
            release()
        if self.panels is None:
            free([self.buffer])

    def _inner_block(self, lane: Any, count: Any, k: Any) -> None:
        steps = index.minimum(index.constant(self.tiles.kc), index.sub(self.inner, k))
        if self.panels is None:
            self.packer.pack(lane, count, k, steps, self.buffer, index.constant(0))
        end = index.add(lane, count)
        if self.plan.split == "rows":
            whole, step = self.site.count("columns"), self.tiles.nc
        else:
            whole, step = self.site.count("rows"), self.tiles.mc

        def other_block(low: Any, _: list[Any]) -> list[Any]:
            other = (low, index.minimum(index.add(low, index.constant(step)), whole))
            sides = ((lane, end), other) if self.plan.split == "rows" else (other, (lane, end))
            self._tiles(*sides, lane, k, steps)
            return []

        index.loop(index.constant(0), whole, step, [], other_block)

    def _tiles(
        self, rows: tuple[Any, Any], columns: tuple[Any, Any], lane: Any, k: Any, steps: Any
    ) -> None:
        """All register tiles of a block; ``lane`` is where the block begins."""
        block = self._which_block(k, steps)

        def panel_at(role: str, position: Any) -> tuple[Any, Any]:
            if role == self.plan.split and self.panels is None:
                return self.buffer, index.mul(index.sub(position, lane), steps)
            whole, first = self.shared, self.site.first
            if role == self.plan.split:
                whole, first = self.panels, index.constant(0)
            before = index.mul(padded(self.site, role), index.sub(k, first))
            return whole, index.add(before, index.mul(position, steps))

        def tile(row: Any, column: Any) -> None:
            left, right = panel_at("rows", row), panel_at("columns", column)

            def by(writer: Writer) -> None:
                sums = self._products(left, right, steps, writer, writer.prefetch(row, column))
                writer.store(sums, row, column, writer.whole_columns(column), block)

            branch_on(
                self._at_end(column),
                lambda end: by(self.narrow if end and self.narrow else self.writer),
            )

        def each_row(row: Any, _: list[Any]) -> list[Any]:
            def each_column(column: Any, _: list[Any]) -> list[Any]:
                kept = self.plan.kept
                any_kept = kept is None or kept.any_in(row, column, self.tiles.mr, self.tiles.nr)
                branch_on(
                    any_kept,
                    lambda one: tile(row, column) if one else self._unkept(row, column, block),
                )
                return []

            index.loop(*columns, self.tiles.nr, [], each_column)
            return []

        index.loop(*rows, self.tiles.mr, [], each_row)

    def _unkept(self, row: Any, column: Any, block: Block) -> None:
        """A tile whose sums nobody keeps: what is done with the last of them, of zeros."""

        def end(last: bool) -> None:
            if last:
                # In a loop, not in registers: it takes little time, and less to compile.
                self._clear()
                whole = self.writer.whole_columns(column)
                self.writer.store(None, row, column, whole, Block(True, True))

        branch_on(block.last, end)

    def _clear(self) -> None:
        """Zeros in the scratch tile."""
        zero = zeros(self.tiles.width, self.plan.contraction.left.element)

        def body(i: Any, _: list[Any]) -> list[Any]:
            dialect("vector").store(zero, self.writer.scratch, [i])
            return []

        count = index.constant(self.tiles.mr * self.tiles.nr)
        index.loop(index.constant(0), count, self.tiles.width, [], body)

    def _at_end(self, column: Any) -> Any:
        """Whether a tile at ``column`` is the last one, and that is narrower."""
        if self.narrow is None:
            return False
        end = index.add(column, index.constant(self.tiles.nr))
        arith = dialect("arith")
        return arith.cmpi(arith.CmpIPredicate.sgt, end, self.site.count("columns"))

    def _products(
        self, left: Any, right: Any, steps: Any, writer: Writer, meanwhile: Any
    ) -> list[Any] | None:
        """The sums of a tile of ``writer`` in vectors, or None: they are in the scratch tile."""
        if self.plan.unit is AMX:
            multiply_tiles(self.tiles, left, right, steps, writer.scratch, meanwhile)
            return None
        element = self.plan.contraction.left.element
        parts = math.ceil(self.tiles.mr / ROWS_AHEAD) if writer.asks else 1
        vectors = writer.tiles.nr // self.tiles.width
        return multiply(self.tiles, left, right, steps, element, meanwhile, parts, vectors)

    def _which_block(self, k: Any, steps: Any) -> Block:
        arith = dialect("arith")
        inner = index.known(self.inner)
        if inner is not None and inner <= self.tiles.kc:
            return Block(True, True)
        start = self.plan.start
        first: Any = arith.cmpi(arith.CmpIPredicate.eq, k, index.constant(0))
        if start.operand is self.plan.contraction.result:
            first = False
        last: Any = False
        if self.plan.finish is not None:
            end = index.add(k, steps)
            last = arith.cmpi(arith.CmpIPredicate.eq, end, self.inner)
        return Block(first, last)
