"""Exponentials of numbers that are not positive: weights, and factors between maxima."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_rows import element
from pharos.targets.common.nests.body import broadcast
from pharos.targets.common.nests.lanes import scalar

Power = Callable[[Any], Any]
"""Two to the power of a number (f32)."""


def exponential(value: Any, base: Any, power: Power | None = None) -> Any:
    """e to the power of ``value - base``, f32 or a vector of it; by the chip's own ``power``, if
    given.

    One multiply-add and a power of two. The exponent is off by a rounding of ``base``, as scores of
    that size are themselves; ``scale_change`` is off by the same.
    """
    f32, arith = mlir.F32Type.get(), dialect("arith")
    count = value.type.shape[0] if isinstance(value.type, mlir.VectorType) else 1
    log = scalar(f32, math.log2(math.e))
    less = arith.negf(arith.mulf(base, log))
    if isinstance(value.type, mlir.VectorType):
        log, less = broadcast(log, count), broadcast(less, count)
    return _power(dialect("math").fma(value, log, less), power)


def scale_change(before: Any, base: Any, power: Power | None = None) -> Any:
    """What turns exponentials with the base ``before`` into those with ``base`` (numbers of
    f32)."""
    arith, log = dialect("arith"), scalar(before.type, math.log2(math.e))
    return _power(arith.subf(arith.mulf(before, log), arith.mulf(base, log)), power)


def _power(exponents: Any, power: Power | None) -> Any:
    """Two to the power of a number, or of each of a vector."""
    if power is None:
        return dialect("math").exp2(exponents)
    if not isinstance(exponents.type, mlir.VectorType):
        return power(exponents)
    found = [power(element(exponents, n)) for n in range(exponents.type.shape[0])]
    return dialect("vector").from_elements(exponents.type, found)
