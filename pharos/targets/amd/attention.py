"""The pipeline step: attention becomes one kernel on matrix instructions, of f32 on gfx11 one on
multiply-adds.

linalg.generic {softmax_weighted_sum(score(q * k), v)} (%q, %k, %v, %o)
  ==>   gpu.launch_func @kernels::@main_attention_0 ...     // v_wmma or v_mfma on tiles in LDS
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.amd import fragments
from pharos.targets.amd.facts import CHIPS, DEFAULT, AmdFacts
from pharos.targets.amd.fragments import Layout
from pharos.targets.amd.matrix_units import MfmaUnit, WmmaUnit
from pharos.targets.common.attention.gpu_fma_rows import FMA_UNIT, fma_layouts
from pharos.targets.common.attention.gpu_plan import AttentionPlan, HeadLayouts
from pharos.targets.common.attention.gpu_rows import RowLayout, element, from_partner, times
from pharos.targets.common.attention.gpu_stage import default_plan, replace_attentions
from pharos.targets.common.attention.gpu_tiles import AttentionTiles, HeadSizes, HeadUnit, Limits
from pharos.targets.common.attention.site import AttentionSite
from pharos.targets.common.contractions.unit import Fragment, Run, Sums
from pharos.targets.common.nests import index

# Registers as kernels that were compiled for gfx1100 needed them.
_WMMA = HeadUnit(
    rows=16,
    columns=16,
    value_columns=16,
    inner=16,
    lanes=32,
    bytes=2,
    left=2,
    right=2,
    per_score=5,
    spare=48,
    hoists=True,
)
_MFMA = HeadUnit(rows=16, columns=16, value_columns=16, inner=16, lanes=64, bytes=2)
_MFMA_F32 = HeadUnit(rows=16, columns=16, value_columns=16, inner=16, lanes=64, bytes=4)
_STEPS = 4  # products of f32 that make 16 inner steps


def head_unit(dtype: str, facts: AmdFacts) -> HeadUnit:
    """What multiplies heads of ``dtype``."""
    if facts.matrix == "mfma":
        return _MFMA_F32 if dtype == "f32" else _MFMA
    return FMA_UNIT[facts.subgroup_size] if dtype == "f32" else _WMMA


def limits_of(facts: AmdFacts) -> Limits:
    """What kernels have of the chip; a wave of gfx942 may use half of its registers as such."""
    return Limits(facts.max_block, facts.static_shared, min(256, facts.registers))


@dataclass(frozen=True)
class AmdAttention:
    """Lower attentions on memrefs to kernels.

    ``chip`` names one of ``facts.CHIPS``. An operation's attribute ``pharos.params`` may set
    ``query_rows``, ``subgroup_rows``, ``key_tile``, ``head_tile``, ``stages`` and ``splits``.
    """

    name: ClassVar[str] = "amd-attention"
    chip: str = DEFAULT

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        replace_attentions(module, self._plan)
        return module

    def _plan(self, site: AttentionSite) -> AttentionPlan:
        facts = CHIPS[self.chip]
        unit = head_unit(site.q.dtype, facts)
        return default_plan(site, unit, limits_of(facts), self._layouts)

    def _layouts(self, dtype: str, tiles: AttentionTiles, sizes: HeadSizes) -> HeadLayouts:
        facts = CHIPS[self.chip]
        unit = head_unit(dtype, facts)
        rows: RowLayout
        if facts.matrix == "mfma":
            rows = MfmaRows(MfmaFour() if dtype == "f32" else MfmaUnit(factor=dtype))
        elif dtype == "f32":
            return fma_layouts(facts.subgroup_size, tiles, sizes)
        else:
            rows = WmmaRows(TurnedWmma(factor=dtype))
        return HeadLayouts(rows, rows, unit, None if dtype == "f32" else _power)


def _power(value: Any) -> Any:
    """V_EXP_F32: off by one unit in the last place, zero for what would be subnormal (RDNA3 ISA, 16
    Instructions, VOP1)."""
    made = mlir.Operation.create("rocdl.exp2", results=[value.type], operands=[value])
    return made.result


class _OneRow(RowLayout):
    """A lane has one row of a piece, ``lane mod 16``: the factors of the instruction have changed
    places, so that its columns are our rows."""

    slots = 1

    def rows(self, lane: Any) -> list[Any]:
        """The lane's."""
        return [dialect("arith").remui(lane, index.constant(16))]

    def split(self, sums: Sums) -> list[Any]:
        """The one vector."""
        return list(sums)

    def scaled(self, sums: Sums, factors: Sequence[Any]) -> Sums:
        """All of it."""
        return [times(sums[0], factors[0])]

    def inner_fast(self, values: bool, heads_fast: bool) -> bool:
        """Always: a lane loads neighbouring steps at once."""
        return True


