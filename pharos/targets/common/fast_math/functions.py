"""The operations of the math dialect that become arithmetic, with their accuracy.

``ulps`` is the largest error in units in the last place over all finite inputs, measured by the
test that runs them; infinities, NaN and denormal results are as in C's libm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pharos.targets.common.fast_math.error_function import erf
from pharos.targets.common.fast_math.exponentials import exp, exp2, expm1, tanh
from pharos.targets.common.fast_math.logarithms import log, log1p, log2, log10
from pharos.targets.common.fast_math.powers import powf
from pharos.targets.common.fast_math.trigonometry import cos, sin


@dataclass(frozen=True)
class Function:
    """``build(F32, *operands)`` writes the arithmetic; it is right within ``ulps``."""

    build: Callable[..., Any]
    ulps: float


FUNCTIONS: dict[str, Function] = {
    "math.exp": Function(exp, 1.0),
    "math.exp2": Function(exp2, 1.0),
    "math.expm1": Function(expm1, 1.5),
    "math.log": Function(log, 1.0),
    "math.log2": Function(log2, 1.0),
    "math.log10": Function(log10, 1.0),
    "math.log1p": Function(log1p, 2.0),
    "math.tanh": Function(tanh, 2.0),
    "math.erf": Function(erf, 1.5),
    "math.sin": Function(sin, 1.5),
    "math.cos": Function(cos, 1.5),
    "math.powf": Function(powf, 1.0),
}
