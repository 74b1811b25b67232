"""The functions that the forms of a program declare and define, and their types as written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pharos.core.errors import Note, UserError
from pharos.core.span import Span
from pharos.lisp.values import List, Map, String, Symbol, Value, Vector, describe, to_text

_FUNCTIONS = ("func.func", "llvm.func")
# Operations with a symbol table of their own, where names may repeat.
_NESTED = ("gpu.module", "builtin.module")


def is_function_type(value: Value) -> bool:
    """Whether ``value`` is written ``(-> ...)``."""
    return isinstance(value, List) and value.head == "->"


def function_parts(form: Value) -> tuple[list[Value], list[Value]]:
    """The argument and the result types of ``(-> [...] [...])``, as written."""
    items = form.items[1:] if isinstance(form, List) else []
    if len(items) != 2 or not all(isinstance(item, Vector) for item in items):
        raise UserError(
            f"invalid function type: expected (-> [types...] [types...]), got {describe(form)}",
            span=form.span,
        )
    inputs, outputs = items
    assert isinstance(inputs, Vector)
    assert isinstance(outputs, Vector)
    return inputs.items, outputs.items


def is_variadic(form: Value) -> bool:
    """Whether the function type ``form`` ends its arguments in ``...``."""
    if isinstance(form, Symbol):
        return form.text.startswith("!llvm.func<") and form.text.rstrip(" )>").endswith("...")
    if not is_function_type(form):
        return False
    inputs, _ = function_parts(form)
    return bool(inputs) and is_dots(inputs[-1])


def is_dots(value: Value) -> bool:
    """Whether ``value`` is the ``...`` of a variable number of arguments."""
    return isinstance(value, Symbol) and value.text == "..."


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


def referenced(forms: Iterable[Value]) -> set[str]:
    """Every name that ``forms`` refer to as ``@name`` or ``"@name"``, or call by a string."""
    found: set[str] = set()
    waiting: list[Value] = list(forms)
    while waiting:
        item = waiting.pop()
        if isinstance(item, Map):
            waiting += item.entries.values()
            called = callee_name(item.entries.get("callee"))
            found |= {called} if called else set()
        elif isinstance(item, List | Vector):
            waiting += item.items
            if isinstance(item, List) and item.head in ("func.call", "llvm.call"):
                strings = (part for part in item.items if isinstance(part, String))
                found |= {part.value for part in strings}
        elif isinstance(item, Symbol) and item.text.startswith("@"):
            found.add(callee_name(item) or "")
        elif isinstance(item, String) and item.value.startswith("@"):
            found.add(item.value[1:])
    return found
