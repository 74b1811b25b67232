"""Bands: from comparisons of loop numbers to the part of a matrix of scores that can count.

``d`` is the key's number minus the query's, ``n - m``. A body that gives minus infinity wherever
``d`` is above a number (causal masks) or below one (sliding windows) says with it which tiles of
scores need not be computed. Everything here answers for certain or says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import mlir

# Scores below this are no scores: masks that fill with -3.4e38 mean minus infinity.
ENORMOUS = -1e30
_CASTS = ("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci")
_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
_LOW, _HIGH = -(2**40), 2**40


@dataclass(frozen=True)
class Sides:
    """All places with ``d > above`` and all with ``d < below``; the defaults are no places."""

    above: int = _HIGH
    below: int = _LOW

    def union(self, other: Sides) -> Sides:
        """What is in one of the two."""
        return Sides(min(self.above, other.above), max(self.below, other.below))

    def common(self, other: Sides) -> Sides:
        """What is certainly in both."""
        return Sides(max(self.above, other.above), min(self.below, other.below))


NOWHERE = Sides()
EVERYWHERE = Sides(_LOW, _HIGH)


class Bands:
    """Reads bodies whose loops ``m`` and ``n``, with the trip counts ``sizes`` (None: unknown),
    count queries and keys."""

    def __init__(self, m: int, n: int, sizes: Mapping[int, int | None]) -> None:
        self.m, self.n, self.sizes = m, n, sizes

    def low(self, value: Any, enormous: bool = False) -> Sides:
        """Where ``value`` (a float) is minus infinity; with ``enormous``, or below -1e30."""
        number = number_of(value)
        if number is not None:
            low = number == -math.inf or (enormous and number <= ENORMOUS)
            return EVERYWHERE if low else NOWHERE
        operation = _owner(value)
        if operation is None:
            return NOWHERE
        operands = list(operation.operands)
        if operation.name in ("arith.extf", "arith.truncf", "arith.subf"):
            return self.low(operands[0], enormous)
        if operation.name in ("arith.addf", "arith.minimumf", "arith.minnumf"):
            return self.low(operands[0], enormous).union(self.low(operands[1], enormous))
        if operation.name in ("arith.mulf", "arith.divf"):
            return self._scaled(operands, enormous)
        if operation.name == "arith.select":
            return self._selected(operands, enormous)
        return NOWHERE

    def _scaled(self, operands: list[Any], enormous: bool) -> Sides:
        """Where a product with a number keeps minus infinity; -1e30 / 1e30 is no large number."""
        factor = number_of(operands[1])
        if factor is None or not 1e-6 <= factor < math.inf:
            return NOWHERE
        return self.low(operands[0], enormous and factor == 1)

    def _selected(self, operands: list[Any], enormous: bool) -> Sides:
        holds, fails = self.truth(operands[0])
        yes, no = (self.low(one, enormous) for one in operands[1:])
        return holds.common(yes).union(fails.common(no)).union(yes.common(no))

    def truth(self, condition: Any) -> tuple[Sides, Sides]:
        """Where ``condition`` certainly holds, and where it certainly does not."""
        number = number_of(condition)
        if number is not None:
            return (EVERYWHERE, NOWHERE) if number else (NOWHERE, EVERYWHERE)
        operation = _owner(condition)
        if operation is None:
            return NOWHERE, NOWHERE
        operands = list(operation.operands)
        if operation.name in ("arith.andi", "arith.ori") and _is_truth(condition):
            (holds, fails), (other_holds, other_fails) = map(self.truth, operands)
            if operation.name == "arith.andi":
                return holds.common(other_holds), fails.union(other_fails)
            return holds.union(other_holds), fails.common(other_fails)
        if operation.name == "arith.xori" and number_of(operands[1]) in (1, -1):
            holds, fails = self.truth(operands[0])
            return fails, holds
        if operation.name == "arith.cmpi":
            return self._compared(operation)
        return NOWHERE, NOWHERE

    def _compared(self, operation: Any) -> tuple[Sides, Sides]:
        name = _PREDICATES[operation.attributes["predicate"].value]
        left, right = operation.operands
        again = self._of_truth(name, left, right)
        if again is not None:
            return again
        one, other = self.linear(left), self.linear(right)
        if one is None or other is None:
            return NOWHERE, NOWHERE
        if name.startswith("u"):
            if not self._never_negative(one) or not self._never_negative(other):
                return NOWHERE, NOWHERE
            name = "s" + name[1:]
        factors = {d: one.get(d, 0) - other.get(d, 0) for d in {*one, *other}}
        shift = factors.pop(None, 0)
        sign = factors.pop(self.n, 0)
        if sign not in (1, -1) or factors.pop(self.m, 0) != -sign or any(factors.values()):
            return NOWHERE, NOWHERE
        return _sides(name, sign, shift)

    def _of_truth(self, name: str, left: Any, right: Any) -> tuple[Sides, Sides] | None:
        """A truth value that was made a number and is compared with 0."""
        source = left
        while (owner := _owner(source)) is not None and owner.name in _CASTS:
            source = owner.operands[0]
        if name not in ("eq", "ne") or not _is_truth(source) or number_of(right) != 0:
            return None
        holds, fails = self.truth(source)
        return (holds, fails) if name == "ne" else (fails, holds)

    def linear(self, value: Any) -> dict[int | None, int] | None:
        """``value`` as a sum of loop numbers times factors; the key None has the constant."""
        number = number_of(value)
        if number is not None:
            return {None: int(number)}
        operation = _owner(value)
        if operation is None:
            return None
        if operation.name == "linalg.index":
            return {operation.attributes["dim"].value: 1}
        if operation.name in _CASTS:
            return None if _is_truth(operation.operands[0]) else self._cast(operation)
        if operation.name in ("arith.addi", "arith.subi"):
            left, right = (self.linear(one) for one in operation.operands)
            if left is None or right is None:
                return None
            sign = 1 if operation.name == "arith.addi" else -1
            return {d: left.get(d, 0) + sign * right.get(d, 0) for d in {*left, *right}}
        return None

    def _cast(self, operation: Any) -> dict[int | None, int] | None:
        """What is converted, where the conversion cannot change it."""
        inner = self.linear(operation.operands[0])
        if inner is None or self._bounds(inner) is None:
            return None
        low, high = self._bounds(inner) or (0, 0)
        unsigned = operation.name in ("arith.index_castui", "arith.extui")
        if low < (0 if unsigned else -(2**31)) or high >= 2**31:
            return None
        width = getattr(operation.results[0].type, "width", 64)
        return inner if width >= 32 else None

    def _never_negative(self, form: Mapping[int | None, int]) -> bool:
        """Whether ``form`` is never negative: it has only positive terms, or known bounds."""
        bounds = self._bounds(form)
        positive = all(factor >= 0 for factor in form.values())
        return positive if bounds is None else bounds[0] >= 0

    def _bounds(self, form: Mapping[int | None, int]) -> tuple[int, int] | None:
        """The least and the greatest value of ``form``; None when a size is not known."""
        low = high = form.get(None, 0)
        for loop, factor in form.items():
            if loop is None:
                continue
            size = self.sizes.get(loop)
            if size is None:
                return None
            most = factor * max(size - 1, 0)
            low, high = low + min(most, 0), high + max(most, 0)
        return low, high


def number_of(value: Any) -> float | None:
    """The number that ``value`` always is; None when it is no constant."""
    owner = _owner(value)
    if owner is None or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    if isinstance(attribute, mlir.DenseElementsAttr):
        return None
    found = getattr(attribute, "value", None)
    return None if found is None else float(found)


def _sides(name: str, sign: int, shift: int) -> tuple[Sides, Sides]:
    """Where ``sign * d + shift`` compares so with 0, and where not."""
    if name == "eq":
        return NOWHERE, Sides(-sign * shift, -sign * shift)
    if name == "ne":
        return Sides(-sign * shift, -sign * shift), NOWHERE
    # As ``d <= bound`` or its opposite.
    strict = name in ("slt", "sgt")
    less = name in ("slt", "sle")
    if sign == 1:
        bound = -shift - (1 if strict == less else 0)
        low, high = Sides(below=bound + 1), Sides(above=bound)
        return (low, high) if less else (high, low)
    bound = shift - (1 if strict != less else 0)
    low, high = Sides(below=bound + 1), Sides(above=bound)
    return (high, low) if less else (low, high)


def _is_truth(value: Any) -> bool:
    return str(value.type) == "i1"


def _owner(value: Any) -> Any:
    owner = value.owner
    return None if isinstance(owner, mlir.Block) else owner.operation
