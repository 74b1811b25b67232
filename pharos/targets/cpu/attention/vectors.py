"""Vectors of f32 at the insertion point: loads, stores, constants, the exponential of a softmax."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.fast_math.exponentials import EXP_TAIL, LN2_HIGH, LN2_LOW, LOG2E
from pharos.targets.common.fast_math.f32 import F32, ROUND
from pharos.targets.common.nests import index
from pharos.targets.common.nests.body import broadcast

# What a running maximum starts from. Not minus infinity: the difference to itself must be 0.
LOWEST = -3.4028234663852886e38
# exp of less is taken as exp of this, a normal number.
_LEAST = -87.0
# The largest weight of a row is 1, so a sum of less than this has no key in it.
EMPTY = 0.5


class Vectors:
    """Builds operations on vectors of ``width`` numbers of f32."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.type = mlir.VectorType.get([width], mlir.F32Type.get())
        self.f32 = F32(self.type)

    def number(self, value: float) -> Any:
        """A constant on every lane."""
        return self.f32.number(value)

    def load(self, buffer: Any, at: Any) -> Any:
        """The elements from ``at`` on, as f32."""
        element = mlir.MemRefType(buffer.type).element_type
        type_ = mlir.VectorType.get([self.width], element)
        return widened(dialect("vector").load(type_, buffer, [at]))

    def store(self, value: Any, buffer: Any, at: Any) -> None:
        """``value`` to ``at`` and what follows."""
        dialect("vector").store(value, buffer, [at])

    def spread(self, buffer: Any, at: Any) -> Any:
        """The element at ``at`` on every lane."""
        return broadcast(widened(dialect("memref").load(buffer, [at])), self.width)

    def mask(self, count: Any) -> Any:
        """The first ``count`` lanes; all or none for counts beyond."""
        type_ = mlir.VectorType.get([self.width], mlir.IntegerType.get_signless(1))
        return dialect("vector").create_mask(type_, [count])

    def steps(self, first: Any) -> Any:
        """``first``, ``first + 1``, ... as indices."""
        type_ = mlir.VectorType.get([self.width], mlir.IndexType.get())
        return dialect("arith").addi(dialect("vector").step(type_), broadcast(first, self.width))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a b + c"""
        return dialect("vector").fma(a, b, c)

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger one; ``a`` where ``b`` is NaN (one instruction on x86)."""
        return dialect("arith").select(self.f32.less(a, b), b, a)

    def largest(self, a: Any) -> Any:
        """The largest lane, a number; lanes are no NaN."""
        return dialect("vector").reduction(
            mlir.F32Type.get(), mlir.Attribute.parse("#vector.kind<maxnumf>"), a
        )

    def total(self, a: Any) -> Any:
        """The sum of the lanes, a number, in any order."""
        reassociate = mlir.Attribute.parse("#arith.fastmath<reassoc>")
        kind = mlir.Attribute.parse("#vector.kind<add>")
        return dialect("vector").reduction(mlir.F32Type.get(), kind, a, fastmath=reassociate)

    def weight(self, difference: Any) -> Any:
        """e^x for x <= 0; 2^-126 for anything below -87, NaN for NaN."""
        return weight(self.f32, difference)


def weight(f: F32, x: Any) -> Any:
    """e^x for x <= 0, vectors or numbers: 2^n (1 + r + r^2 tail(r)), n = round(x / ln 2).

    2^n is a factor of the last step, so that NaN stays NaN. One constant for ln 2 is enough: the
    error that it leaves, 2e-9 n, is largest where the result is next to nothing.
    """
    a, least = f.arith, f.number(_LEAST)
    x = a.select(f.less(x, least), least, x)
    rounded = f.math.fma(x, f.number(LOG2E), f.number(ROUND))
    r = f.math.fma(a.subf(rounded, f.number(ROUND)), f.number(-(LN2_HIGH + LN2_LOW)), x)
    near = f.math.fma(a.mulf(r, r), f.horner(EXP_TAIL, r), r)
    bits = a.shli(f.bits(rounded), f.integer(23))
    power = f.from_bits(a.addi(bits, f.integer(127 << 23)))
    return f.math.fma(near, power, power)


def widened(value: Any) -> Any:
    """A number, or a vector, of a narrow float type as f32; others as they are."""
    type_ = value.type
    element = type_.element_type if isinstance(type_, mlir.VectorType) else type_
    if not isinstance(element, mlir.FloatType) or element.width >= 32:
        return value
    wide = mlir.F32Type.get()
    if isinstance(type_, mlir.VectorType):
        wide = mlir.VectorType.get(type_.shape, wide)
    return dialect("arith").extf(wide, value)


def narrowed(value: Any, element: Any) -> Any:
    """A vector of f32 rounded to ``element``."""
    if value.type.element_type == element:
        return value
    return dialect("arith").truncf(mlir.VectorType.get(value.type.shape, element), value)


def round_up(number: int, factor: int) -> int:
    """The smallest multiple of ``factor`` that is not below ``number``."""
    return -(-number // factor) * factor


def maximum(a: Any, b: Any) -> Any:
    """The larger of two indices, a constant where both are."""
    left, right = index.known(a), index.known(b)
    if left is not None and right is not None:
        return index.constant(max(left, right))
    return dialect("arith").maxsi(a, b)
