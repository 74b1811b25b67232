"""ln x, log2 x, log10 x and ln(1 + x) on f32.

x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), and ln(1 + f) = f - f^2/2 + f^3 p(f);
the whole part k enters in two pieces, of which the first makes exact products.
"""

from __future__ import annotations

from typing import Any

from pharos.targets.common.fast_math.exponentials import LN2_HIGH, LN2_LOW
from pharos.targets.common.fast_math.f32 import F32

# From `fit`; a test compares.
LOG_TAIL = (
    -0.07634488493204117,
    0.12761962413787842,
    -0.1316036432981491,
    0.1420171856880188,
    -0.1662333607673645,
    0.20001228153705597,
    -0.250008225440979,
    0.3333333134651184,
)
# 1 / ln 2 and 1 / ln 10, each as a float and what it lacks.
LOG2E, LOG2E_REST = 1.4426950216293335, 1.9259629911266175e-08
LOG10E, LOG10E_REST = 0.4342944920063019, -1.010327700033e-08
# log10(2) in two parts, the first with twelve bits.
LOG10_2_HIGH, LOG10_2_LOW = 0.301025390625, 4.605038981195214e-06
_SQRT_HALF_BITS = 0x3F3504F3
_MANTISSA = 0x7FFFFF
_SMALLEST_NORMAL = 2.0**-126


def log(f: F32, x: Any) -> Any:
    """ln x."""
    k, fraction, tail = _parts(f, x)
    low = f.math.fma(k, f.number(LN2_LOW), tail)
    value = f.math.fma(k, f.number(LN2_HIGH), f.arith.addf(fraction, low))
    return _at_the_ends(f, x, value)


def log2(f: F32, x: Any) -> Any:
    """log2 x."""
    k, fraction, tail = _parts(f, x)
    low = f.math.fma(fraction, f.number(LOG2E_REST), f.arith.mulf(tail, f.number(LOG2E)))
    value = f.arith.addf(k, f.math.fma(fraction, f.number(LOG2E), low))
    return _at_the_ends(f, x, value)


def log10(f: F32, x: Any) -> Any:
    """log10 x."""
    k, fraction, tail = _parts(f, x)
    low = f.math.fma(tail, f.number(LOG10E), f.arith.mulf(k, f.number(LOG10_2_LOW)))
    low = f.math.fma(fraction, f.number(LOG10E_REST), low)
    value = f.math.fma(fraction, f.number(LOG10E), low)
    value = f.math.fma(k, f.number(LOG10_2_HIGH), value)
    return _at_the_ends(f, x, value)


def log1p(f: F32, x: Any) -> Any:
    """ln(1 + x): ln of u = fl(1 + x), plus (1 + x - u) / u for what the sum lost."""
    a, one = f.arith, f.number(1.0)
    u = a.addf(one, x)
    whole, mantissa = _split(f, u)
    k = a.sitofp(f.type, whole)
    small = f.equal(k, f.number(0.0))
    # The larger summand is subtracted first; from 2^25 on nothing of x was lost that counts.
    lost = a.select(f.less(one, u), a.subf(one, a.subf(u, x)), a.subf(x, a.subf(u, one)))
    lost = a.select(f.less(k, f.number(25.0)), a.divf(lost, u), f.number(0.0))
    lost = a.select(small, f.number(0.0), lost)
    fraction = a.select(small, x, a.subf(mantissa, one))
    low = f.math.fma(k, f.number(LN2_LOW), a.addf(_tail(f, fraction), lost))
    value = f.math.fma(k, f.number(LN2_HIGH), a.addf(fraction, low))
    tiny = f.less(f.math.absf(x), f.number(1e-30))
    return a.select(tiny, x, _at_the_ends(f, u, value))


def _parts(f: F32, x: Any) -> tuple[Any, Any, Any]:
    """k and f with x = 2^k (1 + f), and ln(1 + f) - f."""
    a = f.arith
    small = f.less(x, f.number(_SMALLEST_NORMAL))
    whole, mantissa = _split(f, a.select(small, a.mulf(x, f.number(2.0**23)), x))
    whole = a.subi(whole, a.select(small, f.integer(23), f.integer(0)))
    fraction = a.subf(mantissa, f.number(1.0))
    return a.sitofp(f.type, whole), fraction, _tail(f, fraction)


def _split(f: F32, x: Any) -> tuple[Any, Any]:
    """k and m with x = 2^k m and m from sqrt(1/2) to sqrt(2), for normal x > 0."""
    a = f.arith
    offset = f.integer(_SQRT_HALF_BITS)
    bits = a.subi(f.bits(x), offset)
    mantissa = a.addi(a.andi(bits, f.integer(_MANTISSA)), offset)
    return a.shrsi(bits, f.integer(23)), f.from_bits(mantissa)


def _tail(f: F32, fraction: Any) -> Any:
    """ln(1 + f) - f."""
    a = f.arith
    square = a.mulf(fraction, fraction)
    head = a.mulf(square, f.number(-0.5))
    return f.math.fma(a.mulf(square, fraction), f.horner(LOG_TAIL, fraction), head)


def _at_the_ends(f: F32, x: Any, value: Any) -> Any:
    """``value`` of ln x, but for x = 0, x < 0, infinity and NaN."""
    a, zero, infinity = f.arith, f.number(0.0), f.infinity
    value = a.select(f.equal(x, infinity), infinity, value)
    value = a.select(f.equal(x, zero), a.negf(infinity), value)
    bad = a.ori(f.less(x, zero), f.unordered(x, x))
    return a.select(bad, f.number(float("nan")), value)
