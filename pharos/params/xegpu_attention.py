"""Parameters of attention on Intel GPUs: which ones become one kernel, and its tiles.

Those of f16 and bf16 run on matrix units (``xegpu_attention_tiles``), those of f32 on multiply-adds
(``gpu_attention``). Every one that the kernels take gets tiles, whatever its sizes. The others are
not spoken for and keep their standard form: two products and a softmax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.params import gpu_attention, xegpu_contractions
from pharos.params import xegpu_attention_tiles as model
from pharos.payload import Attention, Motif
from pharos.pipeline import Choice, MotifChoice
from pharos.targets.xegpu.attention.multiply_adds import head_unit, limits_of
from pharos.targets.xegpu.attention.reach import objection
from pharos.targets.xegpu.facts import CHIPS, XeGpuFacts

_CAUSAL = 0.5  # of the keys, where rows are as many as keys


def xegpu_attention(payload_facts: Any, target_facts: Any) -> tuple[MotifChoice, ...]:
    """``attention.tiles.Tiles`` or ``gpu_tiles.AttentionTiles`` for every attention that becomes a
    kernel."""
    motifs = payload_facts.walk() if payload_facts is not None else ()
    found = (choice_of(motif, target_facts) for motif in motifs)
    return tuple(one for one in found if one is not None)


def choice_of(motif: Motif, facts: Any) -> MotifChoice | None:
    """How parameters are chosen for ``motif``; None for what does not become a kernel."""
    if not isinstance(motif, Attention):
        return None
    chip = CHIPS[facts.chip]
    if gpu_attention.taken(motif) == "f32":
        lanes = chip.vector_flops // 2
        on_lanes = gpu_attention.work_of(motif, head_unit(chip), limits_of(chip), lanes, lanes)
        found = gpu_attention.choice_of(motif, on_lanes, xegpu_contractions.machine_of(chip))
        chosen = {name: one.value for name, one in found.choose({}).items()}
        # The widest heads leave no registers for any tiles.
        return None if found.problems(chosen) else found
    return _matrix_choice(motif, chip) if why_not(motif) is None else None


def _matrix_choice(motif: Attention, chip: XeGpuFacts) -> MotifChoice:
    work = work_of(motif)

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        tiles = model.best(work, chip.chip, tuple(sorted(fixed.items())))
        why = model.explained(tiles, work, chip)
        return {name: Choice(getattr(tiles, name), why) for name in model.NAMES}

    def broken(values: Mapping[str, Any]) -> list[str]:
        return model.problems(values, work.dk, work.dv, chip)

    return MotifChoice(motif.key, choose, broken, f"{motif.kind} {motif.describe()}")


def why_not(motif: Attention) -> str | None:
    """Why matrix units do not take ``motif``; None when they do."""
    sizes = (motif.batch, motif.queries, motif.keys, motif.depth, motif.value_depth)
    return motif.obstacle or objection(sizes, (*motif.stored, *motif.extras, motif.dtype))


def work_of(motif: Attention) -> model.Work:
    """``motif`` as the model sees it; all its sizes must be known."""
    known = (motif.batch, motif.queries, motif.keys, motif.depth, motif.value_depth, motif.shared)
    batch, m, n, dk, dv, shared = (1 if size is None else size for size in known)
    if m == 1 and shared > 1:
        # The heads that share keys are rows.
        batch, m = batch // shared, shared
    seen = _CAUSAL if motif.mask == "causal" and m > 1 else 1.0
    # Masks of bytes are beyond block loads.
    gathered = sum(DTYPE_BYTES.get(dtype) == 1 for dtype in motif.extras)
    return model.Work(batch, m, n, dk, dv, seen, gathered)
