"""What the body of a structured operation computes, as expressions over its arguments.

Expressions are interned: two of them are equal when their numbers are. Conversions between float
types are left out, because softmax in f64 is softmax; every other difference counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pharos.ir.bindings import mlir
from pharos.payload.structured import Structured

Expression: TypeAlias = int

_NAMES = {
    "arith.addf": "add",
    "arith.addi": "add",
    "arith.subf": "sub",
    "arith.subi": "sub",
    "arith.mulf": "mul",
    "arith.muli": "mul",
    "arith.divf": "div",
    "arith.maximumf": "max",
    "arith.maxnumf": "max",
    "arith.maxsi": "max",
    "arith.maxui": "max",
    "arith.minimumf": "min",
    "arith.minnumf": "min",
    "arith.minsi": "min",
    "arith.minui": "min",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
    "arith.select": "select",
    "arith.negf": "neg",
    "complex.add": "add",
    "complex.mul": "mul",
    "math.absf": "abs",
    "math.absi": "abs",
}
_CONVERSIONS = (
    "arith.extf",
    "arith.truncf",
    "arith.extsi",
    "arith.extui",
    "arith.trunci",
    "arith.index_cast",
)
_COMMUTATIVE = ("add", "mul", "max", "min", "and", "or", "xor")
_ABOVE = ("ogt", "ugt", "oge", "uge")
_BELOW = ("olt", "ult", "ole", "ule")


class Interner:
    """Expressions by number: ``(operator, *arguments)`` with numbers for arguments."""

    def __init__(self) -> None:
        self._forms: list[tuple[Any, ...]] = []
        self._numbers: dict[tuple[Any, ...], Expression] = {}

    def make(self, operator: str, *arguments: Any) -> Expression:
        """The number of this expression. Leaves have arguments that are no expressions."""
        form = (operator, *(sorted(arguments) if operator in _COMMUTATIVE else arguments))
        number = self._numbers.get(form)
        if number is None:
            number = self._numbers[form] = len(self._forms)
            self._forms.append(form)
        return number

    def form(self, expression: Expression) -> tuple[Any, ...]:
        """The operator and the arguments of ``expression``."""
        return self._forms[expression]

    def operator(self, expression: Expression) -> str:
        """The operator alone."""
        return str(self._forms[expression][0])

    def constant(self, value: float) -> Expression:
        """A number; all NaNs are one."""
        return self.make("constant", "nan" if math.isnan(value) else float(value))

    def number(self, expression: Expression) -> float | None:
        """The value of a constant, None for anything else."""
        form = self._forms[expression]
        return float(form[1]) if form[0] == "constant" else None

    def matches(self, expression: Expression, operator: str) -> tuple[Any, ...] | None:
        """The arguments of ``expression`` if it applies ``operator``."""
        form = self._forms[expression]
        return form[1:] if form[0] == operator else None


def yields(
    interner: Interner,
    structured: Structured,
    arguments: Sequence[Expression],
    loops: Sequence[Any],
    outside: Callable[[Any], Expression],
) -> list[Expression]:
    """What the body yields, one expression per output.

    ``arguments`` stand for the block's arguments, ``loops`` for what ``linalg.index`` reads;
    ``outside`` gives the expression of a value from outside the body.
    """
    known = dict(zip(structured.body.arguments, arguments, strict=True))

    def value_of(value: Any) -> Expression:
        if value not in known:
            known[value] = outside(value)
        return known[value]

    for operation in structured.body.operations:
        operation = operation.operation
        if operation.name == "linalg.yield":
            return [value_of(value) for value in operation.operands]
        made = _apply(interner, operation, value_of, loops)
        for value in operation.results:
            known[value] = made
    return []


def scalar_constant(value: Any) -> float | None:
    """The number that ``value``, or every element of it, is known to be."""
    owner = value.owner
    if isinstance(owner, mlir.Block) or owner.operation.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    if isinstance(attribute, mlir.DenseElementsAttr):
        if not attribute.is_splat:
            return None
        attribute = attribute.get_splat_value()
    if isinstance(attribute, mlir.FloatAttr | mlir.IntegerAttr | mlir.BoolAttr):
        return float(attribute.value)
    return None


def _apply(
    interner: Interner, operation: Any, value_of: Callable[[Any], Expression], loops: Sequence[Any]
) -> Expression:
    name = operation.name
    if name == "arith.constant":
        number = scalar_constant(operation.results[0])
        if number is None:
            return interner.make("value", str(operation.attributes["value"]))
        return interner.constant(number)
    if name == "linalg.index":
        return interner.make("index", loops[operation.attributes["dim"].value])
    arguments = [value_of(value) for value in operation.operands]
    if name in _CONVERSIONS:
        return arguments[0]
    if name in ("arith.cmpf", "arith.cmpi"):
        return interner.make(f"cmp {_predicate(operation)}", *arguments)
    operator = _NAMES.get(name) or name.removeprefix("math.")
    if operator == "select":
        return _select(interner, arguments)
    if operator in ("powf", "fpowi"):
        return _power(interner, operator, *arguments)
    return interner.make(operator, *arguments)


def _power(interner: Interner, operator: str, base: Expression, exponent: Expression) -> Expression:
    """Powers by their usual names: squares, roots."""
    number = interner.number(exponent)
    if number == 2:
        inner = interner.matches(base, "abs")
        base = inner[0] if inner else base
        return interner.make("mul", base, base)
    if number in (0.5, -0.5):
        return interner.make("sqrt" if number > 0 else "rsqrt", base)
    return interner.make(operator, base, exponent)


def _predicate(operation: Any) -> str:
    names = _FLOAT_PREDICATES if operation.name == "arith.cmpf" else _INT_PREDICATES
    return names[operation.attributes["predicate"].value]


# The enumerations of arith's comparisons.
_FLOAT_PREDICATES = ["false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord"]
_FLOAT_PREDICATES += ["ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true"]
_INT_PREDICATES = ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]


def _select(interner: Interner, arguments: list[Expression]) -> Expression:
    """``x > y ? x : y`` is a maximum, ``x < y ? x : y`` a minimum."""
    condition, yes, no = arguments
    operator, *compared = interner.form(condition)
    predicate = str(operator).removeprefix("cmp ")
    if compared == [yes, no] and predicate != operator:
        if predicate in _ABOVE:
            return interner.make("max", yes, no)
        if predicate in _BELOW:
            return interner.make("min", yes, no)
    return interner.make("select", *arguments)
