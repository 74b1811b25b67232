"""Minimax polynomials by the Remez exchange algorithm, in double precision."""

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
