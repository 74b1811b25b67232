"""Arithmetic and comparison that go by the types of their operands (the prelude).

    (+ a b 3)   ->  arith.addi or arith.addf, from the left
    (< a b c)   ->  a < b and b < c, each operand computed once

They are forms and not macros because types are known only here. Heads without a dialect were
errors before, and macros of the program come first, so no program changes its meaning. Nothing is
converted: operands of different types are an error, bare numbers take the type of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.ir.bindings import mlir
from pharos.lisp.lowering.constants import holds_numbers, is_float, is_whole
from pharos.lisp.lowering.draft import Draft, draft
from pharos.lisp.lowering.insertion import insert
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.tables import form
from pharos.lisp.values import List, Number

# The operations on integers (and index), floats and complex numbers.
_OPERATIONS = {
    "+": ("arith.addi", "arith.addf", "complex.add"),
    "-": ("arith.subi", "arith.subf", "complex.sub"),
    "*": ("arith.muli", "arith.mulf", "complex.mul"),
    "/": ("arith.divsi", "arith.divf", "complex.div"),
}
# The numbers of the predicates of arith.cmpi, arith.cmpf and, on pointers, llvm.icmp.
_PREDICATES = {
    "<": (2, 4, None),
    "<=": (3, 5, None),
    ">": (4, 2, None),
    ">=": (5, 3, None),
    "=": (0, 1, 0),
    "!=": (1, 13, 1),
}


@form(*_OPERATIONS)
def lower_arithmetic(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """``(+ a...)``, ``(* a...)``: any number of operands; ``(- a)`` negates, ``(/ a b...)``."""
    made = _taken_apart(written)
    least = 2 if made.name == "/" else 1
    operands = _operands(lowering, env, made, least)
    type_ = _scalar(operands[0].type)
    if _is_bool(type_):
        raise _unfit(made, operands[0].type)
    if len(operands) == 1:
        return [_negated(lowering, env, made, operands[0]) if made.name == "-" else operands[0]]
    name = _OPERATIONS[made.name][_kind(made, operands[0].type)]
    result = operands[0]
    for operand in operands[1:]:
        result = _insert(lowering, env, made.span, name, [result, operand], result.type)
    return [result]


def _negated(lowering: Lowering, env: Env, made: Draft, value: Any) -> Any:
    kind = _kind(made, value.type)
    if kind:
        name = "arith.negf" if kind == 1 else "complex.neg"
        return _insert(lowering, env, made.span, name, [value], value.type)
    zero = lowering.number(env, Number(0, made.span), value.type)
    return _insert(lowering, env, made.span, "arith.subi", [zero, value], value.type)


@form(*_PREDICATES)
def lower_comparison(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """``(< a b...)``: whether it holds for each operand and the next. An i1."""
    made = _taken_apart(written)
    if made.name == "!=" and len(made.operands) > 2:
        raise UserError(
            f"'!=' takes 2 operands, got {len(made.operands)}",
            span=made.span,
            hint="is each to differ from the next, or all from one another? (and (!= a b) ...)",
        )
    operands = _operands(lowering, env, made, 2)
    results = [_compared(lowering, env, made, *pair) for pair in pairwise(operands)]
    result = results[0]
    for other in results[1:]:
        result = _insert(lowering, env, made.span, "arith.andi", [result, other], result.type)
    return [result]


def _compared(lowering: Lowering, env: Env, made: Draft, first: Any, second: Any) -> Any:
    type_ = first.type
    integers, floats, pointers = _PREDICATES[made.name]
    name: str
    predicate: int | None
    if str(type_).startswith("!llvm.ptr"):
        name, predicate = "llvm.icmp", pointers
    elif is_float(_scalar(type_)):
        name, predicate = "arith.cmpf", floats
    elif isinstance(_scalar(type_), mlir.IntegerType | mlir.IndexType):
        # One bit has no order that everyone would expect: as a signed number, 1 is -1.
        name, predicate = "arith.cmpi", pointers if _is_bool(_scalar(type_)) else integers
    else:
        name, predicate = "", None
    if predicate is None:
        raise _unfit(made, type_)
    number = mlir.IntegerAttr.get(mlir.IntegerType.get_signless(64), predicate)
    return insert(
        env,
        name,
        lowering.location(made.span),
        made.span,
        results=None,
        operands=[first, second],
        attributes={"predicate": number},
        infer_type=True,
    ).results[0]


@form("as-index")
def lower_as_index(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """``(as-index n)``: an integer as an index, as loops and subscripts take it."""
    made = _taken_apart(written)
    index = mlir.IndexType.get()
    item = made.operands[0] if made.operands else None
    if isinstance(item, Number) and not is_whole(item):
        raise UserError(f"expected an integer or an index, got {item.value}", span=item.span)
    values, _ = lowering.operands(env, made, [index])
    if len(values) != 1:
        raise UserError(f"'as-index' takes 1 operand, got {len(values)}", span=made.span)
    (value,) = values
    if isinstance(value.type, mlir.IndexType):
        return [value]
    if not isinstance(value.type, mlir.IntegerType):
        raise UserError(
            f"expected an integer or an index, got {value.type}",
            span=made.operands[0].span or made.span,
        )
    name = "arith.index_castui" if _is_bool(value.type) else "arith.index_cast"
    return [_insert(lowering, env, made.span, name, [value], index)]


def _taken_apart(written: List) -> Draft:
    made = draft(written)
    if made.attributes or made.result is not None or made.regions:
        raise UserError(f"'{made.name}' takes operands only", span=made.span)
    return made


def _operands(lowering: Lowering, env: Env, made: Draft, least: int) -> list[Any]:
    """The operands, all of one type."""
    if len(made.operands) < least:
        raise UserError(
            f"'{made.name}' takes at least {least} operand{'s' if least > 1 else ''}, "
            f"got {len(made.operands)}",
            span=made.span,
        )
    numbers = [item for item in made.operands if isinstance(item, Number)]
    demands: list[Any] = []
    if len(numbers) == len(made.operands):
        whole = all(is_whole(item) for item in numbers)
        type_ = mlir.IntegerType.get_signless(64) if whole else mlir.F64Type.get()
        demands = [type_] * len(numbers)
    values, _ = lowering.operands(env, made, demands)
    first = values[0].type
    for item, value in zip(made.operands, values, strict=False):
        if value.type != first:
            raise UserError(
                f"the operands of '{made.name}' must have one type, got {first} and {value.type}",
                span=item.span or made.span,
                hint="convert one: arith.extsi, arith.trunci, arith.sitofp, arith.index_cast, ...",
            )
        if isinstance(item, Number) and not is_whole(item) and not is_float(_scalar(first)):
            raise UserError(
                f"the operands of '{made.name}' have type {first}, got {item.value}",
                span=item.span,
            )
    return list(values)


def _scalar(type_: Any) -> Any:
    """The element type of a vector or tensor, else the type itself."""
    if isinstance(type_, mlir.VectorType | mlir.RankedTensorType | mlir.UnrankedTensorType):
        return type_.element_type
    return type_


def _is_bool(type_: Any) -> bool:
    return isinstance(type_, mlir.IntegerType) and bool(type_.width == 1)


def _kind(made: Draft, type_: Any) -> int:
    """Which of the operations fits: 0 for integers, 1 for floats, 2 for complex numbers."""
    scalar = _scalar(type_)
    if is_float(scalar):
        return 1
    if isinstance(type_, mlir.ComplexType):
        return 2
    if holds_numbers(scalar):
        return 0
    raise _unfit(made, type_)


def _unfit(made: Draft, type_: Any) -> UserError:
    return UserError(f"'{made.name}' does not work on {type_}", span=made.span, hint=_hint(type_))


def _hint(type_: Any) -> str | None:
    if isinstance(type_, mlir.MemRefType):
        return "read an element with (memref.load m i)"
    if _is_bool(_scalar(type_)):
        return "truth values are combined with and, or, not, and compared with = and !="
    return None


def _insert(
    lowering: Lowering, env: Env, span: Span | None, name: str, operands: list[Any], type_: Any
) -> Any:
    location = lowering.location(span)
    return insert(env, name, location, span, results=[type_], operands=operands).results[0]
