"""A builder of arithmetic on f32, scalars and vectors alike, for the functions of this folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir

# Adding 1.5 * 2^23 to a small float leaves its nearest whole number in the low mantissa bits.
ROUND = 12582912.0
ROUND_BITS = 0x4B400000


class Arithmetic:
    """Builds arithmetic of one float type, a scalar or a vector, at the insertion point."""

    def __init__(self, type_: Any) -> None:
        self.type = type_
        self.vector = isinstance(type_, mlir.VectorType)
        self.element = type_.element_type if self.vector else type_
        self.int = mlir.IntegerType.get_signless(self.element.width)
        self.int_type = mlir.VectorType.get(type_.shape, self.int) if self.vector else self.int
        self.arith, self.math = dialect("arith"), dialect("math")

    def number(self, value: float) -> Any:
        """A constant; rounded to the type as the nearest."""
        return self._constant(self.type, mlir.FloatAttr.get(self.element, value))

    def integer(self, value: int) -> Any:
        """A constant of the integer type as wide as the float."""
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

    def equal(self, a: Any, b: Any) -> Any:
        """a = b, false when either is NaN."""
        return self.arith.cmpf(self.arith.CmpFPredicate.OEQ, a, b)

    def unordered(self, a: Any, b: Any) -> Any:
        """Whether either is NaN."""
        return self.arith.cmpf(self.arith.CmpFPredicate.UNO, a, b)

    def clamp(self, x: Any, low: float, high: float) -> Any:
        """x between ``low`` and ``high``; NaN stays NaN."""
        lowest, highest = self.number(low), self.number(high)
        x = self.arith.select(self.less(x, lowest), lowest, x)
        return self.arith.select(self.less(highest, x), highest, x)

    def bits(self, x: Any) -> Any:
        """The bits of x as an integer."""
        return self.arith.bitcast(self.int_type, x)

    def from_bits(self, bits: Any) -> Any:
        """The float with these bits."""
        return self.arith.bitcast(self.type, bits)

    def power_of_two(self, n: Any) -> Any:
        """2^n for whole n of normal results, by writing the exponent bits."""
        mantissa, bias = (23, 127) if self.element.width == 32 else (52, 1023)
        exponent = self.arith.addi(n, self.integer(bias))
        return self.from_bits(self.arith.shli(exponent, self.integer(mantissa)))


class F32(Arithmetic):
    """Arithmetic on f32, with a way to f64 and back."""

    @property
    def infinity(self) -> Any:
        return self.number(math.inf)

    def nearest(self, x: Any, factor: float) -> tuple[Any, Any]:
        """round(x * factor) for results below 2^22 in size, as a float and as an i32."""
        rounded = self.math.fma(x, self.number(factor), self.number(ROUND))
        whole = self.arith.subi(self.bits(rounded), self.integer(ROUND_BITS))
        return self.arith.subf(rounded, self.number(ROUND)), whole

    def wide(self) -> Arithmetic:
        """The same on f64, lane for lane."""
        double = mlir.F64Type.get()
        return Arithmetic(mlir.VectorType.get(self.type.shape, double) if self.vector else double)

    def widen(self, x: Any) -> Any:
        """x as f64."""
        return self.arith.extf(self.wide().type, x)

    def narrow(self, x: Any) -> Any:
        """x of f64 rounded to f32."""
        return self.arith.truncf(self.type, x)
