"""The special forms that make code (section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.lisp.grammar import FORM, SYMBOL, VECTOR, Grammar, one_of, some, vector
from pharos.lisp.lowering.constants import number_attribute
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env
from pharos.lisp.lowering.tables import form
from pharos.lisp.values import Bool, List, Number, String, Symbol, Value, describe

_TARGET = one_of(SYMBOL, vector(some("names", SYMBOL), what="a vector of names"))
_DEF = Grammar(_TARGET, FORM)


@form("def")
def lower_def(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """``(def name value)``, ``(def [name...] value)``."""
    target, value = _DEF.parse(written, "def")
    _bind(lowering, env, target, value)
    return ()


def _bind(lowering: Lowering, env: Env, target: Symbol | list[Any], value: Value) -> None:
    values = lowering.results(env, value)
    if isinstance(target, Symbol):
        if not values:
            raise UserError(
                f"'{target.text}' would have no value: {describe(value)} yields nothing",
                span=value.span or target.span,
                hint="an operation with a value that is not inferred needs :result TYPE",
            )
        env.bind(target.text, values[0], target.span)
        return
    (names,) = target
    if len(names) != len(values):
        raise UserError(
            f"result/binding count mismatch: {len(names)} names for {len(values)} results",
            span=value.span,
        )
    for name, result in zip(names, values, strict=True):
        env.bind(name.text, result, name.span)


_LET = Grammar(VECTOR, some("body"))


@form("let")
def lower_let(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """``(let [name value ...] body...)``: the value of the last form of the body."""
    bindings, body = _LET.parse(written, "let")
    items = bindings.items
    if len(items) % 2:
        raise UserError(
            f"let: expected pairs of a name and a value, got {len(items)} forms",
            span=bindings.span,
        )
    inner = env.inner()
    for target, value in zip(items[::2], items[1::2], strict=True):
        if not _TARGET.accepts(target):
            raise UserError(
                f"let: expected {_TARGET.what}, got {describe(target)}", span=target.span
            )
        _bind(lowering, inner, _TARGET.take(target), value)
    for item in body[:-1]:
        lowering.results(inner, item)
    return lowering.results(inner, body[-1])


_TYPED = Grammar(FORM, SYMBOL)


@form(":")
def lower_typed(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """``(: 42 i32)``: a constant of that type; of anything but a number, the value itself."""
    items = written.items
    if len(items) == 3 and isinstance(items[2], String):
        raise UserError(
            "invalid type annotation: the type must be a symbol, got a string",
            span=items[2].span,
            hint=f"write {items[2].value}",
        )
    value, type_ = _TYPED.parse(written, "invalid type annotation")
    if isinstance(value, Number | Bool):
        attribute = number_attribute(value.value, lowering.types.of(type_), written.span)
        return [lowering.constant(env, attribute, written.span)]
    return lowering.results(env, value)


_NOWHERE = {
    "do": "a region stands only as an argument of an operation",
    "region": "a region stands only as an argument of an operation",
    "block": "a block stands only in a region",
    "module": "a module stands only at the top level",
    "->": "a function type stands only in attributes",
}


@form(*_NOWHERE)
def refuse_here(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """Forms that are part of others."""
    head = written.head or ""
    raise UserError(f"'{head}' cannot stand here: {_NOWHERE[head]}", span=written.span)


@form("require-dialect", "use-dialect")
def lower_nothing(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """Done by the reader."""
    return ()


_TOP_LEVEL = (
    "require", "require-macros", "compilation", "compilation-gpu", "compilation-cpu", "extern",
    "link-library", "defmacro", "defstruct", "deftype",
)  # fmt: skip


@form(*_TOP_LEVEL)
def refuse_inside(lowering: Lowering, env: Env, written: List) -> Sequence[Any]:
    """Forms about the whole program."""
    raise UserError(f"'{written.head}' must stand at the top level of a file", span=written.span)
