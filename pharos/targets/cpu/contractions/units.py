"""What multiplies: vector units that fuse one product and one sum, or sum several of bf16.

A *step* is what a lane of a panel holds: one element of the inner loops, or two neighbours of
bf16 in 32 bits where a unit multiplies pairs. What is missing in the last steps is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.contractions.contraction import Contraction, Factor


@dataclass(frozen=True)
class MultiplyUnit:
    """``pairs``: steps are two bf16 elements. ``whole``: steps come in multiples of it."""

    name: str
    pairs: bool = False
    whole: int = 1


FMA = MultiplyUnit("fma")
# VDPBF16PS (Intel SDM, volume 2): 16 lanes of f32 plus two products of bf16 each.
DOT = MultiplyUnit("avx512-bf16", pairs=True)
# TDPBF16PS (the same): 16 x 16 sums of f32, plus the products of 16 pairs.
AMX = MultiplyUnit("amx", pairs=True, whole=16)
AMX_SIMD_BITS = 512  # of the vectors that panels are packed with

# Fewer rows or steps than this fill a matrix tile so little that vectors of pairs are faster.
_LEAST_ROWS, _LEAST_INNER = 8, 16


def unit_for(contraction: Contraction, bf16_unit: str, simd_bits: int) -> MultiplyUnit:
    """The unit for ``contraction`` where ``bf16_unit`` is there and vectors of ``simd_bits``."""
    if bf16_unit == FMA.name or not (_raw(contraction.left) and _raw(contraction.right)):
        return FMA
    tiles = bf16_unit == AMX.name and simd_bits == AMX_SIMD_BITS
    if tiles and suits_tiles(
        contraction.extent(contraction.rows), contraction.extent(contraction.inner)
    ):
        return AMX
    return DOT


def suits_tiles(rows: int | None, inner: int | None) -> bool:
    """Whether so many rows and inner steps fill matrix tiles well; None: not known."""
    return (rows is None or rows >= _LEAST_ROWS) and (inner is None or inner >= _LEAST_INNER)


def _raw(factor: Factor) -> bool:
    """Whether ``factor`` is an operand of bf16 and nothing else, widened to f32."""
    owner = factor.value.owner
    if len(factor.operands) != 1 or isinstance(owner, mlir.Block) or owner.name != "arith.extf":
        return False
    source: Any = owner.operands[0]
    narrow, wide = mlir.BF16Type.get(), mlir.F32Type.get()
    return source == factor.arguments[0] and source.type == narrow and factor.element == wide
