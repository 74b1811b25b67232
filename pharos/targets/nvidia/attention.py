"""The pipeline step: attention becomes one kernel on tensor cores, of f32 one on multiply-adds.

linalg.generic {softmax_weighted_sum(score(q * k), v)} (%q, %k, %v, %o)
  ==>   gpu.launch_func @kernels::@main_attention_0 ...     // cp.async, ldmatrix, mma.sync, shfl
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.gpu_fma_rows import FMA_UNIT, fma_layouts
from pharos.targets.common.attention.gpu_plan import AttentionPlan, HeadLayouts
from pharos.targets.common.attention.gpu_rows import RowLayout, element
from pharos.targets.common.attention.gpu_stage import default_plan, replace_attentions
from pharos.targets.common.attention.gpu_tiles import AttentionTiles, HeadSizes, HeadUnit, Limits
from pharos.targets.common.attention.site import AttentionSite
from pharos.targets.common.contractions.unit import Fragment, Sums
from pharos.targets.common.nests import index
from pharos.targets.nvidia.async_copies import CpAsync
from pharos.targets.nvidia.facts import CHIPS, DEFAULT, NvidiaFacts
from pharos.targets.nvidia.mma import MmaUnit

_WARP = 32
_MMA = HeadUnit(rows=16, columns=16, value_columns=16, inner=16, lanes=_WARP, bytes=2)


def head_unit(dtype: str) -> HeadUnit:
    """What multiplies heads of ``dtype``: tensor cores, or multiply-adds for f32."""
    return FMA_UNIT[_WARP] if dtype == "f32" else _MMA


def limits_of(facts: NvidiaFacts) -> Limits:
    """What kernels have of the chip."""
    return Limits(facts.max_block, facts.shared, facts.registers)


@dataclass(frozen=True)
class NvidiaAttention:
    """Lower attentions on memrefs to kernels.

    ``chip`` names one of ``facts.CHIPS``. An operation's attribute ``pharos.params`` may set
    ``query_rows``, ``subgroup_rows``, ``key_tile``, ``head_tile``, ``stages`` and ``splits``.
    """

    name: ClassVar[str] = "nvidia-attention"
    chip: str = DEFAULT

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        replace_attentions(module, self._plan)
        return module

    def _plan(self, site: AttentionSite) -> AttentionPlan:
        limits = limits_of(CHIPS[self.chip])
        return default_plan(site, head_unit(site.q.dtype), limits, _layouts, CpAsync())


def _layouts(dtype: str, tiles: AttentionTiles, sizes: HeadSizes) -> HeadLayouts:
    if dtype == "f32":
        return fma_layouts(_WARP, tiles, sizes)
    rows = MmaRows(MmaUnit(dtype))
    return HeadLayouts(rows, rows, _MMA, _power)


def _power(value: Any) -> Any:
    """ex2.approx.ftz: off by two units in the last place at most (PTX ISA 9.0, 9.7.3.21)."""
    return dialect("nvvm").Ex2Op(value, ftz=True, results=[value.type]).result


@dataclass(frozen=True)
class MmaRows(RowLayout):
    """Sums of mma.sync: rows lane / 4 and 8 further, two columns of each; four lanes share them.

    The sums of two neighbouring pieces are the elements of a left fragment of 16 steps (PTX ISA
    9.0, 9.7.14.5.8: figures of A and of C).
    """

    unit: MmaUnit
    slots = 2
    partners = (1, 2)
    run = 2

    def rows(self, lane: Any) -> list[Any]:
        """Two."""
        first = dialect("arith").divui(lane, index.constant(4))
        return [first, index.add(first, index.constant(8))]

    def columns(self, lane: Any) -> list[Any]:
        """Two neighbours."""
        rest = dialect("arith").remui(lane, index.constant(4))
        first = index.mul(rest, index.constant(2))
        return [first, index.add(first, index.constant(1))]

    def split(self, sums: Sums) -> list[Any]:
        """The rows of ``vector<2x2xf32>``."""
        return [element(sums[0], slot) for slot in range(2)]

    def scaled(self, sums: Sums, factors: Sequence[Any]) -> Sums:
        """Each row times its factor."""
        each = [factor for factor in factors for _ in range(2)]
        many = dialect("vector").from_elements(sums[0].type, each)
        return [dialect("arith").mulf(sums[0], many)]

    def relaid(self, weights: Sequence[Any]) -> list[Fragment] | None:
        """Of four neighbours of each row: the first two of both rows, then the others."""
        vector, count = dialect("vector"), weights[0].type.shape[0]
        type_ = mlir.VectorType.get([4, 2], weights[0].type.element_type)
        return [
            vector.from_elements(
                type_,
                [
                    element(row, first + half + n)
                    for half in (0, 2)
                    for row in weights
                    for n in range(2)
                ],
            )
            for first in range(0, count, 4)
        ]

    def inner_fast(self, values: bool, heads_fast: bool) -> bool:
        """As it is in memory: ldmatrix transposes what has to be."""
        return heads_fast != values
