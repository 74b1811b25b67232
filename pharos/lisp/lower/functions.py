"""The functions of a program, known before any code is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pharos.core.errors import Note, UserError
from pharos.core.span import Span
from pharos.lisp.lower.types import function_parts, is_function_type, is_variadic
from pharos.lisp.values import List, Map, String, Symbol, Value, to_text

_FUNCTIONS = ("func.func", "llvm.func")
# Operations with a symbol table of their own, where names may repeat.
_NESTED = ("gpu.module", "builtin.module")


@dataclass(slots=True)
class Function:
    """A function as the program declares or defines it."""

    name: str
    operation: str
    type: Value | None
    span: Span | None
    form: List
    defined: bool

    @property
    def variadic(self) -> bool:
        """Whether it takes a variable number of arguments."""
        return self.type is not None and is_variadic(self.type)

    @property
    def inputs(self) -> list[Value] | None:
        """The types of the parameters as written; None when they cannot be told."""
        if self.type is None or not is_function_type(self.type):
            return None
        inputs, _ = function_parts(self.type)
        return inputs[:-1] if self.variadic else inputs

    @property
    def outputs(self) -> list[Value] | None:
        """The result types as written; None when they cannot be told."""
        if self.type is None or not is_function_type(self.type):
            return None
        return function_parts(self.type)[1]


def function_of(form: Value) -> Function | None:
    """The function that the form declares or defines, if it does."""
    if not isinstance(form, List) or form.head not in _FUNCTIONS or len(form.items) < 2:
        return None
    attributes = form.items[1]
    if not isinstance(attributes, Map):
        return None
    name = attributes.entries.get("sym_name")
    if not isinstance(name, String):
        return None
    defined = any(isinstance(item, List) and len(item.items) > 1 for item in form.items[2:])
    return Function(
        name.value,
        form.head,
        attributes.entries.get("function_type"),
        name.span or form.span,
        form,
        defined,
    )


def all_functions(forms: list[Value]) -> Iterator[Function]:
    """The functions among ``forms``, those in nested modules too."""
    for form in forms:
        function = function_of(form)
        if function is not None:
            yield function
        elif isinstance(form, List) and form.head in _NESTED:
            yield from _inside(form)


def _inside(form: List) -> Iterator[Function]:
    for item in form.items[1:]:
        if isinstance(item, List):
            if item.head in ("region", "do", "block"):
                yield from _inside(item)
            else:
                yield from all_functions([item])


def without_repeats(forms: list[Value]) -> tuple[list[Value], dict[str, Function], list[UserError]]:
    """``forms`` without declarations that repeat one, the functions, and the clashes.

    Files that are used together often declare the same C function; a declaration that says the
    same as another, or as the definition, is dropped. Anything else under one name is a clash.
    """
    known: dict[str, Function] = {}
    errors: list[UserError] = []
    dropped: set[int] = set()
    for form in forms:
        function = function_of(form)
        if function is None:
            continue
        first = known.get(function.name)
        if first is None:
            known[function.name] = function
        elif _same_type(first, function) and not (first.defined and function.defined):
            keep, drop = (function, first) if function.defined else (first, function)
            known[function.name] = keep
            dropped.add(id(drop.form))
        else:
            errors.append(_clash(first, function))
            dropped.add(id(form))
    return [form for form in forms if id(form) not in dropped], known, errors


def _same_type(first: Function, second: Function) -> bool:
    if first.operation != second.operation or first.type is None or second.type is None:
        return False
    return to_text(first.type) == to_text(second.type)


def _clash(first: Function, second: Function) -> UserError:
    what = "defined" if first.defined and second.defined else "declared differently"
    return UserError(
        f"function '{second.name}' is {what} twice",
        span=second.span,
        notes=[Note("the first time", first.span)],
        hint="names of functions are global over all files",
    )


def callee_name(value: Value | None) -> str | None:
    """The function that ``@f``, ``"@f"`` or ``"f"`` names; None for anything else."""
    if isinstance(value, Symbol) and value.text.startswith("@"):
        return Symbol(value.text[1:]).name
    if isinstance(value, String):
        return value.value.removeprefix("@")
    return None
