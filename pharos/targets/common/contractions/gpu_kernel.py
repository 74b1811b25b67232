"""The kernel of a contraction: a pipeline of tiles in workgroup memory, matrix units, the end.

for stage in 0 .. stages - 2: copy tile stage
for tile k of inner steps:
  wait until tile k has arrived; meet
  begin the copy of tile k + stages - 1         // into the tile that all have just left
  for inner step, piece of rows, piece of columns: sums += left * right
  finish the copy
finish the sums, write the result
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.ending import Ending
from pharos.targets.common.contractions.gpu_plan import GpuPlan, Side
from pharos.targets.common.contractions.gpu_site import GpuSite
from pharos.targets.common.contractions.staging import Stager
from pharos.targets.common.contractions.tiles import trips
from pharos.targets.common.contractions.unit import LEFT, RIGHT
from pharos.targets.common.gpu.kernels import launched
from pharos.targets.common.nests import index

_DYNAMIC = "memref<?xi8, #gpu.address_space<workgroup>>"
_WORKGROUP = "#gpu.address_space<workgroup>"


def write_kernel(plan: GpuPlan, name: str) -> None:
    """Write the kernel of ``plan`` into its module, and launch it where the contraction stands."""
    rows, columns = plan.blocks()
    with launched(
        plan.contraction.nest.operation,
        name,
        plan.values,
        grid=[rows * columns * plan.extent("batch")],
        block=[plan.tiles.subgroups() * plan.unit.lanes],
        dynamic_shared=plan.shared_bytes,
    ) as kernel:
        _Writer(plan, kernel.arguments).write()


class _Writer:
    """Writes the body of a kernel at the insertion point."""

    def __init__(self, plan: GpuPlan, arguments: tuple[Any, ...]) -> None:
        self.plan, self.unit, self.tiles = plan, plan.unit, plan.tiles
        site = self.site = GpuSite(plan, arguments)
        self.lane, self.row, self.column = self._subgroup()
        first = index.mul(site.row_block, index.constant(self.tiles.block_m))
        first_column = index.mul(site.column_block, index.constant(self.tiles.block_n))
        self.stagers = [
            Stager(site, plan.left, _workgroup(plan.left, plan, 0), first, plan.copies, plan.unit),
            Stager(
                site,
                plan.right,
                _workgroup(plan.right, plan, plan.right_at),
                first_column,
                plan.copies,
                plan.unit,
            ),
        ]
        self.asynchronous = any(stager.copies is not None for stager in self.stagers)
        self.count = trips(plan.extent("inner"), self.tiles.block_k)
        down, across = self.tiles.sub_m // self.unit.rows, self.tiles.sub_n // self.unit.columns
        self.pieces = [(i, j) for i in range(down) for j in range(across)]
        self.ending = Ending(
            site, index.add(first, self.row), index.add(first_column, self.column), self.lane
        )

    def write(self) -> None:
        """Write all of it."""
        for stage in range(self.tiles.stages - 1):
            self._fill(stage)
        zeros = [self.unit.zero() for _ in self.pieces]
        size = len(zeros[0])
        carried = [value for sums in zeros for value in sums]
        found = index.loop(index.constant(0), index.constant(self.count), 1, carried, self._step)
        sums = [found[i : i + size] for i in range(0, len(found), size)]
        self.ending.write(dict(zip(self.pieces, sums, strict=True)))

    def _subgroup(self) -> tuple[Any, Any, Any]:
        """The lane, and the subgroup's first row and column in the block."""
        arith, tiles = dialect("arith"), self.tiles
        lanes = index.constant(self.unit.lanes)
        lane = arith.remui(self.site.thread, lanes)
        number = arith.divui(self.site.thread, lanes)
        down = index.constant(tiles.block_m // tiles.sub_m)
        row = index.mul(arith.remui(number, down), index.constant(tiles.sub_m))
        column = index.mul(arith.divui(number, down), index.constant(tiles.sub_n))
        return lane, row, column

    def _fill(self, stage: int) -> None:
        """Copy tile ``stage`` before the loop."""
        if stage < self.count:
            number = index.constant(stage)
            self._finish(self._begin(number, number), number)
        self._commit()

    def _step(self, k: Any, carried: list[Any]) -> list[Any]:
        arith, stages = dialect("arith"), index.constant(self.tiles.stages)
        if self.asynchronous and self.plan.copies is not None:
            self.plan.copies.wait(self.tiles.stages - 2)
        _meet()
        later = index.add(k, index.constant(self.tiles.stages - 1))
        slot = arith.remui(later, stages)
        begun = self._begin_inside(later, slot)
        self._commit()
        sums = self._multiply(carried, arith.remui(k, stages))
        self._finish(begun, slot)
        return sums

    def _begin_inside(self, later: Any, slot: Any) -> list[list[Any]]:
        """Begin the copy of tile ``later`` where there is one.

        Vectors of a tile that does not exist are read from the first one, and stored for nobody.
        """
        arith, scf = dialect("arith"), dialect("scf")
        exists = arith.cmpi(arith.CmpIPredicate.ult, later, index.constant(self.count))
        begun: list[list[Any]] = []
        for stager in self.stagers:
            if not stager.immediate:
                tile = arith.select(exists, later, index.constant(0))
                begun.append(self._begin_one(stager, tile, slot))
                continue
            branch = scf.IfOp(exists)
            with mlir.InsertionPoint(branch.then_block):
                self._begin_one(stager, later, slot)
                scf.YieldOp([])
            begun.append([])
        return begun

    def _begin(self, tile: Any, slot: Any) -> list[list[Any]]:
        return [self._begin_one(stager, tile, slot) for stager in self.stagers]

    def _begin_one(self, stager: Stager, tile: Any, slot: Any) -> list[Any]:
        inner = index.mul(tile, index.constant(self.tiles.block_k))
        return stager.begin(inner, stager.tile(slot))

    def _finish(self, begun: list[list[Any]], slot: Any) -> None:
        for stager, read in zip(self.stagers, begun, strict=True):
            stager.finish(read, stager.tile(slot))

    def _commit(self) -> None:
        if self.asynchronous and self.plan.copies is not None:
            self.plan.copies.commit()

    def _multiply(self, carried: list[Any], slot: Any) -> list[Any]:
        size = len(carried) // len(self.pieces)
        sums = {piece: carried[n * size : (n + 1) * size] for n, piece in enumerate(self.pieces)}
        left, right = (stager.tile(slot) for stager in self.stagers)
        down, across = (max(p[axis] for p in self.pieces) + 1 for axis in (0, 1))
        for step in range(0, self.tiles.block_k, self.unit.inner):
            at = index.constant(step)
            rows = self.unit.fragments(left, LEFT, self.lane, self.row, at, down)
            columns = self.unit.fragments(right, RIGHT, self.lane, self.column, at, across)
            for i, j in self.pieces:
                sums[i, j] = list(self.unit.multiply(rows[i], columns[j], sums[i, j]))
        return [value for piece in self.pieces for value in sums[piece]]


def _workgroup(side: Side, plan: GpuPlan, at: int) -> Any:
    """The workgroup memory of ``side``, from byte ``at`` on, as a memref of one dimension."""
    dynamic = dialect("gpu").DynamicSharedMemoryOp(mlir.Type.parse(_DYNAMIC)).result
    space = mlir.Attribute.parse(_WORKGROUP)
    count = side.elements * plan.tiles.stages
    type_ = mlir.MemRefType.get([count], side.value.type, memory_space=space)
    return dialect("memref").view(type_, dynamic, index.constant(at), [])


def _meet() -> None:
    """All work-items of the block have come here, and see each other's workgroup memory."""
    space = mlir.ArrayAttr.get([mlir.Attribute.parse(_WORKGROUP)])
    mlir.Operation.create("gpu.barrier", attributes={"address_spaces": space})
