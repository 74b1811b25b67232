"""Which contractions get a warp-specialised kernel, and its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.gpu_plan import extent
from pharos.targets.common.contractions.gpu_stage import refused
from pharos.targets.common.contractions.surroundings import captured, find_finish, find_start
from pharos.targets.common.contractions.tiles import Tiles, trips, with_overrides
from pharos.targets.common.contractions.unit import LEFT, RIGHT
from pharos.targets.nvidia.facts import NvidiaFacts
from pharos.targets.nvidia.warpgroups.factors import STEPS, apart, covers, mapped
from pharos.targets.nvidia.warpgroups.kernel import WarpgroupPlan
from pharos.targets.nvidia.warpgroups.sums import WgmmaSums

_SIZES = ((128, 256), (128, 128), (128, 64), (64, 256), (64, 128), (64, 64))
_STAGES = 4
SPECIALISED = "specialised"
"""The parameter that asks for this kernel (1) or for one without it (0)."""


def warpgroup_plan(
    contraction: Contraction, wanted: Mapping[str, int], facts: NvidiaFacts
) -> WarpgroupPlan | None:
    """The plan of a warp-specialised kernel; None where another kernel has to do it.

    That is: on chips without wgmma, for factors that TMA cannot bring, for less than a tile of
    anything, for sums that are not f32, or where ``wanted`` has tiles of another one.
    CompileError for tiles in ``wanted`` that it cannot have.
    """
    sums = str(contraction.result.type.element_type)
    if not facts.wgmma_f16 or sums not in ("f32", "f16", "bf16") or not covers(contraction):
        return None
    if not wanted.get(SPECIALISED, 0 if wanted else 1):
        return None
    begin, finish = find_start(contraction), find_finish(contraction)
    others: list[Any] = [contraction.result.buffer]
    others += [begin.operand.buffer] if begin.operand is not None else []
    others += [o.buffer for o in (*finish.operands, *finish.results)] if finish else []
    batch, m, n = (extent(contraction, role) for role in ("batch", "rows", "columns"))
    tiles = warpgroup_tiles(batch, m, n, facts)
    if wanted.get(SPECIALISED):
        tiles = with_overrides(tiles, wanted)
        reasons = problems(tiles, facts)
        if reasons:
            raise refused(contraction, reasons)
    factors = mapped(contraction, LEFT, tiles.block_m), mapped(contraction, RIGHT, tiles.block_n)
    if factors[0] is None or factors[1] is None or not apart(contraction, others):
        return None
    return WarpgroupPlan(
        contraction=contraction,
        start=begin,
        finish=finish,
        values=captured(contraction, begin, finish),
        unit=WgmmaSums(tiles.block_n),
        tiles=tiles,
        left=factors[0],
        right=factors[1],
    )


def warpgroup_tiles(batch: int, m: int, n: int, facts: NvidiaFacts) -> Tiles:
    """Sizes without a model of the whole kernel: those that take least, when a round of all
    multiprocessors takes as long as multiplying a tile or bringing it from the second cache; of
    equal ones the largest."""

    def cost(size: tuple[int, int]) -> tuple[float, int]:
        blocks = batch * trips(m, size[0]) * trips(n, size[1])
        area, lines = size[0] * size[1], size[0] + size[1]
        bring = 2 * lines * facts.compute_units / facts.l2_bytes
        return trips(blocks, facts.compute_units) * max(area / facts.wgmma_f16, bring), -area

    block_m, block_n = min(_SIZES, key=cost)
    return Tiles(block_m, block_n, STEPS, 64, block_n, _STAGES)


def problems(tiles: Tiles, facts: NvidiaFacts) -> list[str]:
    """Why no warp-specialised kernel can have ``tiles``, a sentence each."""
    found = []
    if tiles.block_m not in (64, 128):
        found.append(f"block_m = {tiles.block_m} is not 64 or 128, one or two warpgroups")
    if tiles.block_n not in (64, 128, 192, 256):
        found.append(f"block_n = {tiles.block_n} is not 64, 128, 192 or 256, the columns of wgmma")
    if (tiles.block_k, tiles.sub_m, tiles.sub_n) != (STEPS, 64, tiles.block_n):
        found.append("block_k and sub_m are 64 and sub_n is block_n in a specialised kernel")
    if tiles.stages < 2:
        found.append("stages = 1 leaves no tile to load into while another is used")
    needed = tiles.stages * ((tiles.block_m + tiles.block_n) * STEPS * 2 + 16)
    if not found and needed > facts.shared:
        found.append(f"the tiles need {needed} bytes of shared memory of {facts.shared}")
    return found
