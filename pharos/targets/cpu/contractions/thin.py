"""Products of few rows, which are faster without packing.

    y[m, n] += x[m, k] * w[n, k]        m up to 16, k the fastest loop in memory of both

Packing ``w`` reads, transposes and writes each of its elements, to use it ``m`` times. Vector loops
along k read it where it lies. One thread, ``w`` of 1024 x 256 and of 2048 x 2048, microseconds:

    m              4            8            16
    packed         85  2317     96  2784     127  3339
    vector loops   40  1058     66  1662     117  2692

In a loop that does not change ``w`` it is packed once, before (``ahead``), which is faster again.
"""

from __future__ import annotations

from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction

# Rows up to which packing does not pay, and the least length of the other loops.
_FEW, _LONG = 16, 64


def of_few_rows(contraction: Contraction) -> bool:
    """Whether ``contraction`` is a product of f32 with few rows (or columns) and long inner
    loops that are the fastest in memory on both sides."""
    nest = contraction.nest
    batch, rows, columns, inner = (
        contraction.extent(loops)
        for loops in (
            contraction.batch,
            contraction.rows,
            contraction.columns,
            contraction.inner,
        )
    )
    if batch != 1 or rows is None or columns is None or inner is None:
        return False
    if min(rows, columns) > _FEW or max(rows, columns) < _LONG or inner < _LONG:
        return False
    if len(nest.inputs) != 2 or len(contraction.inner) != 1 or _sums_of_loops(contraction):
        return False
    return all(
        isinstance(access.element, mlir.F32Type) and access.contiguous(contraction.inner[0])
        for access in nest.inputs
    )


def _sums_of_loops(contraction: Contraction) -> bool:
    """Whether some dimension is reached by a sum of loops, as in a convolution."""
    factors = (*contraction.left.operands, *contraction.right.operands)
    return any(len(factor) > 1 for operand in factors for factor in operand.factors)
