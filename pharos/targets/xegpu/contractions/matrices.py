"""A contraction read as products of matrices, and how each matrix lies in memory.

    C[batch, m, n] += A[batch, m, k] * B[batch, k, n]

Loops of one role whose steps nest (a batch of sequences times one weight) become one dimension;
leading row and column loops that do not become batch loops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.targets.common.contractions.contraction import Contraction, Factor, Operand, is_known

BYTES = {"f16": 2, "bf16": 2, "f32": 4}
_MATRIX_ELEMENTS = ("f16", "bf16")
_CONVERSIONS = ("arith.extf",)


@dataclass(frozen=True)
class Matrix:
    """Matrices of ``rows`` x ``columns`` elements of ``dtype`` in the memref ``buffer``.

    Steps count elements; a step is 0 along what the matrix does not depend on. It begins ``start``
    elements after the first of the memref, ``offset`` elements after the beginning of memory
    (None when that is known only where the kernel is launched).
    """

    buffer: Any
    dtype: str
    rows: int
    columns: int
    row_step: int
    column_step: int
    batch_steps: tuple[int, ...] = ()
    start: int = 0
    offset: int | None = 0

    @property
    def turned(self) -> bool:
        """Whether neighbours in memory are in one column: the matrix is stored transposed."""
        return self.column_step != 1 and self.row_step == 1

    @property
    def surface(self) -> tuple[int, int, int]:
        """Height, width and pitch in elements of what lies in memory."""
        if self.turned:
            return self.columns, self.rows, self.column_step
        return self.rows, self.columns, self.row_step


@dataclass(frozen=True)
class Product:
    """``batch`` products of an ``m`` x ``k`` and a ``k`` x ``n`` matrix.

    ``loops`` are the batch loops of the contraction, slowest first, with ``batch_sizes``;
    ``row_loops`` and ``column_loops`` those that became one dimension.
    """

    m: int
    n: int
    k: int
    batch_sizes: tuple[int, ...]
    a: Matrix
    b: Matrix
    c: Matrix
    loops: tuple[int, ...]
    row_loops: tuple[int, ...]
    column_loops: tuple[int, ...]
    sizes: tuple[int | None, ...]

    @property
    def batch(self) -> int:
        return math.prod(self.batch_sizes)


def read_product(contraction: Contraction) -> Product | None:
    """The product that matrix instructions can compute; None when they cannot.

    They take f16 or bf16 factors (both the same, read as they are or widened), add in f32, and
    need sizes and strides that are known.
    """
    sizes = contraction.sizes
    if None in sizes or 0 in sizes:
        return None
    left, right = _plain(contraction.left), _plain(contraction.right)
    if left is None or right is None or str(left.type.element_type) not in _MATRIX_ELEMENTS:
        return None
    result = contraction.result
    if left.type.element_type != right.type.element_type:
        return None
    if str(result.type.element_type) not in BYTES:
        return None
    steps = [_steps(operand) for operand in (left, right, result)]
    if any(s is None for s in steps):
        return None
    return _arranged(contraction, (left, right, result), [s or {} for s in steps])


def matrix_of(product: Product, operand: Operand) -> Matrix | None:
    """``operand`` (of a start or finish) over the rows and columns of ``product``; None when its
    steps do not nest as those of the result do."""
    steps = _steps(operand)
    if steps is None or str(operand.type.element_type) not in BYTES:
        return None
    row = _joined(product.row_loops, product.sizes, steps)
    column = _joined(product.column_loops, product.sizes, steps)
    if row is None or column is None:
        return None
    batch = tuple(steps.get(loop, 0) for loop in product.loops)
    return _matrix(operand, product.m, product.n, row, column, batch)


def _plain(factor: Factor) -> Operand | None:
    """The operand that ``factor`` reads and does not compute with; widening is free."""
    value = factor.value
    while value not in factor.arguments:
        owner = value.owner
        if getattr(owner, "name", "") not in _CONVERSIONS:
            return None
        value = owner.operands[0]
    return factor.operands[factor.arguments.index(value)] if len(factor.operands) == 1 else None


def _steps(operand: Operand) -> dict[int, int] | None:
    """Elements that one step of each loop moves by; None when one is not known."""
    found = {}
    for loop, step in operand.steps().items():
        if step is None:
            return None
        found[loop] = step
    return found


def _arranged(
    contraction: Contraction, operands: Sequence[Operand], steps: Sequence[dict[int, int]]
) -> Product | None:
    left, right, result = steps
    sizes = contraction.sizes
    rows, outer_rows = _nested(contraction.rows, sizes, (left, result))
    columns, outer_columns = _nested(contraction.columns, sizes, (right, result))
    inner = _order(contraction.inner, left)
    inner, rest = _nested(inner, sizes, (left, right))
    if rest:
        return None
    loops = (*contraction.batch, *outer_rows, *outer_columns)
    m, n, k = (math.prod(sizes[x] or 1 for x in role) for role in (rows, columns, inner))
    roles = ((rows, inner), (inner, columns), (rows, columns))
    extents = ((m, k), (k, n), (m, n))
    made = []
    for operand, step, (first, second), extent in zip(operands, steps, roles, extents, strict=True):
        row, column = _joined(first, sizes, step), _joined(second, sizes, step)
        assert row is not None and column is not None
        batch = tuple(step.get(loop, 0) for loop in loops)
        made.append(_matrix(operand, *extent, row, column, batch))
    batch_sizes = tuple(sizes[loop] or 1 for loop in loops)
    a, b, c = made
    return Product(m, n, k, batch_sizes, a, b, c, loops, tuple(rows), tuple(columns), sizes)


def _order(loops: Sequence[int], steps: dict[int, int]) -> tuple[int, ...]:
    """``loops`` with the largest step first."""
    return tuple(sorted(loops, key=lambda loop: -steps.get(loop, 0)))


def _nested(
    loops: Sequence[int], sizes: Sequence[int | None], operands: Sequence[dict[int, int]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The fastest of ``loops`` that are one dimension in all ``operands``, and the others."""
    for first in range(len(loops)):
        if all(_joined(loops[first:], sizes, steps) is not None for steps in operands):
            return tuple(loops[first:]), tuple(loops[:first])
    return (), tuple(loops)


def _joined(loops: Sequence[int], sizes: Sequence[int | None], steps: dict[int, int]) -> int | None:
    """The step of ``loops`` as one dimension, slowest first; None when they are not one."""
    if not loops:
        return 0
    step = last = steps.get(loops[-1], 0)
    for loop in reversed(loops):
        if steps.get(loop, 0) != step:
            return None
        step *= sizes[loop] or 1
    return last


def _matrix(
    operand: Operand, rows: int, columns: int, row: int, column: int, batch: tuple[int, ...]
) -> Matrix:
    """The matrix; a dimension of one element gets the step that suits the other."""
    if columns == 1 and column == 0:
        column = rows if row == 1 and rows > 1 else 1
    if rows == 1 and row == 0:
        row = columns if column in (0, 1) else 1
    strides, offset = operand.type.get_strides_and_offset()
    start = sum(s * t for s, t in zip(strides, operand.starts, strict=True))
    known = offset + start if is_known(offset) else None
    element = str(operand.type.element_type)
    return Matrix(operand.buffer, element, rows, columns, row, column, batch, start, known)
