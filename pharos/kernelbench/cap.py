"""Make a problem of the public suite fit a small machine, and say what was changed.

The largest size that the module writes down is halved again and again, for as long as inputs,
weights, results and the largest tensor between them exceed the limit. Each step is tried on
shapes alone: a size that does not fit the others any more (a number of classes that is written
down twice, a window that no longer divides an image) is halved together with its equals or left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pharos.kernelbench.literals import Literal, changes, literals, replaced
from pharos.kernelbench.sizes import CannotMeasure, Sizes

# Smaller numbers are kernels, strides, heads, axes; halving them makes another problem.
_SMALLEST = 16
# When all others are that small, they may still shrink to this, and batches to 2.
_FLOOR = 8
# A step that saves less than this share is not worth another number of classes.
_WORTH = 0.01
_SECONDS = 30.0
Sizer = Callable[[str], Sizes]
"""The sizes of the module with that source; raises CannotMeasure when its parts do not fit."""


@dataclass(frozen=True)
class Caps:
    """Upper bounds: ``bytes`` in memory, ``flops`` of one call; 0 is none."""

    bytes: int = 0
    flops: int = 0

    def excess(self, sizes: Sizes) -> float:
        """How many times too large the larger of the two is; at most 1 when all fits."""
        pairs = ((sizes.bytes, self.bytes), (sizes.flops, self.flops))
        return max((found / cap for found, cap in pairs if cap), default=0.0)


@dataclass(frozen=True)
class Capped:
    """A module's source that fits, with the changes in words; ``note`` tells when it does not."""

    source: str
    changes: tuple[str, ...] = ()
    note: str = ""


def cap(source: str, caps: Caps, sizer: Sizer) -> Capped:
    """``source`` with its sizes halved until it fits ``caps``."""
    try:
        search = _Search(source, caps, sizer)
    except CannotMeasure as error:
        return Capped(source, note=f"sizes as they are: {error}")
    start = time.monotonic()
    stuck = "no other size can be halved"
    while search.excess > 1 and search.step():
        if time.monotonic() - start > _SECONDS:
            stuck = f"stopped looking after {_SECONDS:g} s"
            break
    note = f"still {search.excess:.1f} times the limit: {stuck}" if search.excess > 1 else ""
    halved = {literal: value for literal, value in search.values.items() if value != literal.value}
    return Capped(replaced(source, halved), changes(source, halved), note)


@dataclass
class _Search:
    source: str
    caps: Caps
    sizer: Sizer
    values: dict[Literal, int] = field(default_factory=dict)
    excess: float = 0.0
    _refused: set[tuple[Literal, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.values = {literal: literal.value for literal in literals(self.source)}
        self.excess = self.caps.excess(self.sizer(self.source))

    def step(self) -> bool:
        """Halve the largest size that may be halved; False when there is none left."""
        for group in self._groups():
            if group in self._refused:
                continue
            trial = {**self.values, **{literal: halved(self.values[literal]) for literal in group}}
            excess = self._excess(trial)
            if excess is not None and excess < (1 - _WORTH) * self.excess:
                self.values, self.excess = trial, excess
                return True
            self._refused.add(group)
        return False

    def _groups(self) -> Iterator[tuple[Literal, ...]]:
        """What to halve, in the order to try: each size alone, large ones first, then all sizes of
        one value together; small ones last."""
        by_size = sorted(self.values, key=lambda literal: -self.values[literal])
        large = [literal for literal in by_size if self.values[literal] >= _SMALLEST]
        yield from ((literal,) for literal in large)
        for value in dict.fromkeys(self.values[literal] for literal in large):
            yield tuple(literal for literal in large if self.values[literal] == value)
        yield from ((one,) for one in by_size if self._may_be_small(one))

    def _may_be_small(self, literal: Literal) -> bool:
        value, batch = self.values[literal], "batch" in literal.owner.lower()
        floor = 2 if batch else _FLOOR
        was_large = literal.value >= _SMALLEST or batch
        return was_large and value < _SMALLEST and halved(value) >= floor

    def _excess(self, values: Mapping[Literal, int]) -> float | None:
        try:
            return self.caps.excess(self.sizer(replaced(self.source, values)))
        except CannotMeasure:
            return None


def halved(value: int) -> int:
    """Half of ``value``; an odd size stays odd, because it was chosen to be awkward."""
    half = value // 2
    return half | 1 if value % 2 else half


def caps_of(options: Any) -> Caps:
    """The caps that ``options`` (max_mb, max_gflop) ask for."""
    return Caps(int(options.max_mb * (1 << 20)), int(options.max_gflop * 1e9))
