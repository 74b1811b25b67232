"""What splits of the keys found becomes one result, by operations for the stages that follow.

most[b, m] = max over s of most[s, b, m]
total[b, m] = sum over s of e^(most[s, b, m] - most[b, m]) total[s, b, m]
out[b, m, d] = sum over s of e^(most[s, b, m] - most[b, m]) sums[s, b, m, d] / total[b, m]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.xegpu.attention.ending import STATISTICS, Partial
from pharos.targets.xegpu.attention.problem import Problem
from pharos.targets.xegpu.contractions.matrices import Matrix

_WIDTH = 16  # f32 of a line of 64 bytes


def partial_buffers(problem: Problem, splits: int) -> Partial:
    """Buffers for ``splits`` of the keys, made at the insertion point."""
    width = -(-problem.dv // _WIDTH) * _WIDTH
    made = [_buffer(problem, splits, size) for size in (width, STATISTICS, STATISTICS)]
    return Partial(*made)


def join(problem: Problem, partial: Partial) -> list[Any]:
    """Write the result at the insertion point; gives the buffers made for it."""
    batch = len(problem.batch_sizes)
    splits, columns = batch + 2, batch + 1
    row = [*range(batch), batch]
    each = [splits, *row]
    shape = [*problem.batch_sizes, problem.m]
    most = _filled(shape, -math.inf)
    loops = ["parallel"] * (batch + 2) + ["reduction"]
    first = [_first_column(matrix) for matrix in (partial.most, partial.total)]
    # Columns are no loop of what has none.
    lines = ["parallel"] * (batch + 1) + ["reduction"]
    line_each = [batch + 1, *row]
    arith = dialect("arith")
    _generic(lines, [(first[0], line_each)], (most, row), lambda a: arith.maximumf(a[1], a[0]))
    total = _filled(shape, 0.0)
    _generic(
        lines,
        [(first[0], line_each), (first[1], line_each), (most, row)],
        (total, row),
        lambda a: arith.addf(a[3], arith.mulf(_factor(a[0], a[2]), a[1])),
    )
    sums = _filled([*shape, problem.dv], 0.0)
    _generic(
        loops,
        [(_columns(partial.sums, problem.dv), [*each, columns]), (first[0], each), (most, row)],
        (sums, [*row, columns]),
        lambda a: arith.addf(a[3], arith.mulf(_factor(a[1], a[2]), a[0])),
    )
    _divide(problem, sums, total)
    return [most, total, sums]


def _divide(problem: Problem, sums: Any, total: Any) -> None:
    """``sums`` / ``total`` into the result."""
    site, batch = problem.site, len(problem.batch_sizes)
    loop_of = {loop: number for number, loop in enumerate((*problem.batch, problem.rows))}
    loop_of[site.dv] = batch + 1
    row = list(range(batch + 1))
    _generic(
        ["parallel"] * (batch + 2),
        [(sums, [*row, batch + 1]), (total, row)],
        (site.out.buffer, [loop_of[loop] for loop in site.out.loops]),
        lambda a: _quotient(a[0], a[1], a[2].type, site.empty_rows),
    )


def _quotient(value: Any, total: Any, kind: Any, empty_rows: str) -> Any:
    arith, f32 = dialect("arith"), mlir.F32Type.get()
    found = arith.divf(value, total)
    if empty_rows == "zero":
        zero = arith.constant(f32, 0.0)
        none = arith.cmpf(arith.CmpFPredicate.OEQ, total, zero)
        found = arith.select(none, zero, found)
    return found if kind == f32 else arith.truncf(kind, found)


def _factor(most: Any, highest: Any) -> Any:
    """e^(most - highest), zero for a split that saw nothing."""
    arith, math_ = dialect("arith"), dialect("math")
    f32 = mlir.F32Type.get()
    nothing = arith.constant(f32, -math.inf)
    none = arith.cmpf(arith.CmpFPredicate.OEQ, most, nothing)
    zero = arith.constant(f32, 0.0)
    return arith.select(none, zero, math_.exp(arith.subf(most, highest)))


def _buffer(problem: Problem, splits: int, width: int) -> Matrix:
    shape = [splits, *problem.batch_sizes, problem.m, width]
    kind = mlir.MemRefType.get(shape, mlir.F32Type.get())
    buffer = dialect("memref").AllocOp(kind, [], [], alignment=64).result
    strides, _ = kind.get_strides_and_offset()
    return Matrix(buffer, "f32", problem.m, width, width, 1, tuple(strides[:-2]), 0, 0)


def _filled(shape: Sequence[int], value: float) -> Any:
    """A new buffer of f32 full of ``value``."""
    kind = mlir.MemRefType.get(list(shape), mlir.F32Type.get())
    buffer = dialect("memref").AllocOp(kind, [], [], alignment=64).result
    loops = list(range(len(shape)))
    number = dialect("arith").constant(mlir.F32Type.get(), value)
    _generic(["parallel"] * len(shape), [], (buffer, loops), lambda a: number)
    return buffer


def _first_column(matrix: Matrix) -> Any:
    """The first column of every row of a buffer, without its dimension."""
    shape = list(matrix.buffer.type.shape)
    strides, _ = matrix.buffer.type.get_strides_and_offset()
    layout = mlir.StridedLayoutAttr.get(0, strides[:-1])
    kind = mlir.MemRefType.get(shape[:-1], mlir.F32Type.get(), layout)
    return dialect("memref").SubViewOp(
        kind, matrix.buffer, [], [], [], [0] * len(shape), [*shape[:-1], 1], [1] * len(shape)
    ).result  # fmt: skip


def _columns(matrix: Matrix, count: int) -> Any:
    """The first ``count`` columns."""
    shape = list(matrix.buffer.type.shape)
    begin, steps = [0] * len(shape), [1] * len(shape)
    return dialect("memref").subview(matrix.buffer, begin, [*shape[:-1], count], steps)


def _generic(
    kinds: Sequence[str],
    inputs: Sequence[tuple[Any, Sequence[int]]],
    target: tuple[Any, Sequence[int]],
    value: Callable[[list[Any]], Any],
) -> None:
    """A generic that writes ``value(elements)``; operands come with the loops of their
    dimensions."""
    linalg, operands = dialect("linalg"), [*inputs, target]
    maps = [
        mlir.AffineMap.get(len(kinds), 0, [mlir.AffineExpr.get_dim(d) for d in loops])
        for _, loops in operands
    ]
    iterators = [mlir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
    generic = linalg.GenericOp(
        [],
        [buffer for buffer, _ in inputs],
        [target[0]],
        mlir.ArrayAttr.get([mlir.AffineMapAttr.get(one) for one in maps]),
        mlir.ArrayAttr.get(iterators),
    )
    elements = [buffer.type.element_type for buffer, _ in operands]
    places = [mlir.Location.current] * len(elements)
    block = generic.regions[0].blocks.append(*elements, arg_locs=places)
    with mlir.InsertionPoint(block):
        linalg.YieldOp([value(list(block.arguments))])
