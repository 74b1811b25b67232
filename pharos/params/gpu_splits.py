"""How many blocks share the inner steps of a product: more than one where blocks are too few.

The parts are a batch of products; a second kernel joins them
(``targets.common.contractions.splits``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pharos.params import gpu_tiles, xegpu_tiles
from pharos.payload import Contraction, Motif
from pharos.pipeline import Choice, MotifChoice
from pharos.targets.common.contractions.splits import SPLITS

Work = TypeVar("Work", gpu_tiles.Work, xegpu_tiles.Work)
LEAST = 256  # inner steps of a part: fewer do not pay for the join
_MOST = 64
_GAIN = 0.8  # of the time without parts: what is estimated must be worth a second kernel
_JOIN = 3000.0  # cycles to begin and end the kernel that joins


def with_splits(
    motif: Motif,
    work: Work,
    choice_of: Callable[[Work], MotifChoice],
    cost_of: Callable[[Work], float],
    memory_bytes: float,
) -> MotifChoice:
    """The parameters of ``choice_of`` for ``work``, that of ``motif``, or, where it is cut into
    parts, for the parts, and then ``splits``. ``cost_of`` estimates cycles; ``memory_bytes`` are
    what memory moves in one."""
    plain = choice_of(work)
    if not _can_be_cut(motif):
        return plain

    def choose(fixed: Mapping[str, int]) -> Mapping[str, Choice]:
        rest = {name: value for name, value in fixed.items() if name != SPLITS}
        splits = fixed.get(SPLITS) or _best(work, cost_of, memory_bytes)
        if splits == 1 or _misfits(splits, work.k):
            found = plain.choose(rest)
            return {**found, SPLITS: Choice(splits, "as given")} if SPLITS in fixed else found
        why = f"{splits} blocks share {work.k} inner steps: too few blocks without"
        return {**choice_of(part(work, splits)).choose(rest), SPLITS: Choice(splits, why)}

    def broken(values: Mapping[str, Any]) -> Sequence[str]:
        rest = {name: value for name, value in values.items() if name != SPLITS}
        splits = values.get(SPLITS, 1)
        reasons = _misfits(splits, work.k)
        return reasons or choice_of(part(work, splits)).problems(rest)

    return replace(plain, choose=choose, problems=broken)


def part(work: Work, splits: int) -> Work:
    """``work`` as a batch of its parts, whose results are f32 or wider."""
    if splits == 1:
        return work
    wide = max(4, work.out_bytes)
    return replace(work, batch=work.batch * splits, k=work.k // splits, out_bytes=wide)


def _can_be_cut(motif: Motif) -> bool:
    """Whether the inner steps are one dimension of both factors."""
    if not isinstance(motif, Contraction):
        return False
    return motif.lhs.stored.count("k") == motif.rhs.stored.count("k") == 1


def _best(work: Work, cost_of: Callable[[Work], float], memory_bytes: float) -> int:
    """The parts that cost least, the join included; 1 where they gain little."""
    whole = cost_of(work)
    costs = {s: cost_of(part(work, s)) + _join(work, s, memory_bytes) for s in _candidates(work)}
    best = min(costs, key=lambda s: (costs[s], s), default=1)
    return best if best > 1 and costs[best] < _GAIN * whole else 1


def _candidates(work: Work) -> Iterator[int]:
    splits = 2
    while splits <= _MOST and work.k % splits == 0 and work.k // splits >= LEAST:
        yield splits
        splits *= 2


def _join(work: Work, splits: int, memory_bytes: float) -> float:
    """Cycles of the second kernel; the parts come from the cache at best, from memory at worst."""
    moved = work.batch * work.m * work.n * (4 * splits + work.out_bytes)
    return _JOIN + moved / memory_bytes


def _misfits(splits: Any, steps: int) -> list[str]:
    if isinstance(splits, bool) or not isinstance(splits, int) or splits < 1:
        return [f"{SPLITS} = {splits} is not a positive number"]
    if steps % splits:
        return [f"{SPLITS} = {splits} does not divide the {steps} inner steps"]
    return []
