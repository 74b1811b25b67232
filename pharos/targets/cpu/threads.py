"""Work cut into one part per thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index

_SHARED = ("scf.parallel", "scf.forall", "omp.parallel")


def each_thread(
    count: Any,
    step: int,
    threads: int,
    body: Callable[[Any, Any], None],
    *,
    may_be_zero: bool = False,
) -> None:
    """Write ``body(low, high)`` for one part of ``count`` per thread, in multiples of ``step``.

    ``may_be_zero``: ``count`` may be 0, and then nothing runs.
    """
    parts = index.ceil_div(index.ceil_div(count, step), threads)
    if may_be_zero and index.known(parts) in (None, 0):
        # A loop without iterations still needs a positive step.
        parts = dialect("arith").maxsi(parts, index.constant(1))
    chunk = index.mul(parts, index.constant(step))
    loop = dialect("scf").ParallelOp([], [index.constant(0)], [count], [chunk], [])
    block = mlir.Block.create_at_start(loop.regions[0], [mlir.IndexType.get()])
    with mlir.InsertionPoint(block):
        low = block.arguments[0]
        body(low, index.minimum(index.add(low, chunk), count))
        dialect("scf").ReduceOp([], 0)


def each_pair(count: Any, step: int, threads: int, body: Callable[[Any, Any], None]) -> None:
    """The same in two parts per thread, one as far from the start as the other from the end.

    For work that grows or shrinks evenly along ``count``.
    """
    parts = index.ceil_div(index.ceil_div(count, step), 2 * threads)
    chunk = index.mul(parts, index.constant(step))
    ends = index.constant(0), index.constant(threads), index.constant(1)
    loop = dialect("scf").ParallelOp([], *[[end] for end in ends], [])
    block = mlir.Block.create_at_start(loop.regions[0], [mlir.IndexType.get()])
    with mlir.InsertionPoint(block):
        first = block.arguments[0]
        for part in (first, index.sub(index.constant(2 * threads - 1), first)):
            low = index.minimum(index.mul(part, chunk), count)
            body(low, index.minimum(index.add(low, chunk), count))
        dialect("scf").ReduceOp([], 0)


def shared_already(operation: Any) -> bool:
    """Whether ``operation`` is in a loop that threads share already."""
    parent = operation.parent
    while parent is not None:
        if parent.name in _SHARED:
            return True
        parent = parent.parent
    return False
