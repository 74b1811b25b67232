"""The warp-specialised kernel: one warpgroup brings tiles, the others multiply them.

    producer (one work-item):                    consumers (64 rows each):
      for tile k:                                  for tile k:
        wait until stage k % stages is empty         wait until stage k % stages is full
        announce its bytes, copy both tiles          wgmma, four times 16 inner steps
                                                     tile k - 1 is done: its stage is empty
                                                   finish the sums, write the result

Barriers: a stage is full when all announced bytes are there; it is empty when one lane of each
consuming warp said so (a warp that waits for its own products knows nothing of other warps).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.ending import Ending
from pharos.targets.common.contractions.gpu_plan import KernelPlan
from pharos.targets.common.contractions.gpu_site import GpuSite
from pharos.targets.common.contractions.tiles import trips
from pharos.targets.common.gpu.kernels import launched
from pharos.targets.common.nests import index
from pharos.targets.nvidia.warpgroups import instructions as asm
from pharos.targets.nvidia.warpgroups.factors import STEPS, MappedFactor

WARPGROUP = 128
_WARPS = 4
_INNER = 16  # steps of one wgmma
_DYNAMIC = "memref<?xi8, #gpu.address_space<workgroup>>"
# Registers of producer and consumers where two of these leave each work-item 168 at the start:
# 40 x 128 + 232 x 256 fit the 65536.
_FEW, _MANY = 40, 232


@dataclass(frozen=True, kw_only=True)
class WarpgroupPlan(KernelPlan):
    """A kernel whose factors come by TMA. A block has ``block_m / 64`` consuming warpgroups."""

    left: MappedFactor
    right: MappedFactor

    @property
    def stage_bytes(self) -> int:
        """Bytes of both tiles of a stage."""
        return self.left.tile_bytes + self.right.tile_bytes

    @property
    def shared_bytes(self) -> int:
        """Bytes of shared memory: the tiles of all stages, and two barriers for each."""
        return self.tiles.stages * (self.stage_bytes + 16)

    @property
    def consumers(self) -> int:
        """Warpgroups that multiply."""
        return self.tiles.block_m // self.unit.rows


def write_kernel(plan: WarpgroupPlan, name: str) -> None:
    """Write the kernel of ``plan`` into its module, and launch it where the contraction stands."""
    rows, columns = plan.blocks()
    values = list(plan.values)
    maps = {values.index(f.operand.buffer): f.tensor_map() for f in (plan.left, plan.right)}
    with launched(
        plan.contraction.nest.operation,
        name,
        values,
        grid=[rows * columns * plan.extent("batch")],
        block=[WARPGROUP * (plan.consumers + 1)],
        dynamic_shared=plan.shared_bytes,
        described={number: map_.to_data() for number, map_ in maps.items()},
    ) as kernel:
        _Writer(plan, kernel.arguments).write()


class _Writer:
    """Writes the body of a kernel at the insertion point."""

    def __init__(self, plan: WarpgroupPlan, arguments: tuple[Any, ...]) -> None:
        self.plan, self.stages = plan, plan.tiles.stages
        self.site = GpuSite(plan, arguments)
        dynamic = dialect("gpu").DynamicSharedMemoryOp(mlir.Type.parse(_DYNAMIC)).result
        self.shared = asm.address_of(dynamic)
        self.first_row = index.mul(self.site.row_block, index.constant(plan.tiles.block_m))
        self.first_column = index.mul(self.site.column_block, index.constant(plan.tiles.block_n))
        self.count = trips(plan.extent("inner"), STEPS)
        self.maps = [
            asm.generic_pointer(asm.address_of(self.site.known[f.operand.buffer]))
            for f in (plan.left, plan.right)
        ]

    def write(self) -> None:
        """Write all of it."""
        arith, scf = dialect("arith"), dialect("scf")
        self._begin()
        warpgroup = arith.divui(self.site.thread, index.constant(WARPGROUP))
        branch = scf.IfOp(_equal(warpgroup, 0), has_else=True)
        with mlir.InsertionPoint(branch.then_block):
            self._produce()
            scf.YieldOp([])
        with mlir.InsertionPoint(branch.else_block):
            self._consume(index.sub(warpgroup, index.constant(1)))
            scf.YieldOp([])

    def _begin(self) -> None:
        """One work-item makes the barriers; all wait for it."""
        scf = dialect("scf")
        branch = scf.IfOp(_equal(self.site.thread, 0))
        with mlir.InsertionPoint(branch.then_block):
            for map_ in self.maps:
                asm.prefetch_map(map_)
            for stage in range(self.stages):
                asm.barrier_init(self._full(index.constant(stage)), 1)
                asm.barrier_init(self._empty(index.constant(stage)), _WARPS * self.plan.consumers)
            asm.barriers_are_ready()
            scf.YieldOp([])
        mlir.Operation.create("gpu.barrier")

    def _produce(self) -> None:
        if self.plan.consumers > 1:
            asm.registers(_FEW, more=False)
        scf = dialect("scf")
        branch = scf.IfOp(_equal(self.site.thread, 0))
        with mlir.InsertionPoint(branch.then_block):
            index.loop(index.constant(0), index.constant(self.count), 1, [], self._bring)
            scf.YieldOp([])

    def _bring(self, k: Any, carried: list[Any]) -> list[Any]:
        """Tile ``k`` of both factors, when its stage is empty: at first all of them are."""
        stage, parity = self._turn(k)
        asm.barrier_wait(self._empty(stage), index.sub(index.constant(1), parity))
        asm.barrier_expect(self._full(stage), self.plan.stage_bytes)
        inner = index.mul(k, index.constant(STEPS))
        firsts = (self.first_row, self.first_column)
        for number, factor in enumerate((self.plan.left, self.plan.right)):
            for line in factor.boxes():
                at = [inner, index.add(firsts[number], index.constant(line))]
                at = at if factor.k_major else at[::-1]
                at += [self.site.batch] if factor.batch > 1 else []
                target = self._tile(number, stage, factor.place(line))
                asm.tensor_copy(target, self.maps[number], at, self._full(stage))
        return carried

    def _consume(self, number: Any) -> None:
        """The part of consumer ``number``."""
        if self.plan.consumers > 1:
            asm.registers(_MANY, more=True)
        arith, rows = dialect("arith"), self.plan.unit.rows
        lane = arith.remui(self.site.thread, index.constant(WARPGROUP))
        row = index.mul(number, index.constant(rows))

        def step(k: Any, sums: list[Any]) -> list[Any]:
            stage, parity = self._turn(k)
            asm.barrier_wait(self._full(stage), parity)
            sums = [self._multiply(stage, number, sums[0])]
            self._release(k, lane)
            return sums

        zero = list(self.plan.unit.zero())
        found = index.loop(index.constant(0), index.constant(self.count), 1, zero, step)
        asm.wait(0)
        ending = Ending(self.site, index.add(self.first_row, row), self.first_column, lane)
        ending.write({(0, 0): found})

    def _multiply(self, stage: Any, number: Any, sums: Any) -> Any:
        """The products of one tile are begun; those of the tile before have ended."""
        left, right = self.plan.left, self.plan.right
        own = index.mul(number, index.constant(left.place(self.plan.unit.rows)))
        a = _descriptor(left, index.add(self._tile(0, stage, 0), own))
        b = _descriptor(right, self._tile(1, stage, 0))
        asm.fence()
        for step in range(STEPS // _INNER):
            sums = asm.multiply(
                _moved(a, step * left.step_bytes),
                _moved(b, step * right.step_bytes),
                sums,
                self.plan.unit.columns,
                left.element,
                (left.k_major, right.k_major),
            )
        asm.commit()
        asm.wait(1)
        return sums

    def _release(self, k: Any, lane: Any) -> None:
        """The stage of tile ``k - 1`` is empty, says one lane of each warp."""
        arith, scf = dialect("arith"), dialect("scf")
        first = _equal(arith.remui(lane, index.constant(32)), 0)
        later = arith.cmpi(arith.CmpIPredicate.ne, k, index.constant(0))
        branch = scf.IfOp(arith.andi(first, later))
        with mlir.InsertionPoint(branch.then_block):
            stage, _ = self._turn(index.sub(k, index.constant(1)))
            asm.barrier_arrive(self._empty(stage))
            scf.YieldOp([])

    def _turn(self, k: Any) -> tuple[Any, Any]:
        """The stage of tile ``k``, and the parity of how often it was used before."""
        arith, stages = dialect("arith"), index.constant(self.stages)
        return arith.remui(k, stages), arith.remui(arith.divui(k, stages), index.constant(2))

    def _tile(self, number: int, stage: Any, further: int) -> Any:
        """The address ``further`` bytes into the tile of factor ``number``."""
        factor = (self.plan.left, self.plan.right)[number]
        begin = number * self.stages * self.plan.left.tile_bytes + further
        at = index.mul(stage, index.constant(factor.tile_bytes))
        return index.add(index.add(self.shared, index.constant(begin)), at)

    def _full(self, stage: Any) -> Any:
        """The address of the barrier that tells when ``stage`` is full."""
        begin = index.constant(self.stages * self.plan.stage_bytes)
        return index.add(index.add(self.shared, begin), index.mul(stage, index.constant(16)))

    def _empty(self, stage: Any) -> Any:
        return index.add(self._full(stage), index.constant(8))


def _equal(value: Any, number: int) -> Any:
    arith = dialect("arith")
    return arith.cmpi(arith.CmpIPredicate.eq, value, index.constant(number))


def _descriptor(factor: MappedFactor, address: Any) -> Any:
    """The descriptor of a matrix at ``address``: bits 4 to 17 of it, and the factor's constants."""
    arith, i64 = dialect("arith"), mlir.IntegerType.get_signless(64)

    def number(value: int) -> Any:
        return arith.ConstantOp(i64, value).result

    at = arith.andi(arith.shrui(index.cast(address, i64), number(4)), number(0x3FFF))
    return arith.ori(at, number(factor.descriptor()))


def _moved(descriptor: Any, bytes_: int) -> Any:
    arith, i64 = dialect("arith"), mlir.IntegerType.get_signless(64)
    if not bytes_:
        return descriptor
    return arith.addi(descriptor, arith.ConstantOp(i64, bytes_ >> 4).result)
