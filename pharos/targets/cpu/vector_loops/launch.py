"""Calls of kernel functions: by one thread, or by all of them, each with its part."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index
from pharos.targets.common.nests.nest import Nest, trip_count
from pharos.targets.cpu.kernels import call
from pharos.targets.cpu.threads import each_thread, shared_already
from pharos.targets.cpu.vector_loops.choice import Choice
from pharos.targets.cpu.vector_loops.functions import Call, Functions


def launch(
    functions: Functions, kernel: Call, nest: Nest, choice: Choice, threads: int, grain: int
) -> None:
    """Call the ``kernel`` of ``nest`` over all of its split loop, at the insertion point.

    if work >= grain: parallel for lo in 0..n step chunk: call @kernel(lo, lo + chunk, x, w, y)
    else:             call @kernel(0, n, x, w, y)
    """
    sizes = [trip_count(nest, d, nest.operation.operands) for d in range(len(nest.parallel))]
    count = index.constant(1) if choice.split is None else sizes[choice.split]
    if threads == 1 or choice.split is None or shared_already(nest.operation):
        call(kernel.name, [index.constant(0), count, *kernel.arguments])
        return
    work = index.constant(1)
    for size in sizes:
        work = index.mul(work, size)
    step = choice.unroll.get(choice.split, 1)
    if choice.split == choice.vector:
        step = choice.width * 4
    share(functions, kernel, count, work, step, threads, grain)


def share(
    functions: Functions, kernel: Call, count: Any, work: Any, step: int, threads: int, grain: int
) -> None:
    """Call over ``count`` iterations, shared by threads where ``work`` reaches ``grain``.

    Parts are multiples of ``step``.
    """
    whole = [index.constant(0), count, *kernel.arguments]
    known = index.known(work)
    if known is not None:
        if known >= grain:
            _parallel(functions, kernel, count, step, threads)
        else:
            call(kernel.name, whole)
        return
    arith, scf = dialect("arith"), dialect("scf")
    enough = arith.cmpi(arith.CmpIPredicate.sge, work, index.constant(grain))
    branch = scf.IfOp(enough, has_else=True)
    with mlir.InsertionPoint(branch.then_block):
        _parallel(functions, kernel, count, step, threads)
        scf.YieldOp([])
    with mlir.InsertionPoint(branch.else_block):
        call(kernel.name, whole)
        scf.YieldOp([])


def _parallel(functions: Functions, kernel: Call, count: Any, step: int, threads: int) -> None:
    """Cut the iterations into one part per thread, in multiples of ``step``."""
    known = index.known(count)

    def write(values: list[Any]) -> None:
        whole = values[0] if known is None else index.constant(known)
        rest = values if known is not None else values[1:]
        each_thread(whole, step, threads, lambda low, high: call(kernel.name, [low, high, *rest]))

    arguments = [*([count] if known is None else []), *kernel.arguments]
    call(functions.sharing(kernel, arguments, write), arguments)
