"""x / c on f32 vectors for a constant c: a division takes as long as 16 multiplications."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pharos.targets.common.fast_math.f32 import F32

# Between these sizes of x no step below overflows or is a denormal, for the divisors taken.
LEAST, MOST = 2.0**-100, 2.0**100
_DIVISORS = (2.0**-20, 2.0**20)


def constant_quotient(divisor: float) -> Callable[[F32, Any], Any] | None:
    """What writes x / ``divisor``; None for divisors near the ends of the range.

    With q = x (1 / c) rounded, x - q c is exact in one fused step, and corrects q to the nearest
    number (Markstein, 1990). Where |x| is not between ``LEAST`` and ``MOST``, q itself is taken:
    right within 2 ulp, and exact for infinities, zeros and NaN.
    """
    if not _DIVISORS[0] <= abs(divisor) <= _DIVISORS[1]:
        return None
    if abs(math.frexp(divisor)[0]) == 0.5:
        return lambda f, x: f.arith.mulf(x, f.number(1.0 / divisor))

    def build(f: F32, x: Any) -> Any:
        a = f.arith
        inverse = f.number(1.0 / divisor)
        q = a.mulf(x, inverse)
        rest = f.math.fma(q, f.number(-divisor), x)
        size = f.math.absf(x)
        usual = a.andi(f.less(f.number(LEAST), size), f.less(size, f.number(MOST)))
        return a.select(usual, f.math.fma(rest, inverse, q), q)

    return build
