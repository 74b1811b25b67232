"""What the selectors of every GPU say of a contraction: tiles of the model, as parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.params.gpu_tiles import NAMES, Machine, Tiles, Work, best, explained, problems
from pharos.params.values import strange
from pharos.payload import Contraction, Motif
from pharos.pipeline import Choice, MotifChoice

_LONGEST = 1 << 16


def product_sizes(motif: Motif) -> tuple[int, int, int, int] | None:
    """Batch, rows, columns and inner steps of a contraction as its kernel sees them.

    None for what gets no such kernel: sizes that are not known, types without arithmetic, products
    with a single row, column or inner step.
    """
    if not isinstance(motif, Contraction) or motif.dtype not in DTYPE_BYTES:
        return None
    m, n = (motif.m, motif.n) if motif.result.endswith("n") else (motif.n, motif.m)
    if motif.batch is None or m is None or n is None or motif.k is None:
        return None
    return (motif.batch, m, n, motif.k) if min(m, n, motif.k) > 1 else None


def factor_type(motif: Contraction) -> str:
    """The type of what is multiplied, as it is stored."""
    return motif.lhs.dtype if motif.lhs.dtype == motif.rhs.dtype else motif.compute


def tile_choice(motif: Motif, work: Work, machine: Machine, f32: str) -> MotifChoice:
    """The tiles of ``work``, that of ``motif``; ``f32`` says how products of f32 are made."""

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        tiles = best(work, machine, tuple(sorted(fixed.items())))
        why = explained(tiles, work, machine)
        return {name: Choice(getattr(tiles, name), why) for name in NAMES}

    def broken(values: Mapping[str, Any]) -> list[str]:
        return strange_tiles(values) or problems(Tiles(**values), work, machine)

    signature = f"{motif.kind} {motif.describe()} f32={f32}"
    return MotifChoice(motif.key, choose, broken, signature)


def strange_tiles(values: Mapping[str, Any]) -> list[str]:
    """What of ``values`` is no value of a tile's parameter at all."""
    return strange(values, NAMES, _LONGEST)
