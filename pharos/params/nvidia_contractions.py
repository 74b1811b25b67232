"""Parameters of contraction kernels on NVIDIA GPUs: the tiles that the model finds cheapest.

Every size gets tiles: edges are masked, nothing is refused for what it measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.params import nvidia_warpgroups as warpgroups
from pharos.params.gpu_choice import factor_type, product_sizes, strange_tiles, tile_choice
from pharos.params.gpu_splits import with_splits
from pharos.params.gpu_tiles import NAMES, Machine, Tiles, UnitSizes, Work, best, cycles
from pharos.payload import Contraction, Motif
from pharos.pipeline import Choice, MotifChoice
from pharos.targets.nvidia.warpgroups.choice import SPECIALISED, problems

MMA, MMA_TF32 = UnitSizes(16, 8, 16), UnitSizes(16, 8, 8)
_SINGLY = 100  # registers where elements of two bytes come one by one, each with its address
FMA = UnitSizes(16, 32, 4)  # of the multiply-adds of 32 work-items, the smallest


def nvidia_contractions(payload_facts: Any, target_facts: Any, f32: str) -> tuple[MotifChoice, ...]:
    """``block_m``, ``block_n``, ``block_k``, ``sub_m``, ``sub_n``, ``stages`` of every contraction;
    ``f32`` is "exact" or "tf32". Those that can have a kernel with wgmma have ``specialised``,
    those that have parts ``splits``."""
    machine = machine_of(target_facts)
    motifs = payload_facts.walk() if payload_facts is not None else ()
    found = ((motif, work_of(motif, target_facts, f32)) for motif in motifs)
    return tuple(_split(motif, work, machine, target_facts, f32) for motif, work in found if work)


def _split(motif: Motif, work: Work, machine: Machine, facts: Any, f32: str) -> MotifChoice:
    def tiles_of(part: Work) -> MotifChoice:
        return _choice(motif, part, machine, facts, f32)

    def cost_of(part: Work) -> float:
        cost = cycles(best(part, machine), part, machine)
        if not isinstance(motif, Contraction) or not warpgroups.eligible(motif, facts):
            return cost
        tiles = warpgroups.best(part, machine, facts, ())
        own = warpgroups.cycles(tiles, part, machine, facts.wgmma_f16) if tiles else cost
        return min(cost, own)

    return with_splits(motif, work, tiles_of, cost_of, machine.memory_bytes)


def _choice(motif: Motif, work: Work, machine: Machine, facts: Any, f32: str) -> MotifChoice:
    plain = tile_choice(motif, work, machine, f32)
    if not isinstance(motif, Contraction) or not warpgroups.eligible(motif, facts):
        return plain

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        rest = {name: value for name, value in fixed.items() if name != SPECIALISED}
        tiles = _specialised(work, machine, facts, fixed)
        if tiles is None:
            found = plain.choose(rest)
            why = next(iter(found.values())).why
            return {**found, SPECIALISED: Choice(0, why)}
        why = warpgroups.explained(tiles, work, machine, facts.wgmma_f16)
        chosen = {name: Choice(getattr(tiles, name), why) for name in NAMES}
        return {**chosen, SPECIALISED: Choice(1, why)}

    def broken(values: Mapping[str, Any]) -> Sequence[str]:
        rest = {name: value for name, value in values.items() if name != SPECIALISED}
        asked = values.get(SPECIALISED, 0)
        if asked not in (0, 1):
            return [f"{SPECIALISED} = {asked} is not 0 or 1"]
        return (
            strange_tiles(rest) or problems(Tiles(**rest), facts) if asked else plain.problems(rest)
        )

    return MotifChoice(plain.key, choose, broken, plain.work)


def _specialised(
    work: Work, machine: Machine, facts: Any, fixed: Mapping[str, int]
) -> Tiles | None:
    """The tiles of a kernel with wgmma, where one is asked for or costs less than one without."""
    asked = fixed.get(SPECIALISED)
    rest = tuple(sorted((name, value) for name, value in fixed.items() if name != SPECIALISED))
    tiles = warpgroups.best(work, machine, facts, rest) if asked != 0 else None
    if tiles is None or asked == 1:
        return tiles
    other = best(work, machine, rest)
    least = warpgroups.cycles(tiles, work, machine, facts.wgmma_f16)
    return tiles if least <= cycles(other, work, machine) else None


def _copied(motif: Contraction) -> bool:
    """Whether both factors, of two bytes, can be copied in pairs: cp.async takes 4 bytes."""
    sizes = {"m": motif.m, "n": motif.n, "k": motif.k}
    fast = [sizes.get(factor.stored[-1:]) for factor in (motif.lhs, motif.rhs)]
    return all(size is not None and size % 2 == 0 for size in fast)


def machine_of(facts: Any) -> Machine:
    """The chip of ``NvidiaFacts`` as the model sees it."""
    return Machine(
        lanes=facts.subgroup_size,
        compute_units=facts.compute_units,
        max_block=facts.max_block,
        shared=facts.shared,
        registers=facts.registers,
        register_file=facts.register_file,
        l2_bytes=facts.l2_bytes,
        memory_bytes=facts.memory_bytes,
    )


def work_of(motif: Motif, facts: Any, f32: str) -> Work | None:
    """The work of a contraction; None for what gets no such kernel (``product_sizes``)."""
    sizes = product_sizes(motif)
    if sizes is None or not isinstance(motif, Contraction):
        return None
    factor = factor_type(motif)
    bytes_ = DTYPE_BYTES.get(factor, 4), DTYPE_BYTES[motif.dtype]
    work = Work(*sizes, *bytes_, MMA, facts.mma_f16)
    tensor = motif.dtype in ("f32", "f16", "bf16")
    if tensor and factor in ("f16", "bf16"):
        return work if _copied(motif) else replace(work, spare=_SINGLY)
    if tensor and factor == "f32" and f32 == "tf32":
        return replace(work, unit=MMA_TF32, rate=facts.mma_tf32)
    return replace(
        work, unit=FMA, rate=facts.fma_f32, copies=(8, 4), block_k=(8, 16), stages=(2, 3)
    )
