"""Calls of kernel functions: by one thread, or by all of them, each with its part."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import Nest, trip_count
from pharos.targets.cpu.vector_loops.choice import Choice
from pharos.targets.cpu.vector_loops.functions import Call, emit


def launch(call: Call, nest: Nest, choice: Choice, threads: int, grain: int) -> None:
    """Call the kernel of ``nest`` over all of its split loop, at the insertion point.

    if work >= grain: parallel for lo in 0..n step chunk: call @kernel(lo, lo + chunk, x, w, y)
    else:             call @kernel(0, n, x, w, y)
    """
    sizes = [trip_count(nest, d, nest.operation.operands) for d in range(len(nest.parallel))]
    count = index.constant(1) if choice.split is None else sizes[choice.split]
    if threads == 1 or choice.split is None or _inside_parallel(nest.operation):
        emit(call.name, [index.constant(0), count, *call.arguments])
        return
    work = index.constant(1)
    for size in sizes:
        work = index.mul(work, size)
    step = choice.unroll.get(choice.split, 1)
    if choice.split == choice.vector:
        step = choice.width * 4
    share(call, count, work, step, threads, grain)


def share(call: Call, count: Any, work: Any, step: int, threads: int, grain: int) -> None:
    """Call over ``count`` iterations, shared by threads where ``work`` reaches ``grain``.

    Parts are multiples of ``step``.
    """
    whole = [index.constant(0), count, *call.arguments]
    known = index.known(work)
    if known is not None:
        if known >= grain:
            _parallel(call, count, step, threads)
        else:
            emit(call.name, whole)
        return
    arith, scf = dialect("arith"), dialect("scf")
    enough = arith.cmpi(arith.CmpIPredicate.sge, work, index.constant(grain))
    branch = scf.IfOp(enough, has_else=True)
    with mlir.InsertionPoint(branch.then_block):
        _parallel(call, count, step, threads)
        scf.YieldOp([])
    with mlir.InsertionPoint(branch.else_block):
        emit(call.name, whole)
        scf.YieldOp([])


def _parallel(call: Call, count: Any, step: int, threads: int) -> None:
    """Cut the iterations into one part per thread, in multiples of ``step``."""
    scf = dialect("scf")
    chunk = index.mul(index.ceil_div(index.ceil_div(count, step), threads), index.constant(step))
    loop = scf.ParallelOp([], [index.constant(0)], [count], [chunk], [])
    block = mlir.Block.create_at_start(loop.regions[0], [mlir.IndexType.get()])
    with mlir.InsertionPoint(block):
        low = block.arguments[0]
        high = index.minimum(index.add(low, chunk), count)
        emit(call.name, [low, high, *call.arguments])
        scf.ReduceOp([], 0)


def _inside_parallel(operation: Any) -> bool:
    parent = operation.parent
    while parent is not None:
        if parent.name in ("scf.parallel", "scf.forall", "omp.parallel"):
            return True
        parent = parent.parent
    return False
