"""The kernel that joins what splits of the keys have found: a work-item for each element.

m = max over splits s of m[s]; result = sum of exp(m[s] - m) r[s] / sum of exp(m[s] - m) t[s]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_block import Block, plain_operand
from pharos.targets.common.attention.gpu_copies import less, when
from pharos.targets.common.attention.gpu_ending import STATISTICS, Partial, inverse, narrowed
from pharos.targets.common.attention.gpu_exponential import scale_change
from pharos.targets.common.attention.gpu_plan import AttentionPlan
from pharos.targets.common.contractions.walk import flat_view
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import scalar

WORK_ITEMS = 128


def grid(plan: AttentionPlan) -> int:
    """Blocks of the kernel."""
    return -(-_elements(plan) // WORK_ITEMS)


def _elements(plan: AttentionPlan) -> int:
    return plan.sizes.batch * plan.sizes.rows * plan.sizes.dv


def write_merge(plan: AttentionPlan, out: Any, partial: Partial) -> None:
    """Write the body; ``out`` stands for the output."""
    gpu = dialect("gpu")
    first = index.mul(gpu.block_id(gpu.Dimension.x), index.constant(WORK_ITEMS))
    number = index.add(first, gpu.thread_id(gpu.Dimension.x))
    total = _elements(plan)
    exists = less(number, total) if total % WORK_ITEMS else None
    when(exists, lambda: _element(plan, out, partial, number))


def _element(plan: AttentionPlan, out: Any, partial: Partial, number: Any) -> None:
    arith, memref, sizes = dialect("arith"), dialect("memref"), plan.sizes
    row, column = _digits(number, sizes.dv)
    rows = sizes.batch * sizes.rows

    def statistic(split: Any, which: int) -> Any:
        at = index.add(index.mul(split, index.constant(rows)), row)
        at = index.add(index.mul(at, index.constant(STATISTICS)), index.constant(which))
        return memref.load(partial.statistics, [at])

    def larger(split: Any, carried: list[Any]) -> list[Any]:
        return [arith.maxnumf(carried[0], statistic(split, 0))]

    def add(split: Any, carried: list[Any]) -> list[Any]:
        weight = scale_change(statistic(split, 0), base)
        at = index.add(index.mul(split, index.constant(rows)), row)
        at = index.add(index.mul(at, index.constant(sizes.dv)), column)
        found = (memref.load(partial.results, [at]), statistic(split, 1))
        return [
            arith.addf(before, arith.mulf(weight, one))
            for before, one in zip(carried, found, strict=True)
        ]

    f32 = mlir.F32Type.get()
    zero, splits = scalar(f32, 0), index.constant(plan.tiles.splits)
    nothing = scalar(f32, float("-inf"))
    (most,) = index.loop(index.constant(0), splits, 1, [nothing], larger)
    empty = arith.cmpf(arith.CmpFPredicate.OEQ, most, nothing)
    base = arith.select(empty, zero, most)
    result, total = index.loop(index.constant(0), splits, 1, [zero, zero], add)
    value = arith.mulf(result, inverse(total, plan))
    _store(plan, out, row, column, value)


def _store(plan: AttentionPlan, out: Any, row: Any, column: Any, value: Any) -> None:
    operand, site = plan.site.out, plan.site
    flat, at = flat_view(plain_operand(operand), out)
    batch, own = _digits(row, plan.sizes.rows)
    numbers = {**_loops(plan, batch, plan.batch), **_loops(plan, own, plan.rows), site.dv: column}
    at = Block.moved(at, operand, numbers)
    element = mlir.MemRefType(flat.type).element_type
    dialect("memref").store(narrowed(value, element), flat, [at])


def _loops(plan: AttentionPlan, number: Any, loops: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for loop in reversed(loops):
        number, found[loop] = _digits(number, plan.size(loop))
    return found


def _digits(number: Any, size: int) -> tuple[Any, Any]:
    arith, divisor = dialect("arith"), index.constant(size)
    return arith.divui(number, divisor), arith.remui(number, divisor)
