"""The pipeline step: contractions without matrix instructions become kernels of multiply-adds.

    linalg.generic {acc + a * b} ins(%a, %b : f32) outs(%c : f32)
      ==>
    gpu.launch_func @kernels::@main_contraction_0 ...     // tiles in local memory, math.fma

Products of f32 are exact so (dpas would round factors to tf32), and so are integers, factors that
are computed first, and convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.fma_unit import fma_unit
from pharos.targets.common.contractions.gpu_plan import extent
from pharos.targets.common.contractions.gpu_stage import refused, replace_contractions
from pharos.targets.common.contractions.tiles import (
    Tiles,
    UnitSizes,
    default_tiles,
    problems,
    with_overrides,
)
from pharos.targets.common.contractions.unit import MatrixUnit
from pharos.targets.xegpu.facts import CHIPS, DEFAULT

# The least that a subgroup of 16 computes: work-items 2 down and 8 across with 4 x 4 sums each.
UNIT = UnitSizes(8, 32, 4)
# Sums of a work-item; 64 are half of its registers when a thread has 256.
_SUMS = 64


@dataclass(frozen=True)
class XeGpuMultiplyAdds:
    """Lower what ``xegpu-products`` left to kernels of multiply-adds on ``chip``.

    An operation's attribute ``pharos.params`` may set ``block_m``, ``block_n``, ``block_k``,
    ``sub_m``, ``sub_n`` and ``stages``. Matrix-vector products are left for ``gpu-loops``.
    """

    name: ClassVar[str] = "xegpu-multiply-adds"
    chip: str = DEFAULT

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
        tiles = with_overrides(_default(contraction, facts.subgroup_size), wanted)
        unit = fma_unit(contraction, facts.subgroup_size, tiles.sub_m, tiles.sub_n)
        sizes = UnitSizes(unit.rows, unit.columns, unit.inner)
        reasons = problems(tiles, sizes, facts.subgroup_size, facts.max_block)
        if reasons:
            raise refused(contraction, reasons)
        return unit, tiles


def _default(contraction: Contraction, lanes: int) -> Tiles:
    """Tiles for what no selector has seen."""
    m, n = extent(contraction, "rows"), extent(contraction, "columns")
    tiles = default_tiles(UNIT, m, n, 16, 2)
    while tiles.sub_m * tiles.sub_n > _SUMS * lanes:
        tiles = replace(tiles, sub_m=tiles.sub_m // 2, block_m=tiles.block_m // 2)
    return tiles
