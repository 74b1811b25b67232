"""Parameters of attention on Intel GPUs: which ones become one kernel, and its tiles.

Every attention that the kernels take gets tiles, whatever its sizes. The others are not spoken for
and keep their standard form: two products and a softmax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.params import xegpu_attention_tiles as model
from pharos.payload import Attention, Motif
from pharos.pipeline import Choice, MotifChoice
from pharos.targets.xegpu.attention.reach import objection
from pharos.targets.xegpu.facts import CHIPS

_CAUSAL = 0.5  # of the keys, where rows are as many as keys


def xegpu_attention(payload_facts: Any, target_facts: Any) -> tuple[MotifChoice, ...]:
    """``attention.tiles.Tiles`` for every attention that becomes a kernel."""
    motifs = payload_facts.walk() if payload_facts is not None else ()
    found = (choice_of(motif, target_facts) for motif in motifs)
    return tuple(one for one in found if one is not None)


def choice_of(motif: Motif, facts: Any) -> MotifChoice | None:
    """How parameters are chosen for ``motif``; None for what does not become a kernel."""
    if not isinstance(motif, Attention) or why_not(motif) is not None:
        return None
    work, chip = work_of(motif), CHIPS[facts.chip]

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        tiles = model.best(work, chip.chip, tuple(sorted(fixed.items())))
        why = model.explained(tiles, work, chip)
        return {name: Choice(getattr(tiles, name), why) for name in model.NAMES}

    def broken(values: Mapping[str, Any]) -> list[str]:
        return model.problems(values, work.dk, work.dv, chip)

    return MotifChoice(motif.key, choose, broken, f"{motif.kind} {motif.describe()}")


def why_not(motif: Attention) -> str | None:
    """Why ``motif`` keeps its standard form; None when it becomes a kernel."""
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
    return model.Work(batch, m, n, dk, dv, seen)
