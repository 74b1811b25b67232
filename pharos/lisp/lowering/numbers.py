"""Which type a bare number among the operands has (section 6.1).

First what its position demands, where an operation leaves no choice; then the type of the first
operand that is a name or ``(: value type)``; then that of any operand; then i64, or f64 for a
number with a fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import mlir
from pharos.lisp.lowering.blocks import split_blocks
from pharos.lisp.lowering.constants import holds_numbers
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.types import Types
from pharos.lisp.values import Number

# What each position demands, given the types of the operands (None for numbers).
_Demand = Callable[[Types, Env, Draft, list[Any]], list[Any]]


def demanded(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    """The types that the positions of ``made`` leave no choice about, from the left; else None.

    ``operands`` are the types of the operands that are not bare numbers.
    """
    demand = _DEMANDS.get(made.name)
    return demand(types, env, made, operands) if demand is not None else []


def _element(type_: Any) -> Any:
    return getattr(type_, "element_type", None)


def _loads(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    return [None] + [mlir.IndexType.get()] * (len(operands) - 1)


def _stores(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    target = operands[1] if len(operands) > 1 else None
    return [_element(target), None] + [mlir.IndexType.get()] * (len(operands) - 2)


def _returns(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    return env.returns or []


def _yields(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    return env.yields


def _indices(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    return [mlir.IndexType.get()] * len(operands)


def _for(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    carried = types.results(made.result) if made.result is not None else []
    return [None, None, None, *carried]


def _while(types: Types, env: Env, made: Draft, operands: list[Any]) -> list[Any]:
    blocks = split_blocks(made.regions[0]) if made.regions else []
    return [types.of(type_) for _, type_, _ in blocks[0].arguments] if blocks else []


_DEMANDS: dict[str, _Demand] = {
    "affine.apply": _indices,
    "affine.if": _indices,
    "affine.load": _loads,
    "affine.max": _indices,
    "affine.min": _indices,
    "affine.prefetch": _loads,
    "affine.store": _stores,
    "affine.vector_load": _loads,
    "affine.vector_store": _stores,
    "affine.yield": _yields,
    "func.return": _returns,
    "linalg.yield": _yields,
    "llvm.return": _returns,
    "memref.dim": _loads,
    "memref.load": _loads,
    "memref.store": _stores,
    "scf.for": _for,
    "scf.while": _while,
    "scf.yield": _yields,
    "tensor.dim": _loads,
    "tensor.extract": _loads,
    "tensor.insert": _stores,
}


def number_type(
    number: Number, position: int, types: list[Any], first: Any, demands: Sequence[Any]
) -> Any:
    """The type of ``number`` at ``position`` among operands of ``types``.

    ``first`` is the type of the first name or typed value, ``demands`` what the positions
    demand; either may be missing (None, or too short a list).
    """
    demand = demands[position] if position < len(demands) else None
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
