"""The pipeline step: attention that dpas does not take becomes kernels of multiply-adds.

    linalg.generic {pharos.attention} ins(%q, %k, %v : f32) outs(%o)
      ==>
    gpu.launch_func @kernels::@main_attention_0 ...     // tiles in local memory, math.fma

Products of f32 are exact so; dpas would round factors to tf32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.targets.common.attention.gpu_fma_rows import FMA_UNIT, fma_layouts
from pharos.targets.common.attention.gpu_plan import AttentionPlan, HeadLayouts
from pharos.targets.common.attention.gpu_stage import default_plan, replace_attentions
from pharos.targets.common.attention.gpu_tiles import AttentionTiles, HeadSizes, HeadUnit, Limits
from pharos.targets.common.attention.site import AttentionSite
from pharos.targets.xegpu.facts import CHIPS, DEFAULT, XeGpuFacts


def head_unit(facts: XeGpuFacts) -> HeadUnit:
    """What multiplies heads of f32."""
    return FMA_UNIT[facts.subgroup_size]


def limits_of(facts: XeGpuFacts) -> Limits:
    """What kernels have of the chip."""
    return Limits(facts.max_block, facts.static_shared, facts.registers)


@dataclass(frozen=True)
class XeGpuAttentionMultiplyAdds:
    """Lower the attentions that ``xegpu-attention`` left to kernels of multiply-adds on ``chip``.

    An operation's attribute ``pharos.params`` may set the names of ``gpu_tiles.AttentionTiles``.
    """

    name: ClassVar[str] = "xegpu-attention-multiply-adds"
    chip: str = DEFAULT

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place. CompileError at an attention that no kernel takes."""
        replace_attentions(module, self._plan)
        return module

    def _plan(self, site: AttentionSite) -> AttentionPlan:
        facts = CHIPS[self.chip]
        return default_plan(site, head_unit(facts), limits_of(facts), self._layouts)

    def _layouts(self, dtype: str, tiles: AttentionTiles, sizes: HeadSizes) -> HeadLayouts:
        return fma_layouts(CHIPS[self.chip].subgroup_size, tiles, sizes)
