"""Parameters of contraction kernels on NVIDIA GPUs: the tiles that the model finds cheapest.

Every size gets tiles: edges are masked, nothing is refused for what it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.params.gpu_tiles import (
    NAMES,
    Machine,
    Tiles,
    UnitSizes,
    Work,
    best,
    explained,
    problems,
)
from pharos.payload import Contraction, Motif
from pharos.pipeline import Choice, MotifChoice

MMA, MMA_TF32 = UnitSizes(16, 8, 16), UnitSizes(16, 8, 8)
FMA = UnitSizes(16, 32, 4)  # of the multiply-adds of 32 work-items, the smallest
_LONGEST = 1 << 16


def nvidia_contractions(payload_facts: Any, target_facts: Any, f32: str) -> tuple[MotifChoice, ...]:
    """``block_m``, ``block_n``, ``block_k``, ``sub_m``, ``sub_n``, ``stages`` of every contraction;
    ``f32`` is "exact" or "tf32"."""
    motifs = payload_facts.walk() if payload_facts is not None else ()
    found = (_choice(motif, target_facts, f32) for motif in motifs)
    return tuple(one for one in found if one is not None)


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
    """The work of a contraction; None for what gets no such kernel.

    That is: sizes that are not known, types without arithmetic, products with a single row, column
    or inner step.
    """
    if not isinstance(motif, Contraction):
        return None
    m, n = (motif.m, motif.n) if motif.result.endswith("n") else (motif.n, motif.m)
    sizes = (motif.batch, m, n, motif.k)
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes) or min(known[1:]) < 2 or motif.dtype not in DTYPE_BYTES:
        return None
    factor = motif.lhs.dtype if motif.lhs.dtype == motif.rhs.dtype else motif.compute
    batch, m, n, k = known
    work = Work(
        batch, m, n, k, DTYPE_BYTES.get(factor, 4), DTYPE_BYTES[motif.dtype], MMA, facts.mma_f16
    )
    tensor = motif.dtype in ("f32", "f16", "bf16")
    if tensor and factor in ("f16", "bf16"):
        return work
    if tensor and factor == "f32" and f32 == "tf32":
        return replace(work, unit=MMA_TF32, rate=facts.mma_tf32)
    return replace(
        work, unit=FMA, rate=facts.fma_f32, copies=(8, 4), block_k=(8, 16), stages=(2, 3)
    )


def _choice(motif: Motif, facts: Any, f32: str) -> MotifChoice | None:
    work, machine = work_of(motif, facts, f32), machine_of(facts)
    if work is None:
        return None

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        tiles = best(work, machine, tuple(sorted(fixed.items())))
        why = explained(tiles, work, machine)
        return {name: Choice(getattr(tiles, name), why) for name in NAMES}

    def broken(values: Mapping[str, Any]) -> list[str]:
        return _strange(values) or problems(Tiles(**values), work, machine)

    signature = f"{motif.kind} {motif.describe()} f32={f32}"
    return MotifChoice(motif.key, choose, broken, signature)


def _strange(values: Mapping[str, Any]) -> list[str]:
    """What is no value of a parameter at all."""
    found = [
        f"{name} is no parameter of it; there are {', '.join(NAMES)}"
        for name in values
        if name not in NAMES
    ]
    for name in NAMES:
        value = values.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LONGEST:
            found.append(f"{name} = {value} is not an integer from 1 to {_LONGEST}")
    return found
