"""Parameters of contractions on Intel GPUs: the tiles that the models find cheapest.

Products of f16 and bf16 run on matrix units (``xegpu_tiles``), others on multiply-adds, or, of f32
where tf32 is asked for, on matrix units fed from local memory (``gpu_tiles``). Every size gets
tiles: edges are clipped or masked, nothing is refused for what it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.params import xegpu_tiles
from pharos.params.gpu_choice import factor_type, product_sizes, tile_choice
from pharos.params.gpu_splits import with_splits
from pharos.params.gpu_tiles import Machine, UnitSizes, Work, best, cycles
from pharos.payload import Contraction, Motif
from pharos.pipeline import Choice, MotifChoice
from pharos.targets.xegpu.contractions.multiply_adds import EXACT, TF32, UNIT
from pharos.targets.xegpu.contractions.stage import THIN
from pharos.targets.xegpu.facts import CHIPS, XeGpuFacts

TF32_UNIT = UnitSizes(8, 16, 8)
_MATRIX_FACTORS = ("f16", "bf16")
_MATRIX_RESULTS = ("f16", "bf16", "f32")


def xegpu_contractions(payload_facts: Any, target_facts: Any, f32: str) -> tuple[MotifChoice, ...]:
    """The parameters of every contraction: ``tiles.Tiles`` of products on matrix units, those of
    ``gpu_tiles`` for others; ``f32`` is "exact" or "tf32"."""
    motifs = payload_facts.walk() if payload_facts is not None else ()
    found = (choice_of(motif, target_facts, f32) for motif in motifs)
    return tuple(one for one in found if one is not None)


def choice_of(motif: Motif, facts: Any, f32: str = EXACT) -> MotifChoice | None:
    """How parameters are chosen for ``motif``; None for what gets no kernel of tiles."""
    sizes, chip = product_sizes(motif), CHIPS[facts.chip]
    if sizes is None or not isinstance(motif, Contraction):
        return None
    if _on_matrix_units(motif) and min(sizes[1:3]) >= THIN:
        return _on_units(motif, xegpu_tiles.Work(*sizes, DTYPE_BYTES[motif.dtype]), chip)
    factor, lanes = factor_type(motif), chip.subgroup_size
    bytes_ = DTYPE_BYTES.get(factor, 4), DTYPE_BYTES[motif.dtype]
    many = Work(*sizes, *bytes_, UNIT, 0, block_k=(8, 16), stages=(2,), staged=2.0)
    if f32 == TF32 and factor == motif.dtype == "f32":
        # tf32 has half the rate of f16, whose operations count a multiply-add as two.
        work = replace(many, unit=TF32_UNIT, rate=chip.matrix_flops // 4, block_k=(8, 16, 32))
    else:
        work = replace(many, rate=chip.vector_flops // 2, copies=(8, lanes // 8))
    machine = machine_of(chip)

    def tiles_of(part: Work) -> MotifChoice:
        return tile_choice(motif, part, machine, f32)

    def cost_of(part: Work) -> float:
        return cycles(best(part, machine), part, machine)

    return with_splits(motif, work, tiles_of, cost_of, machine.memory_bytes)


def _on_matrix_units(motif: Contraction) -> bool:
    same = motif.lhs.dtype == motif.rhs.dtype
    return same and motif.lhs.dtype in _MATRIX_FACTORS and motif.dtype in _MATRIX_RESULTS


def _on_units(motif: Motif, work: xegpu_tiles.Work, chip: XeGpuFacts) -> MotifChoice:
    def tiles_of(part: xegpu_tiles.Work) -> MotifChoice:
        return _matrix_choice(motif, part, chip)

    def cost_of(part: xegpu_tiles.Work) -> float:
        return xegpu_tiles.cycles(xegpu_tiles.best(part, chip.chip), part, chip)

    return with_splits(motif, work, tiles_of, cost_of, chip.bandwidth / chip.clock)


def _matrix_choice(motif: Motif, work: xegpu_tiles.Work, chip: XeGpuFacts) -> MotifChoice:
    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        tiles = xegpu_tiles.best(work, chip.chip, tuple(sorted(fixed.items())))
        why = xegpu_tiles.explained(tiles, work, chip)
        return {name: Choice(getattr(tiles, name), why) for name in xegpu_tiles.NAMES}

    def broken(values: Mapping[str, Any]) -> list[str]:
        return xegpu_tiles.problems(values, chip)

    return MotifChoice(motif.key, choose, broken, f"{motif.kind} {motif.describe()}")


def machine_of(chip: XeGpuFacts) -> Machine:
    """The chip as the model of multiply-adds sees it."""
    return Machine(
        lanes=chip.subgroup_size,
        compute_units=chip.compute_units,
        max_block=chip.max_block,
        shared=chip.static_shared,
        registers=chip.registers,
        register_file=chip.register_file,
        l2_bytes=chip.l2_bytes * chip.compute_units,
        memory_bytes=int(chip.bandwidth / chip.clock),
        schedulers=chip.engines,
        most_threads=chip.threads * chip.subgroup_size,
    )
