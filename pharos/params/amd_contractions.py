"""Parameters of contraction kernels on AMD GPUs: the tiles that the model finds cheapest.

Every size gets tiles: edges are masked, nothing is refused for what it measures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.params.gpu_choice import factor_type, product_sizes, tile_choice
from pharos.params.gpu_splits import with_splits
from pharos.params.gpu_tiles import Machine, UnitSizes, Work, best, cycles
from pharos.payload import Contraction, Motif
from pharos.pipeline import MotifChoice

NARROW, F32 = UnitSizes(16, 16, 16), UnitSizes(16, 16, 4)
_MATRIX_TYPES = ("f32", "f16", "bf16")
# Registers for 4 bytes on their way in vectors of 16 bytes, each with an address of two registers;
# and for an element that comes alone, with its address and mask, as compiled kernels show.
_IN_VECTORS, _ALONE = 1.5, 2.5
_SPARE = 56  # for all else; kernels that were compiled needed up to this many


def amd_contractions(payload_facts: Any, target_facts: Any, f32: str) -> tuple[MotifChoice, ...]:
    """``block_m``, ``block_n``, ``block_k``, ``sub_m``, ``sub_n``, ``stages`` of every contraction,
    and ``splits`` where it has parts;
    ``f32`` is "matrix" or "fma"."""
    machine = machine_of(target_facts)
    motifs = payload_facts.walk() if payload_facts is not None else ()
    found = ((motif, work_of(motif, target_facts, f32)) for motif in motifs)
    return tuple(_choice(motif, work, machine, f32) for motif, work in found if work)


def _choice(motif: Motif, work: Work, machine: Machine, f32: str) -> MotifChoice:
    def tiles_of(part: Work) -> MotifChoice:
        return tile_choice(motif, part, machine, f32)

    def cost_of(part: Work) -> float:
        return cycles(best(part, machine), part, machine)

    return with_splits(motif, work, tiles_of, cost_of, machine.memory_bytes)


def machine_of(facts: Any) -> Machine:
    """The chip of ``AmdFacts`` as the model sees it."""
    return Machine(
        lanes=facts.subgroup_size,
        compute_units=facts.compute_units,
        max_block=facts.max_block,
        shared=facts.static_shared,
        registers=facts.registers,
        register_file=facts.register_file,
        l2_bytes=facts.l2_bytes,
        memory_bytes=int(facts.memory_bytes),
        schedulers=facts.simds,
        most_threads=facts.threads,
    )


def work_of(motif: Motif, facts: Any, f32: str) -> Work | None:
    """The work of a contraction; None for what gets no such kernel (``product_sizes``).

    Tiles pass through registers on their way to workgroup memory, while one other is used.
    """
    sizes = product_sizes(motif)
    if sizes is None or not isinstance(motif, Contraction):
        return None
    factor, sums = factor_type(motif), motif.dtype
    bytes_ = DTYPE_BYTES.get(factor, 4), DTYPE_BYTES[sums]
    work = Work(*sizes, *bytes_, NARROW, facts.matrix_flops // 2, stages=(2,), spare=_SPARE)
    work = replace(
        work, staged=_IN_VECTORS if _in_vectors(motif, work) else _ALONE * 4 / work.bytes
    )
    lanes = facts.subgroup_size
    if sums in _MATRIX_TYPES and factor in ("f16", "bf16"):
        # Both halves of a wave hold what WMMA multiplies.
        return replace(work, copies=(2, 2) if facts.matrix == "wmma" else (1, 1))
    work = replace(work, rate=facts.vector_flops // 2)
    if sums in _MATRIX_TYPES and (factor, f32, facts.matrix) == ("f32", "matrix", "mfma"):
        return replace(work, unit=F32, block_k=(8, 16, 32))
    unit = UnitSizes(4 * lanes // 8, 32, 4)  # the smallest: 4 x 4 for each work-item, 8 across
    return replace(work, unit=unit, copies=(8, lanes // 8), block_k=(8, 16))


def _in_vectors(motif: Contraction, work: Work) -> bool:
    """Whether rows of both factors in memory are multiples of 16 bytes."""
    rows = (work.m if motif.transpose_a else work.k, work.k if motif.transpose_b else work.n)
    return all(row * work.bytes % 16 == 0 for row in rows)
