"""sin x and cos x on f32.

x = n pi/2 + r with |r| <= pi/4, subtracted in f64 with pi/2 in two parts: exact enough up to
2^20. Vectors with a larger element, infinite ones and NaN among them, go to the C library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.fast_math.f32 import F32

LIMIT = 2.0**20
HALF_PI_LOW = 6.123233995736766e-17
# From `fit`; a test compares.
SIN_TAIL = (
    2.7183043584955158e-06,
    -0.0001983933470910415,
    0.008333329111337662,
    -0.1666666716337204,
)
COS_TAIL = (
    -2.721017153817229e-07,
    2.4799519451335073e-05,
    -0.0013888883404433727,
    0.0416666679084301,
)


def sin(f: F32, x: Any) -> Any:
    """sin x."""
    return _near_or_library(f, x, 0, f.math.sin)


def cos(f: F32, x: Any) -> Any:
    """cos x."""
    return _near_or_library(f, x, 1, f.math.cos)


def _near_or_library(f: F32, x: Any, quarters: int, library: Callable[[Any], Any]) -> Any:
    near = f.less(f.math.absf(x), f.number(LIMIT))
    if f.vector:
        vector = dialect("vector")
        bit = mlir.IntegerType.get_signless(1)
        near = vector.reduction(bit, vector.CombiningKind.AND, near)
    branch = dialect("scf").IfOp(near, [f.type], has_else=True)
    for block, value in (
        (branch.then_block, lambda: _reduced(f, x, quarters)),
        (branch.else_block, lambda: library(x)),
    ):
        with mlir.InsertionPoint(block):
            dialect("scf").YieldOp([value()])
    return branch.results[0]


def _reduced(f: F32, x: Any, quarters: int) -> Any:
    """sin(x + quarters pi/2)."""
    a, wide = f.arith, f.wide()
    n, whole = f.nearest(x, 2 / math.pi)
    n64, r64 = f.widen(n), f.widen(x)
    r64 = wide.math.fma(n64, wide.number(-math.pi / 2), r64)
    r = f.narrow(wide.math.fma(n64, wide.number(-HALF_PI_LOW), r64))
    z = a.mulf(r, r)
    sine = f.math.fma(a.mulf(r, z), f.horner(SIN_TAIL, z), r)
    turn = a.addi(whole, f.integer(quarters))
    value = a.select(_bit(f, turn, 1), _cosine(f, z), sine)
    # -0 stays -0: its sine is r itself.
    return a.select(_bit(f, turn, 2), a.negf(value), value)


def _cosine(f: F32, z: Any) -> Any:
    """1 - z/2 + z^2 p(z), with what the first difference lost added to the rest."""
    a, one = f.arith, f.number(1.0)
    half = a.mulf(z, f.number(0.5))
    head = a.subf(one, half)
    lost = a.subf(a.subf(one, head), half)
    return a.addf(head, f.math.fma(a.mulf(z, z), f.horner(COS_TAIL, z), lost))


def _bit(f: F32, value: Any, mask: int) -> Any:
    a = f.arith
    return a.cmpi(a.CmpIPredicate.ne, a.andi(value, f.integer(mask)), f.integer(0))
