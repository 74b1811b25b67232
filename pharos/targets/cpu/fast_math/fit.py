"""Minimax polynomials by the Remez exchange algorithm, in double precision.

    python -m pharos.targets.cpu.fast_math.fit

prints the coefficients that ``functions`` holds; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[Any], Any]


def remez(f: Function, low: float, high: float, degree: int, weight: Function) -> list[float]:
    """Coefficients, highest power first, of the polynomial p that minimises max weight * |p - f|.

    Remez, 1934: solve for a polynomial whose error alternates on ``degree`` + 2 points, move the
    points to the extremes of the error, repeat until the extremes are equal.
    """
    grid = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 20001))) / 2
    target, scale = f(grid), weight(grid)
    chosen = np.linspace(0, len(grid) - 1, degree + 2).astype(int)
    coefficients = np.zeros(degree + 1)
    for _ in range(50):
        x = grid[chosen]
        signs = (-1.0) ** np.arange(degree + 2)
        system = np.column_stack([np.vander(x, degree + 1), signs / scale[chosen]])
        coefficients = np.linalg.solve(system, target[chosen])[:-1]
        error = (np.polyval(coefficients, grid) - target) * scale
        extremes = _alternating(error, degree + 2)
        if extremes is None or np.array_equal(extremes, chosen):
            break
        chosen = extremes
    return [float(c) for c in coefficients]


def _alternating(error: Any, count: int) -> Any:
    """Positions of ``count`` extremes of ``error`` with alternating signs, the largest run."""
    turns = np.flatnonzero(np.diff(np.sign(error))) + 1
    pieces = np.split(np.arange(len(error)), turns)
    extremes = np.array([piece[np.argmax(np.abs(error[piece]))] for piece in pieces])
    if len(extremes) < count:
        return None
    starts = range(len(extremes) - count + 1)
    best = max(starts, key=lambda s: np.abs(error[extremes[s : s + count]]).min())
    return extremes[best : best + count]


def exp_tail() -> list[float]:
    """q with exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2, relative error of exp minimised."""

    def tail(r: Any) -> Any:
        # Below 1e-3 the quotient cancels; its series is exact to double precision there.
        series = 0.5 + r / 6 + r**2 / 24 + r**3 / 120
        safe = np.where(np.abs(r) < 1e-3, 1.0, r)
        return np.where(np.abs(r) < 1e-3, series, (np.expm1(safe) - safe) / safe**2)

    half = np.log(2) / 2 * 1.0001
    return remez(tail, -half, half, 4, lambda r: (r**2 + 1e-8) / np.exp(r))


def tanh_tail() -> list[float]:
    """p with tanh(x) = x + x z p(z), z = x^2, for |x| <= 0.625, relative error minimised."""

    def tail(z: Any) -> Any:
        x = np.sqrt(np.maximum(z, 1e-12))
        series = -1 / 3 + z * 2 / 15 - z**2 * 17 / 315
        return np.where(z < 1e-4, series, (np.tanh(x) / x - 1) / np.maximum(z, 1e-12))

    def weight(z: Any) -> Any:
        x = np.sqrt(np.maximum(z, 1e-12))
        return (z + 1e-8) * x / np.tanh(x)

    return remez(tail, 0.0, 0.625**2, 4, weight)


if __name__ == "__main__":
    for name, coefficients in (("exp", exp_tail()), ("tanh", tanh_tail())):
        print(name, [float(np.float32(c)) for c in coefficients])
