"""Sizes that are known only at a call: named by symbols, found in the inputs' shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch

from pharos.core.errors import UserError

# A number, or a sympy expression over symbols.
Size = Any


def sizes_of(value: torch.Tensor) -> tuple[Size, ...]:
    """The shape of a traced tensor, with expressions for the sizes that may change."""
    return tuple(map(expression, value.shape))


def expression(size: Any) -> Size:
    """A size as a number or an expression over symbols."""
    if not isinstance(size, torch.SymInt):
        return int(size)
    found = sympy.sympify(size.node.expr)
    return int(found) if found.is_Integer else found


def shape_of(sizes: Sequence[Size]) -> tuple[int, ...]:
    """``sizes`` with -1 for those that may change."""
    return tuple(size if isinstance(size, int) else -1 for size in sizes)


@dataclass
class Symbols:
    """Where the symbols' values are found: (flat input, axis), axis -1 for an input that is the
    value itself; ``ranges`` are the values that the code is right for."""

    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, position: int, sizes: Sequence[Size]) -> None:
        """Learn the symbols that are sizes of the flat input ``position``."""
        for axis, size in enumerate(sizes):
            if isinstance(size, sympy.Symbol):
                self.places.setdefault(size.name, (position, axis))

    def note_value(self, position: int, size: Size) -> None:
        """Learn the symbol that the flat input ``position`` itself is."""
        if isinstance(size, sympy.Symbol):
            self.places.setdefault(size.name, (position, -1))

    def knows(self, sizes: Sequence[Size]) -> bool:
        """Whether inputs tell every symbol in ``sizes``."""
        names = {
            s.name for size in sizes if isinstance(size, sympy.Expr) for s in size.free_symbols
        }
        return names <= self.places.keys()

    def values(self, inputs: Sequence[Any]) -> dict[str, int]:
        """What the symbols are at a call. UserError for a size that the code is not for."""
        found = {}
        for name, (position, axis) in self.places.items():
            given = inputs[position]
            value = int(given) if axis < 0 else int(given.shape[axis])
            low, high = self.ranges.get(name, (0, value))
            if not low <= value <= high:
                raise UserError(
                    f"input {position}: the code is for sizes from {low} to {high} along axis "
                    f"{axis}, found {value}",
                    hint="import the model again with an input of this size",
                )
            found[name] = value
        return found


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """``size`` where the symbols have ``values``."""
    if isinstance(size, int):
        return size
    known = {symbol: sympy.Integer(values[symbol.name]) for symbol in size.free_symbols}
    return int(size.xreplace(known))
