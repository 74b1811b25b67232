"""The pipeline step: contractions without matrix instructions become kernels of multiply-adds.

    linalg.generic {acc + a * b} ins(%a, %b : f32) outs(%c : f32)
      ==>
    gpu.launch_func @kernels::@main_contraction_0 ...     // tiles in local memory, math.fma

Products of f32 are exact so, and so are integers, factors that are computed first, and
convolutions. Where f32 is asked for as tf32, products of f32 are dpas on rounded factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

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
from pharos.targets.xegpu.contractions.tf32_unit import Tf32Unit
from pharos.targets.xegpu.facts import CHIPS, DEFAULT

EXACT, TF32 = "exact", "tf32"

# The least that a subgroup of 16 computes: work-items 2 down and 8 across with 4 x 4 sums each.
UNIT = UnitSizes(8, 32, 4)
# Sums of a work-item; 64 are half of its registers when a thread has 256.
_SUMS = 64


@dataclass(frozen=True)
class XeGpuMultiplyAdds:
    """Lower what ``xegpu-products`` left to kernels of multiply-adds on ``chip``.

    ``f32`` says how products of f32 are made: "exact" by multiply-adds, or "tf32" by dpas, which
    sees 10 bits of each factor. An operation's attribute ``pharos.params`` may set ``block_m``,
    ``block_n``, ``block_k``, ``sub_m``, ``sub_n`` and ``stages``. Matrix-vector products are left
    for ``gpu-loops``.
    """

    name: ClassVar[str] = "xegpu-multiply-adds"
    chip: str = DEFAULT
    f32: str = EXACT

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        replace_contractions(module, self._choose, most_shared=CHIPS[self.chip].static_shared)
        return module

    def _choose(
        self, contraction: Contraction, wanted: Mapping[str, int]
    ) -> tuple[MatrixUnit, Tiles] | None:
        if any(extent(contraction, role) < 2 for role in ("rows", "columns", "inner")):
            return None
        facts = CHIPS[self.chip]
        lanes, unit = facts.subgroup_size, _matrix_unit(contraction, self.f32)
        tiles = with_overrides(_default(contraction, lanes, unit), wanted)
        unit = unit or fma_unit(contraction, lanes, tiles.sub_m, tiles.sub_n)
        sizes = UnitSizes(unit.rows, unit.columns, unit.inner)
        reasons = problems(tiles, sizes, facts.subgroup_size, facts.max_block)
        if reasons:
            raise refused(contraction, reasons)
        return unit, tiles


def _matrix_unit(contraction: Contraction, f32: str) -> MatrixUnit | None:
    """dpas where it may multiply: f32 factors, one of which may be computed first, as tf32."""
    types = {str(value.type) for value in factor_values(contraction)}
    result = str(contraction.result.type.element_type)
    return Tf32Unit() if f32 == TF32 and types == {"f32"} and result == "f32" else None


def _default(contraction: Contraction, lanes: int, unit: MatrixUnit | None) -> Tiles:
    """Tiles for what no selector has seen."""
    m, n = extent(contraction, "rows"), extent(contraction, "columns")
    if unit is not None:
        return default_tiles(UnitSizes(unit.rows, unit.columns, unit.inner), m, n, 16, 2, (32, 32))
    tiles = default_tiles(UNIT, m, n, 16, 2)
    while tiles.sub_m * tiles.sub_n > _SUMS * lanes:
        tiles = replace(tiles, sub_m=tiles.sub_m // 2, block_m=tiles.block_m // 2)
    return tiles
