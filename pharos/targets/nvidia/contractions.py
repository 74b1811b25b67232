"""The pipeline step: contractions become kernels for tensor cores, f32 ones for multiply-adds.

linalg.generic {acc + a * b} ins(%a, %b : f16) outs(%c : f32)
  ==>   gpu.launch_func @kernels::@main_contraction_0 ...     // cp.async, ldmatrix, mma.sync
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.fma_unit import fma_unit
from pharos.targets.common.contractions.gpu_plan import extent, factor_values
from pharos.targets.common.contractions.gpu_stage import (
    Writer,
    refused,
    replace_contractions,
    wanted,
)
from pharos.targets.common.contractions.tiles import (
    Tiles,
    UnitSizes,
    default_tiles,
    problems,
    with_overrides,
)
from pharos.targets.common.contractions.unit import MatrixUnit
from pharos.targets.nvidia.async_copies import CpAsync
from pharos.targets.nvidia.facts import CHIPS, DEFAULT
from pharos.targets.nvidia.mma import MmaUnit
from pharos.targets.nvidia.warpgroups.choice import SPECIALISED, warpgroup_plan
from pharos.targets.nvidia.warpgroups.kernel import WarpgroupPlan, write_kernel

WARP = 32
EXACT, TF32 = "exact", "tf32"


@dataclass(frozen=True)
class NvidiaContractions:
    """Lower contractions on memrefs to kernels.

    ``f32`` says how products of f32 are made: "exact" by fused multiply-adds, "tf32" by tensor
    cores, which see 10 bits of each factor. ``chip`` names one of ``facts.CHIPS``. An operation's
    attribute ``pharos.params`` may set ``block_m``, ``block_n``, ``block_k``, ``sub_m``, ``sub_n``
    and ``stages``; ``specialised`` says whether they are for a kernel with wgmma (on sm_90a).

    Matrix-vector products are left for ``gpu-loops``, and so is what has sizes that are not known.
    """

    name: ClassVar[str] = "nvidia-contractions"
    chip: str = DEFAULT
    f32: str = EXACT

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        replace_contractions(
            module,
            self._choose,
            copies=CpAsync(),
            most_shared=CHIPS[self.chip].shared,
            special=self._specialised,
        )
        return module

    def _specialised(self, contraction: Contraction) -> tuple[WarpgroupPlan, Writer] | None:
        """A kernel with wgmma, where the chip and the contraction can have one."""
        plan = warpgroup_plan(contraction, wanted(contraction), CHIPS[self.chip])
        return None if plan is None else (plan, write_kernel)

    def _choose(
        self, contraction: Contraction, given: Mapping[str, int]
    ) -> tuple[MatrixUnit, Tiles] | None:
        if not worthwhile(contraction):
            return None
        kind = unit_kind(contraction, self.f32)
        if given.get(SPECIALISED):  # these are tiles for wgmma, which cannot do it after all
            given = {}
        tiles = with_overrides(_default(contraction, kind), given)
        unit: MatrixUnit
        if kind == "fma":
            unit = fma_unit(contraction, WARP, tiles.sub_m, tiles.sub_n)
        else:
            unit = MmaUnit(kind)
        sizes = UnitSizes(unit.rows, unit.columns, unit.inner)
        reasons = problems(tiles, sizes, WARP, CHIPS[self.chip].max_block)
        if reasons:
            raise refused(contraction, reasons)
        return unit, tiles


def worthwhile(contraction: Contraction) -> bool:
    """Whether both factors have several lines, of which each is used several times."""
    return all(extent(contraction, role) > 1 for role in ("rows", "columns", "inner"))


def unit_kind(contraction: Contraction, f32: str) -> str:
    """The type of factors on tensor cores ("f16", "bf16", "f32" for tf32), or "fma"."""
    types = {str(value.type) for value in factor_values(contraction)}
    sums = str(contraction.result.type.element_type)
    if sums not in ("f32", "f16", "bf16") or len(types) != 1:
        return "fma"
    kind = types.pop()
    known = ("f16", "bf16", "f32") if f32 == TF32 else ("f16", "bf16")
    return kind if kind in known else "fma"


def _default(contraction: Contraction, kind: str) -> Tiles:
    m, n = extent(contraction, "rows"), extent(contraction, "columns")
    if kind == "fma":
        return default_tiles(UnitSizes(16, 32, 4), m, n, 8, 2, (32, 64))
    return default_tiles(UnitSizes(16, 8, 16), m, n, 32, 3)
