"""Where an element of a value is, in terms of the loops of the whole that is looked for.

A place is one tuple of digits per dimension: ``(("h", 4), ("t", 7))`` is element ``7 h + t`` of a
dimension of 28, ``()`` the only element of a dimension of size 1. Reshapes regroup digits. Where a
reshape splits a digit, it is asked to be two from the start: ``Split``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from pharos.payload.contraction import reassociation
from pharos.payload.maps import Access, Size, shape_of

Digit: TypeAlias = "tuple[str, Size]"
Dimension: TypeAlias = "tuple[Digit, ...]"
Place: TypeAlias = "tuple[Dimension, ...]"


class Split(Exception):
    """The digit ``symbol`` must be several, of these ``sizes``, outermost first."""

    def __init__(self, symbol: str, sizes: tuple[int, int]) -> None:
        super().__init__(symbol)
        self.symbol, self.sizes = symbol, sizes


def reached(access: Access, loops: Sequence[Dimension | None], shape: Sequence[Size]) -> Any:
    """The place of an operand in a nest whose loops are at ``loops``; None if it has none."""
    found: list[Dimension] = []
    for index, size in zip(access, shape, strict=True):
        if index is None or (index.terms and index.loop is None):
            return None
        if index.loop is None:
            if index.offset or size != 1:
                return None
            found.append(())
            continue
        digits = loops[index.loop]
        if digits is None:
            return None
        found.append(digits)
    return tuple(found)


def reshaped(operation: Any, place: Place) -> Place | None:
    """The place in the source of ``tensor.expand_shape`` or ``tensor.collapse_shape``."""
    groups = reassociation(operation)
    source, result = (shape_of(v.type) for v in (operation.operands[0], operation.results[0]))
    if operation.name == "tensor.expand_shape":
        return tuple(_joined([place[d] for d in group]) for group in groups)
    found: list[Dimension] = [()] * len(source)
    for one, group in enumerate(groups):
        sizes = [source[d] for d in group]
        if None in sizes:
            wide = [d for d in group if source[d] != 1]
            if len(wide) != 1:
                return None
            found[wide[0]] = place[one]
            continue
        parts = _cut(place[one], [s or 0 for s in sizes])
        if parts is None:
            return None
        for dim, part in zip(group, parts, strict=True):
            found[dim] = part
    assert len(result) == len(groups)
    return tuple(found)


def _joined(parts: Sequence[Dimension]) -> Dimension:
    return tuple(digit for part in parts for digit in part)


def _cut(digits: Dimension, sizes: Sequence[int]) -> list[Dimension] | None:
    """``digits`` shared out to dimensions of ``sizes``. Split when one belongs to two of them."""
    rest = [d for d in digits if d[1] != 1]
    kept = [d for d in digits if d[1] == 1]
    found: list[Dimension] = []
    for size in reversed(sizes):
        part: list[Digit] = []
        while math.prod(d[1] or 0 for d in part) < size:
            if not rest:
                return None
            symbol, own = rest.pop()
            missing = size // math.prod(d[1] or 0 for d in part)
            if own is None or size % math.prod(d[1] or 0 for d in part):
                return None
            if own > missing:
                if own % missing:
                    return None
                raise Split(symbol, (own // missing, missing))
            part.insert(0, (symbol, own))
        if math.prod(d[1] or 0 for d in part) != size:
            return None
        if size == 1 and kept:
            part = [kept.pop()]
        found.insert(0, tuple(part))
    return None if rest else found
