"""Make a problem of the project's own suite fit, and say what was changed.

The sizes that tests make tiny may shrink, and not below what tests take: the largest is halved
again and again for as long as the problem exceeds the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pharos.kernelbench.cap import Caps, halved
from pharos.kernelbench.sizes import CannotMeasure, Sizes

Size = Any
"""A number, or a list of numbers (the sides of an image)."""


@dataclass(frozen=True)
class Shrunk:
    """Sizes that fit, what changed in words, and a note where they still do not."""

    sizes: Mapping[str, Size]
    changes: tuple[str, ...] = ()
    note: str = ""


def shrink(
    usual: Mapping[str, Size],
    tiny: Mapping[str, Size],
    caps: Caps,
    measured: Callable[[Mapping[str, Size]], Sizes],
    fixed: Mapping[str, Size],
) -> Shrunk:
    """``usual`` with sizes halved until ``measured`` fits ``caps``.

    ``tiny`` has the sizes that may shrink, and their least values; ``fixed`` are sizes that the
    user gave, which stay.
    """
    sizes = {**usual, **fixed}
    least = {name: size for name, size in tiny.items() if name not in fixed}
    try:
        excess = caps.excess(measured(sizes))
    except CannotMeasure as error:
        return Shrunk(sizes, note=f"sizes as they are: {error}")
    while excess > 1:
        smaller = _smaller(sizes, least, excess, caps, measured)
        if smaller is None:
            note = f"still {excess:.1f} times the limit: no other size can be halved"
            return Shrunk(sizes, _told(usual, sizes, fixed), note)
        sizes, excess = smaller
    return Shrunk(sizes, _told(usual, sizes, fixed))


def _smaller(
    sizes: Mapping[str, Size],
    least: Mapping[str, Size],
    excess: float,
    caps: Caps,
    measured: Callable[[Mapping[str, Size]], Sizes],
) -> tuple[dict[str, Size], float] | None:
    """``sizes`` with the largest that helps halved, and how far they still exceed the caps."""
    for name in sorted(least, key=lambda name: -_largest(sizes[name])):
        half = _halved(sizes[name], least[name])
        if half == sizes[name]:
            continue
        trial = {**sizes, name: half}
        try:
            found = caps.excess(measured(trial))
        except CannotMeasure:
            continue
        if found < excess:
            return trial, found
    return None


def _largest(size: Size) -> int:
    return max(size) if isinstance(size, list) else int(size)


def _halved(size: Size, least: Size) -> Size:
    """Half of ``size``, not below ``least``; of a list its sides one by one."""
    if isinstance(size, list):
        return [_halved(side, low) for side, low in zip(size, least, strict=True)]
    if not isinstance(size, int) or isinstance(size, bool) or size <= least:
        return size
    return max(halved(size), least)


def _told(
    usual: Mapping[str, Size], sizes: Mapping[str, Size], fixed: Mapping[str, Size]
) -> tuple[str, ...]:
    changed = [name for name in usual if name not in fixed and sizes[name] != usual[name]]
    return tuple(f"{name}: {usual[name]} -> {sizes[name]}" for name in changed)
