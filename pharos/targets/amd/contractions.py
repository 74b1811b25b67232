"""The pipeline step: contractions become kernels for matrix instructions, others for multiply-adds.

linalg.generic {acc + a * b} ins(%a, %b : f16) outs(%c : f32)
  ==>   gpu.launch_func @kernels::@main_contraction_0 ...     // v_wmma or v_mfma on tiles in LDS
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pharos.targets.amd import fragments
from pharos.targets.amd.facts import CHIPS, DEFAULT, AmdFacts
from pharos.targets.amd.matrix_units import MfmaUnit, WmmaUnit
from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.fma_unit import fma_unit
from pharos.targets.common.contractions.gpu_plan import extent, factor_values
from pharos.targets.common.contractions.gpu_stage import refused, replace_contractions
from pharos.targets.common.contractions.tiles import (
    Tiles,
    UnitSizes,
    default_tiles,
    problems,
    with_overrides,
)
from pharos.targets.common.contractions.unit import MatrixUnit

MATRIX, FMA = "matrix", "fma"
_MFMA = {
    ("narrow", 16): fragments.MFMA_16_F16,
    ("narrow", 32): fragments.MFMA_32_F16,
    ("f32", 16): fragments.MFMA_16_F32,
    ("f32", 32): fragments.MFMA_32_F32,
}
_NARROW = ("f16", "bf16")


@dataclass(frozen=True)
class AmdContractions:
    """Lower contractions on memrefs to kernels.

    ``chip`` names one of ``facts.CHIPS``. ``f32`` says how products of f32 are made where the chip
    has matrix instructions for them (gfx942): "matrix" by these, "fma" by fused multiply-adds.
    An operation's attribute ``pharos.params`` may set ``block_m``, ``block_n``, ``block_k``,
    ``sub_m``, ``sub_n`` and ``stages``.

    Matrix-vector products are left for ``gpu-loops``, and so is what has sizes that are not known.
    """

    name: ClassVar[str] = "amd-contractions"
    chip: str = DEFAULT
    f32: str = MATRIX

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        replace_contractions(module, self._choose, most_shared=CHIPS[self.chip].static_shared)
        return module

    def _choose(
        self, contraction: Contraction, wanted: Mapping[str, int]
    ) -> tuple[MatrixUnit, Tiles] | None:
        if not worthwhile(contraction):
            return None
        facts = CHIPS[self.chip]
        kind = factor_kind(contraction, facts, self.f32)
        tiles = with_overrides(_default(contraction, kind, facts.subgroup_size), wanted)
        unit = _unit(contraction, kind, facts, tiles)
        sizes = UnitSizes(unit.rows, unit.columns, unit.inner)
        reasons = problems(tiles, sizes, facts.subgroup_size, facts.max_block)
        if reasons:
            raise refused(contraction, reasons)
        return unit, tiles


def worthwhile(contraction: Contraction) -> bool:
    """Whether both factors have several lines, of which each is used several times."""
    return all(extent(contraction, role) > 1 for role in ("rows", "columns", "inner"))


def factor_kind(contraction: Contraction, facts: AmdFacts, f32: str = MATRIX) -> str:
    """The type of factors of matrix instructions ("f16", "bf16", "f32"), or "fma"."""
    types = {str(value.type) for value in factor_values(contraction)}
    sums = str(contraction.result.type.element_type)
    if sums not in ("f32", *_NARROW) or len(types) != 1:
        return FMA
    kind = types.pop()
    known = (*_NARROW, "f32") if facts.matrix == "mfma" and f32 == MATRIX else _NARROW
    return kind if kind in known else FMA


def _unit(contraction: Contraction, kind: str, facts: AmdFacts, tiles: Tiles) -> MatrixUnit:
    if kind == FMA:
        return fma_unit(contraction, facts.subgroup_size, tiles.sub_m, tiles.sub_n)
    if facts.matrix == "wmma":
        return WmmaUnit(factor=kind)
    # Larger instructions need fewer operands for the same products.
    size = 32 if tiles.sub_m % 32 == 0 and tiles.sub_n % 32 == 0 else 16
    return MfmaUnit(_MFMA["f32" if kind == "f32" else "narrow", size], kind)


def _default(contraction: Contraction, kind: str, lanes: int) -> Tiles:
    """Tiles for what no selector has seen: at most 64 sums for each lane, so that all fit."""
    m, n = extent(contraction, "rows"), extent(contraction, "columns")
    if kind == FMA:
        tiles = default_tiles(UnitSizes(4 * lanes // 8, 32, 4), m, n, 16, 2)
    else:
        tiles = default_tiles(UnitSizes(16, 16, 16), m, n, 16 if kind == "f32" else 32, 2)
    if tiles.sub_m * tiles.sub_n <= 64 * lanes:
        return tiles
    return replace(tiles, sub_m=tiles.sub_m // 2, block_m=tiles.block_m // 2)
