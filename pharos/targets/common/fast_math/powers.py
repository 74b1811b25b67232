"""x^y on f32, as C's powf defines it at every special value.

2^(y log2 |x|) in f64, whose 53 bits leave room for the error of the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pharos.targets.common.fast_math.f32 import F32, Arithmetic

_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_MANTISSA = (1 << 52) - 1
# ln((1 + s) / (1 - s)) = 2 s (1 + s^2/3 + s^4/5 + ...), |s| <= 0.172: seven terms leave 1e-12.
_ATANH = tuple(1 / (2 * k + 1) for k in range(7, -1, -1))
# e^t for |t| <= ln(2) / 2: nine terms leave 1e-11.
_EXP = tuple(1 / math.factorial(k) for k in range(9, -1, -1))
_ROUND = 1.5 * 2.0**52


def powf(f: F32, x: Any, y: Any) -> Any:
    """x^y."""
    a, wide = f.arith, f.wide()
    size = f.math.absf(x)
    logarithm = _log2(wide, f.widen(size))
    logarithm = a.select(f.equal(size, f.number(0.0)), wide.number(-math.inf), logarithm)
    logarithm = a.select(f.equal(size, f.infinity), wide.number(math.inf), logarithm)
    value = f.narrow(_exp2(wide, a.mulf(f.widen(y), logarithm)))
    return _special(f, x, y, _signed(f, x, y, value))


def _log2(w: Arithmetic, x: Any) -> Any:
    """log2 x of normal f64 x > 0."""
    a = w.arith
    offset = w.integer(_SQRT_HALF_BITS)
    bits = a.subi(w.bits(x), offset)
    whole = a.sitofp(w.type, a.shrsi(bits, w.integer(52)))
    m = w.from_bits(a.addi(a.andi(bits, w.integer(_MANTISSA)), offset))
    s = a.divf(a.subf(m, w.number(1.0)), a.addf(m, w.number(1.0)))
    series = w.horner(_ATANH, a.mulf(s, s))
    return w.math.fma(a.mulf(s, w.number(2 / math.log(2))), series, whole)


def _exp2(w: Arithmetic, t: Any) -> Any:
    """2^t in f64, t beyond what f32 can hold cut off; NaN stays NaN."""
    a = w.arith
    t = w.clamp(t, -200.0, 200.0)
    rounded = a.addf(t, w.number(_ROUND))
    r = a.subf(t, a.subf(rounded, w.number(_ROUND)))
    whole = a.subi(w.bits(rounded), w.bits(w.number(_ROUND)))
    value = w.horner(_EXP, a.mulf(r, w.number(math.log(2))))
    return a.mulf(value, w.power_of_two(whole))


def _signed(f: F32, x: Any, y: Any, value: Any) -> Any:
    """``value`` = |x|^y with the sign for x: minus for odd y, NaN for y with a fraction."""
    a, zero = f.arith, f.number(0.0)
    whole = f.equal(f.math.floor(y), y)
    half = a.mulf(y, f.number(0.5))
    even = f.equal(f.math.floor(half), half)
    one = a.andi(whole, a.xori(even, _true_like(f, whole)))
    value = a.select(one, f.math.copysign(value, x), value)
    finite = f.less(f.number(-math.inf), x)
    fraction = a.andi(a.andi(f.less(x, zero), finite), a.xori(whole, _true_like(f, whole)))
    return a.select(fraction, f.number(math.nan), value)


def _special(f: F32, x: Any, y: Any, value: Any) -> Any:
    """NaN from NaN, but 1 for y = 0 and x = 1 whatever the other; 1 for -1 to an infinity."""
    a, one = f.arith, f.number(1.0)
    value = a.select(f.unordered(x, y), f.number(math.nan), value)
    ones = a.andi(f.equal(f.math.absf(x), one), f.equal(f.math.absf(y), f.infinity))
    ones = a.ori(ones, a.ori(f.equal(y, f.number(0.0)), f.equal(x, one)))
    return a.select(ones, one, value)


def _true_like(f: F32, condition: Any) -> Any:
    return f.equal(f.number(0.0), f.number(0.0))


def constant_power(y: float) -> Callable[[F32, Any], Any] | None:
    """x^y for a y that needs no logarithm; None for others."""
    return _CONSTANT.get(y)


def _square_root(f: F32, x: Any) -> Any:
    """x^0.5, which unlike sqrt has +0 for -0 and infinity for -infinity."""
    a = f.arith
    root = f.math.sqrt(a.addf(x, f.number(0.0)))
    return a.select(f.equal(x, f.number(-math.inf)), f.infinity, root)


_CONSTANT: dict[float, Callable[[F32, Any], Any]] = {
    0.0: lambda f, x: f.number(1.0),
    1.0: lambda f, x: x,
    2.0: lambda f, x: f.arith.mulf(x, x),
    3.0: lambda f, x: f.arith.mulf(f.arith.mulf(x, x), x),
    -1.0: lambda f, x: f.arith.divf(f.number(1.0), x),
    0.5: _square_root,
}
