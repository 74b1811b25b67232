"""Which type a bare number among the operands has (section 6.1).

First what its position demands, where an operation leaves no choice; then the type of the first
operand that is a name or ``(: value type)``; then that of any operand; then i64, or f64 for a
number with a fraction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.ir.bindings import mlir
from pharos.lisp.lower.constants import holds_numbers
from pharos.lisp.values import Number

# What each position demands, given the types of the operands (None for numbers).
Demand = Callable[[list[Any]], list[Any]]


def _element(type_: Any) -> Any:
    return getattr(type_, "element_type", None)


def _loads(types: list[Any]) -> list[Any]:
    return [None] + [mlir.IndexType.get()] * (len(types) - 1)


def _stores(types: list[Any]) -> list[Any]:
    target = types[1] if len(types) > 1 else None
    return [_element(target), None] + [mlir.IndexType.get()] * (len(types) - 2)


DEMANDS: dict[str, Demand] = {
    "memref.load": _loads,
    "affine.load": _loads,
    "tensor.extract": _loads,
    "memref.store": _stores,
    "affine.store": _stores,
    "tensor.insert": _stores,
    "memref.dim": _loads,
    "tensor.dim": _loads,
}


def number_type(
    number: Number, position: int, types: list[Any], first: Any, demanded: list[Any]
) -> Any:
    """The type of ``number`` at ``position`` among operands of ``types``.

    ``first`` is the type of the first name or typed value, ``demanded`` what the positions
    demand; either may be missing (None, or too short a list).
    """
    demand = demanded[position] if position < len(demanded) else None
    if demand is not None and holds_numbers(demand):
        return demand
    if first is not None and holds_numbers(first):
        return first
    for type_ in types:
        if type_ is not None and holds_numbers(type_):
            return type_
    for type_ in types:
        element = _element(type_)
        if element is not None and holds_numbers(element):
            return element
    fraction = isinstance(number.value, float) and not number.value.is_integer()
    return mlir.F64Type.get() if fraction else mlir.IntegerType.get_signless(64)
