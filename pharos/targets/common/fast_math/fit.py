"""The polynomials of this folder, fitted.

    python -m pharos.targets.common.fast_math.fit

prints the coefficients that the functions hold; a test compares them. Every weight turns the
error of the polynomial into the relative error of the function. Where a quotient cancels, its
series stands in, exact to double precision there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pharos.targets.common.fast_math.error_function import NEAR
from pharos.targets.common.fast_math.remez import remez

# A little more than the interval that the reductions leave, which round.
_MARGIN = 1.0001
_erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])


def exp_tail() -> list[float]:
    """q with exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2."""

    def tail(r: Any) -> Any:
        series = 0.5 + r / 6 + r**2 / 24 + r**3 / 120
        safe = np.where(np.abs(r) < 1e-3, 1.0, r)
        return np.where(np.abs(r) < 1e-3, series, (np.expm1(safe) - safe) / safe**2)

    half = np.log(2) / 2 * _MARGIN
    return remez(tail, -half, half, 4, lambda r: (r**2 + 1e-8) / np.exp(r))


def exp2_tail() -> list[float]:
    """q with 2^r = 1 + r q(r) for |r| <= 1/2."""

    def tail(r: Any) -> Any:
        y = r * math.log(2)
        series = math.log(2) * (1 + y / 2 + y**2 / 6 + y**3 / 24 + y**4 / 120)
        safe = np.where(np.abs(r) < 1e-4, 1.0, r)
        return np.where(np.abs(r) < 1e-4, series, np.expm1(safe * math.log(2)) / safe)

    half = 0.5 * _MARGIN
    return remez(tail, -half, half, 6, lambda r: (np.abs(r) + 1e-8) / np.exp2(r))


def tanh_tail() -> list[float]:
    """p with tanh(x) = x + x z p(z), z = x^2, for |x| <= 0.625."""

    def tail(z: Any) -> Any:
        x = np.sqrt(np.maximum(z, 1e-12))
        series = -1 / 3 + z * 2 / 15 - z**2 * 17 / 315
        return np.where(z < 1e-4, series, (np.tanh(x) / x - 1) / np.maximum(z, 1e-12))

    def weight(z: Any) -> Any:
        x = np.sqrt(np.maximum(z, 1e-12))
        return (z + 1e-8) * x / np.tanh(x)

    return remez(tail, 0.0, 0.625**2, 4, weight)


def log_tail() -> list[float]:
    """p with ln(1 + f) = f - f^2/2 + f^3 p(f), 1 + f from sqrt(1/2) to sqrt(2)."""

    def tail(f: Any) -> Any:
        series = sum((-f) ** k / (k + 3) for k in range(8))
        safe = np.where(np.abs(f) < 2e-2, 1.0, f)
        exact = (np.log1p(safe) - safe + safe**2 / 2) / safe**3
        return np.where(np.abs(f) < 2e-2, series, exact)

    def weight(f: Any) -> Any:
        return (np.abs(f) ** 3 + 1e-8) / np.maximum(np.abs(np.log1p(f)), 1e-8)

    low, high = math.sqrt(0.5) - 1, math.sqrt(2) - 1
    return remez(tail, low * _MARGIN, high * _MARGIN, 7, weight)


def erf_near() -> list[float]:
    """p with erf(x) = x + x p(x^2) for |x| <= NEAR."""

    def tail(z: Any) -> Any:
        x = np.sqrt(np.maximum(z, 1e-10))
        series = 2 / math.sqrt(math.pi) * (1 - z / 3 + z * z / 10) - 1
        return np.where(z < 1e-6, series, _erf(x) / x - 1)

    def weight(z: Any) -> Any:
        x = np.sqrt(np.maximum(z, 1e-10))
        return x / _erf(x)

    return remez(tail, 0.0, NEAR**2, 5, weight)


def erf_far() -> list[float]:
    """q with erfc(x) = exp(-x q(x)) for x from NEAR to 4; the error is that of erf."""
    return remez(lambda x: -np.log(_erfc(x)) / x, NEAR * 0.999, 4.0, 6, lambda x: _erfc(x) * x)


def sin_tail() -> list[float]:
    """p with sin(r) = r + r z p(z), z = r^2, for |r| <= pi/4."""

    def tail(z: Any) -> Any:
        r = np.sqrt(np.maximum(z, 1e-12))
        series = -1 / 6 + z / 120 - z**2 / 5040 + z**3 / 362880
        return np.where(z < 1e-3, series, (np.sin(r) / r - 1) / np.maximum(z, 1e-12))

    return remez(tail, 0.0, (math.pi / 4 * _MARGIN) ** 2, 3, lambda z: z + 1e-6)


def cos_tail() -> list[float]:
    """p with cos(r) = 1 - z/2 + z^2 p(z), z = r^2, for |r| <= pi/4."""

    def tail(z: Any) -> Any:
        series = 1 / 24 - z / 720 + z**2 / 40320 - z**3 / 3628800
        exact = (np.cos(np.sqrt(z)) - 1 + z / 2) / np.maximum(z, 1e-12) ** 2
        return np.where(z < 1e-2, series, exact)

    return remez(tail, 0.0, (math.pi / 4 * _MARGIN) ** 2, 3, lambda z: z**2 + 1e-6)


FITS = {
    "EXP_TAIL": exp_tail,
    "EXP2_TAIL": exp2_tail,
    "TANH_TAIL": tanh_tail,
    "LOG_TAIL": log_tail,
    "ERF_NEAR": erf_near,
    "ERF_FAR": erf_far,
    "SIN_TAIL": sin_tail,
    "COS_TAIL": cos_tail,
}

if __name__ == "__main__":
    for name, fitted in FITS.items():
        print(name, [float(np.float32(c)) for c in fitted()])
