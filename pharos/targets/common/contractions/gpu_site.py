"""What the kernel of a contraction sees: its operands as flat memory, and who a work-item is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect
from pharos.targets.common.contractions.contraction import Operand
from pharos.targets.common.contractions.gpu_plan import KernelPlan
from pharos.targets.common.contractions.walk import flat_view, walks
from pharos.targets.common.nests import index

# Blocks of rows that are worked on one after the other for the same columns: what they read of the
# right factor is still in the second cache, and together they read few columns.
_GROUP = 8


class GpuSite:
    """``plan`` inside its kernel; ``arguments`` stand for the plan's values.

    ``thread`` is the number of the work-item in the block, ``batch``, ``row_block`` and
    ``column_block`` are what the block works on.
    """

    def __init__(self, plan: KernelPlan, arguments: Sequence[Any]) -> None:
        self.plan = plan
        self.known = dict(zip(plan.values, arguments, strict=True))
        self.threads = plan.tiles.subgroups() * plan.unit.lanes
        self.thread = dialect("gpu").thread_id(dialect("gpu").Dimension.x)
        self.batch, self.row_block, self.column_block = self._block()
        self._places = {id(o): self._place(o) for o in _operands(plan)}

    def flat(self, operand: Operand) -> Any:
        """The memory of ``operand`` as a memref of one dimension."""
        return self._places[id(operand)][0]

    def origin(self, operand: Operand) -> Any:
        """Where in ``flat`` the block's batch of ``operand`` begins."""
        return self._places[id(operand)][1]

    def _place(self, operand: Operand) -> tuple[Any, Any]:
        flat, first = flat_view(operand, self.known[operand.buffer])
        batch = walks(self.plan.contraction, operand)["batch"]
        return flat, index.add(first, batch.at(self.batch))

    def _block(self) -> tuple[Any, Any, Any]:
        """Batch, block of rows and block of columns of this block."""
        arith, gpu = dialect("arith"), dialect("gpu")
        number = gpu.block_id(gpu.Dimension.x)
        rows, columns = self.plan.blocks()
        batch = index.constant(0)
        if self.plan.extent("batch") > 1:
            batch = arith.divui(number, index.constant(rows * columns))
            number = arith.remui(number, index.constant(rows * columns))
        if rows <= _GROUP or columns == 1:
            row = arith.remui(number, index.constant(rows))
            return batch, row, arith.divui(number, index.constant(rows))
        group = index.constant(_GROUP * columns)
        first = index.mul(arith.divui(number, group), index.constant(_GROUP))
        rest = arith.remui(number, group)
        size = index.minimum(index.sub(index.constant(rows), first), index.constant(_GROUP))
        return batch, index.add(first, arith.remui(rest, size)), arith.divui(rest, size)


def _operands(plan: KernelPlan) -> list[Operand]:
    contraction, finish = plan.contraction, plan.finish
    found = [*contraction.left.operands, *contraction.right.operands, contraction.result]
    if plan.start.operand is not None:
        found.append(plan.start.operand)
    if finish is not None:
        found += [*finish.operands, *finish.results]
    return found
