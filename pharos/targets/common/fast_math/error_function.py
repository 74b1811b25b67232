"""erf x on f32."""

from __future__ import annotations

from typing import Any

from pharos.targets.common.fast_math.exponentials import moderate_exp
from pharos.targets.common.fast_math.f32 import F32

# Up to here erf x = x + x p(x^2); beyond, 1 - exp(-x q(x)).
NEAR = 0.9
# Beyond here erf x rounds to 1.
ONE = 3.93
# From `fit`; a test compares.
ERF_NEAR = (
    -0.0006090360111556947,
    0.005011962726712227,
    -0.02677890844643116,
    0.11282140761613846,
    -0.3761252462863922,
    0.12837915122509003,
)
ERF_FAR = (
    1.0727928383857943e-05,
    -0.00031770876375958323,
    0.0036215002182871103,
    -0.023717205971479416,
    0.10618417710065842,
    0.635183572769165,
    1.1286404132843018,
)


def erf(f: F32, x: Any) -> Any:
    """erf x, from two polynomials and one exponential."""
    a = f.arith
    size = f.math.absf(x)
    square = a.mulf(size, size)
    near = f.math.fma(size, f.horner(ERF_NEAR, square), size)
    decay = moderate_exp(f, a.mulf(size, f.horner([-c for c in ERF_FAR], size)))
    far = a.subf(f.number(1.0), decay)
    far = a.select(f.less(f.number(ONE), size), f.number(1.0), far)
    value = a.select(f.less(f.number(NEAR), size), far, near)
    # NaN is not more than anything: it goes through near. An infinite x^2 does not.
    return f.math.copysign(value, x)