@dataclass(frozen=True)
class MfmaFour(MfmaUnit):
    """Four MFMA 16 x 16 x 4 on f32, as if they were one of 16 steps.

    A lane has the steps 4 g to 4 g + 3 of its line, g being its group of 16 lanes; instruction i
    takes the steps 4 g + i of all groups. The order in which steps are summed is free.
    """

    factor: str = "f32"

    def multiply(self, left: Any, right: Any, sums: Sums) -> Sums:
        """Four instructions."""
        plain = mlir.Attribute.parse("#rocdl<mfma_perm_b none>")
        more = {"blocks": 1, "cbsz": 0, "abid": 0, "blgp": plain, "k": _STEPS}
        found = sums[0]
        for step in range(_STEPS):
            first, second = element(right, step), element(left, step)
            found = self._instruction("amdgpu.mfma", first, second, found, **more)
        return [found]


@dataclass(frozen=True)
class MfmaRows(_OneRow):
    """Sums of MFMA 16 x 16: four neighbouring columns, those of the steps that a lane has of a left
    fragment; lanes 16, 32 and 48 further share the row."""

    unit: MfmaUnit
    partners = (16, 32)
    run = 4

    def columns(self, lane: Any) -> list[Any]:
        """Four neighbours."""
        group = dialect("arith").divui(lane, index.constant(16))
        first = index.mul(group, index.constant(4))
        return [index.add(first, index.constant(n)) for n in range(4)]

    def relaid(self, weights: Sequence[Any]) -> list[Fragment] | None:
        """They are fragments."""
        count = weights[0].type.shape[0]
        return [_part(weights[0], range(at, at + 4)) for at in range(0, count, 4)]


@dataclass(frozen=True)
class TurnedWmma(WmmaUnit):
    """WMMA with its factors' places changed: a lane has every other column of one row."""

    layout: Layout = fragments.WMMA

    def multiply(self, left: Any, right: Any, sums: Sums) -> Sums:
        """One instruction."""
        return [self._instruction("amdgpu.wmma", right, left, sums[0])]

    def runs(self, lane: Any) -> list[Run]:
        """Single elements."""
        arith, size = dialect("arith"), index.constant(self.layout.size)
        half, row = arith.divui(lane, size), arith.remui(lane, size)
        columns = range(0, self.layout.size, 2)
        return [Run(row, index.add(half, index.constant(column)), 1) for column in columns]


@dataclass(frozen=True)
class WmmaRows(_OneRow):
    """Sums of a turned WMMA: the even or the odd columns of a row, the other half of the wave has
    the others, and both halves need all of them for the second product."""

    unit: TurnedWmma
    partners = (16,)

    def columns(self, lane: Any) -> list[Any]:
        """Eight, two apart."""
        half = dialect("arith").divui(lane, index.constant(16))
        return [index.add(half, index.constant(2 * n)) for n in range(8)]

    def relaid(self, weights: Sequence[Any]) -> list[Fragment] | None:
        """Exchanged with the other half, two at a time, and put in order."""
        gpu, arith, vector = dialect("gpu"), dialect("arith"), dialect("vector")
        thread = gpu.thread_id(gpu.Dimension.x)
        half = arith.andi(thread, index.constant(16))
        even = arith.cmpi(arith.CmpIPredicate.eq, half, index.constant(0))
        found = []
        for at in range(0, weights[0].type.shape[0], 8):
            own = _part(weights[0], range(at, at + 8))
            other = self._exchanged(own)
            low, high = arith.select(even, own, other), arith.select(even, other, own)
            order = [n + turn for n in range(8) for turn in (0, 8)]
            found.append(vector.shuffle(low, high, order))
        return found

    def _exchanged(self, values: Any) -> Any:
        """What the lane of the same row in the other half has."""
        vector, i32 = dialect("vector"), mlir.IntegerType.get_signless(32)
        pairs = vector.bitcast(mlir.VectorType.get([4], i32), values)
        others = [from_partner(self, element(pairs, n), 16) for n in range(4)]
        return vector.bitcast(values.type, vector.from_elements(pairs.type, others))


def _part(values: Any, lanes: Sequence[int]) -> Any:
    return dialect("vector").shuffle(values, values, list(lanes))
