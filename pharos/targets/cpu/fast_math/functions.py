"""Each function as arithmetic on f32 scalars or vectors, beside its accuracy.

Accuracy is the largest error in units in the last place over all finite inputs, measured by the
test that runs them; infinities, NaN and denormal results are as in C's libm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir

# From `fit`; the test there compares.
EXP_TAIL = (
    0.001381459878757596,
    0.008368716575205326,
    0.04166838899254799,
    0.1666652113199234,
    0.4999999403953552,
)
TANH_TAIL = (
    -0.005704987328499556,
    0.0206390880048275,
    -0.05373971536755562,
    0.13331441581249237,
    -0.3333328068256378,
)
LOG2E = 1.4426950408889634
# ln(2) in two parts: the first has so few bits that its products with whole numbers are exact.
LN2_HIGH, LN2_LOW = 0.693145751953125, 1.428606765330187e-06
# Adding 1.5 * 2^23 to a small float leaves its nearest whole number in the low mantissa bits.
ROUND = 12582912.0
ROUND_BITS = 0x4B400000


class F32:
    """Builds f32 arithmetic of one type, a scalar or a vector, at the insertion point."""

    def __init__(self, type_: Any) -> None:
        self.type = type_
        self.int = mlir.IntegerType.get_signless(32)
        self.vector = isinstance(type_, mlir.VectorType)
        self.int_type = mlir.VectorType.get(type_.shape, self.int) if self.vector else self.int
        self.arith, self.math = dialect("arith"), dialect("math")

    def number(self, value: float) -> Any:
        """A constant."""
        return self._constant(self.type, mlir.FloatAttr.get(mlir.F32Type.get(), value))

    def integer(self, value: int) -> Any:
        """An i32 constant."""
        return self._constant(self.int_type, mlir.IntegerAttr.get(self.int, value))

    def _constant(self, type_: Any, attribute: Any) -> Any:
        if self.vector:
            attribute = mlir.DenseElementsAttr.get_splat(type_, attribute)
        return self.arith.ConstantOp(type_, attribute).result

    def horner(self, coefficients: Sequence[float], x: Any) -> Any:
        """The polynomial with these coefficients, highest power first."""
        value = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            value = self.math.fma(value, x, self.number(coefficient))
        return value

    def less(self, a: Any, b: Any) -> Any:
        """a < b, false when either is NaN."""
        return self.arith.cmpf(self.arith.CmpFPredicate.OLT, a, b)

    def clamp(self, x: Any, low: float, high: float) -> Any:
        """x between ``low`` and ``high``; NaN stays NaN."""
        lowest, highest = self.number(low), self.number(high)
        x = self.arith.select(self.less(x, lowest), lowest, x)
        return self.arith.select(self.less(highest, x), highest, x)


def exp(f: F32, x: Any) -> Any:
    """e^x within 1 ulp: 2^n e^r with n = round(x / ln 2), |r| <= ln(2) / 2."""
    a = f.arith
    x = f.clamp(x, -105.0, 89.0)
    rounded = f.math.fma(x, f.number(LOG2E), f.number(ROUND))
    n = a.subf(rounded, f.number(ROUND))
    r = f.math.fma(n, f.number(-LN2_HIGH), x)
    r = f.math.fma(n, f.number(-LN2_LOW), r)
    tail = f.horner(EXP_TAIL, r)
    p = a.addf(f.math.fma(a.mulf(r, r), tail, r), f.number(1.0))
    # 2^n as two factors: their product may be a denormal or overflow where 2^n itself could not
    # be written down.
    whole = a.subi(a.bitcast(f.int_type, rounded), f.integer(ROUND_BITS))
    half = a.shrsi(whole, f.integer(1))
    return a.mulf(a.mulf(p, _power_of_two(f, half)), _power_of_two(f, a.subi(whole, half)))


def _power_of_two(f: F32, n: Any) -> Any:
    """2^n for whole -126 <= n <= 127, by writing the exponent bits."""
    bits = f.arith.shli(f.arith.addi(n, f.integer(127)), f.integer(23))
    return f.arith.bitcast(f.type, bits)


def tanh(f: F32, x: Any) -> Any:
    """tanh x within 2 ulp: a polynomial of |x| up to 0.625, 1 - 2 / (e^2|x| + 1) beyond."""
    a = f.arith
    size = f.math.absf(x)
    z = a.mulf(x, x)
    near = f.math.fma(a.mulf(size, z), f.horner(TANH_TAIL, z), size)
    growth = exp(f, a.addf(size, size))
    quotient = a.divf(f.number(2.0), a.addf(growth, f.number(1.0)))
    far = a.subf(f.number(1.0), quotient)
    return f.math.copysign(a.select(f.less(size, f.number(0.625)), near, far), x)


FUNCTIONS: dict[str, Callable[[F32, Any], Any]] = {"math.exp": exp, "math.tanh": tanh}
