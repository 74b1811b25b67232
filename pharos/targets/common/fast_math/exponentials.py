"""e^x, 2^x, e^x - 1 and tanh x on f32."""

from __future__ import annotations

from typing import Any

from pharos.targets.common.fast_math.f32 import F32, ROUND

# From `fit`; a test compares.
EXP_TAIL = (
    0.001381459878757596,
    0.008368716575205326,
    0.04166838899254799,
    0.1666652113199234,
    0.4999999403953552,
)
EXP2_TAIL = (
    1.5196144886431284e-05,
    0.00015466769400518388,
    0.0013333935057744384,
    0.009618038311600685,
    0.055504102259874344,
    0.24022650718688965,
    0.6931471824645996,
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


def exp(f: F32, x: Any) -> Any:
    """e^x: 2^n e^r with n = round(x / ln 2), |r| <= ln(2) / 2."""
    a = f.arith
    n, whole, r = _reduced(f, f.clamp(x, -105.0, 89.0))
    del n
    tail = f.horner(EXP_TAIL, r)
    p = a.addf(f.math.fma(a.mulf(r, r), tail, r), f.number(1.0))
    return _scaled(f, p, whole)


def moderate_exp(f: F32, x: Any) -> Any:
    """e^x for |x| up to 80, in fewer steps; anything for others and for NaN."""
    a = f.arith
    rounded = f.math.fma(x, f.number(LOG2E), f.number(ROUND))
    r = _remainder(f, x, a.subf(rounded, f.number(ROUND)))
    p = a.addf(f.math.fma(a.mulf(r, r), f.horner(EXP_TAIL, r), r), f.number(1.0))
    # The low bits of ROUND itself are zero: what is left of it in the exponent's place is n.
    return f.from_bits(a.addi(f.bits(p), a.shli(f.bits(rounded), f.integer(23))))


def exp2(f: F32, x: Any) -> Any:
    """2^x: 2^n 2^r with n = round(x), |r| <= 1/2; the difference is exact."""
    x = f.clamp(x, -151.0, 129.0)
    n, whole = f.nearest(x, 1.0)
    r = f.arith.subf(x, n)
    return _scaled(f, f.math.fma(r, f.horner(EXP2_TAIL, r), f.number(1.0)), whole)


def expm1(f: F32, x: Any) -> Any:
    """e^x - 1: 2 (h (e^r - 1) + (h - 1/2)) with h = 2^(n-1), so that n = 128 overflows late."""
    a = f.arith
    _, whole, r = _reduced(f, f.clamp(x, -20.0, 89.0))
    near = f.math.fma(a.mulf(r, r), f.horner(EXP_TAIL, r), r)
    half = f.power_of_two(a.subi(whole, f.integer(1)))
    value = f.math.fma(half, near, a.subf(half, f.number(0.5)))
    # Tiny arguments pass as they are: -0 keeps its sign and denormals their value.
    tiny = f.less(f.math.absf(x), f.number(1e-30))
    return a.select(tiny, x, a.addf(value, value))


def tanh(f: F32, x: Any) -> Any:
    """tanh x: a polynomial of |x| up to 0.625, 1 - 2 / (e^2|x| + 1) beyond."""
    a = f.arith
    size = f.math.absf(x)
    z = a.mulf(x, x)
    near = f.math.fma(a.mulf(size, z), f.horner(TANH_TAIL, z), size)
    double = a.addf(size, size)
    growth = moderate_exp(f, a.select(f.less(double, f.number(30.0)), double, f.number(30.0)))
    quotient = a.divf(f.number(2.0), a.addf(growth, f.number(1.0)))
    far = a.subf(f.number(1.0), quotient)
    # NaN is not more than anything: it goes through the polynomial.
    return f.math.copysign(a.select(f.less(f.number(0.625), size), far, near), x)


def _reduced(f: F32, x: Any) -> tuple[Any, Any, Any]:
    """n = round(x / ln 2) as a float and as an integer, and x - n ln 2."""
    n, whole = f.nearest(x, LOG2E)
    return n, whole, _remainder(f, x, n)


def _remainder(f: F32, x: Any, n: Any) -> Any:
    """x - n ln 2."""
    r = f.math.fma(n, f.number(-LN2_HIGH), x)
    return f.math.fma(n, f.number(-LN2_LOW), r)


def _scaled(f: F32, p: Any, whole: Any) -> Any:
    """p 2^n, as two factors: their product may be a denormal or overflow where 2^n itself could
    not be written down."""
    a = f.arith
    half = a.shrsi(whole, f.integer(1))
    rest = f.power_of_two(a.subi(whole, half))
    return a.mulf(a.mulf(p, f.power_of_two(half)), rest)
