"""What of a model's candidates is worth measuring: cheap ones that differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pharos.pipeline import Candidate

MOST = 64
# Neighbours of a candidate take what it takes: what is measured differs by this much in a value.
_APART = 1.25
_DEAR = 1.5  # times the cycles of the cheapest: no model is that wrong


def ranked(candidates: Iterable[Candidate], tile: Sequence[str]) -> tuple[Candidate, ...]:
    """At most ``MOST``, the cheapest first.

    None is without a value that is at least a quarter more or less than that of each one before
    it. Every second one is the cheapest of those with another tile, the values ``tile``: that is
    where models are wrong most.
    """
    left = _different(sorted(candidates, key=lambda candidate: candidate.cycles))
    found: list[Candidate] = []
    seen: set[tuple[int, ...]] = set()
    while left and len(found) < MOST:
        new = (one for one in left if _tile(one, tile) not in seen)
        one = next(new, left[0]) if len(found) % 2 else left[0]
        left.remove(one)
        found.append(one)
        seen.add(_tile(one, tile))
    return tuple(found)


def _different(cheapest_first: Sequence[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for one in cheapest_first:
        if one.cycles > _DEAR * cheapest_first[0].cycles:
            break
        if all(apart(one.values, other.values) for other in kept):
            kept.append(one)
    return kept


def apart(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Whether some value of ``one`` is a quarter more or less than that of ``other``."""
    pairs = ((value, other[name]) for name, value in one.items())
    return any(max(pair) >= _APART * min(pair) for pair in pairs)


def _tile(one: Candidate, names: Sequence[str]) -> tuple[int, ...]:
    return tuple(one.values[name] for name in names)
