"""Macro functions that need no machine code: straight-line ones, run over the value functions.

Most macros take their arguments apart, fill a quasiquote and return it. Those consist of ``def``,
``let``, constants, calls of value functions, ``scf.if`` and a ``func.return`` at the end, always
end, and cannot crash. Running them here gives what their machine code would give, without
compiling it. ``interpretable`` says whether a function is one of these; all others are compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pharos.lisp.expansions import State
from pharos.lisp.functions import callee_name
from pharos.lisp.value_functions import (
    NOTHING,
    POINTER,
    TEXT,
    VALUE_FUNCTIONS,
    ValueFunction,
)
from pharos.lisp.values import Bool, List, Map, Number, String, Symbol, Value, Vector

# The types of names. A C string is a pointer too, so it is told apart here.
_Types: TypeAlias = dict[str, str]
_Names: TypeAlias = dict[str, Any]
_NUMBERS = ("i64", "f64", "i1")


class _Unfit(Exception):
    """A form that only machine code can run."""


@dataclass(frozen=True)
class Straight:
    """A macro function that can be run here: its parameter and its body."""

    parameter: str
    body: tuple[Value, ...]
    texts: Mapping[str, str]

    def run(self, state: State, arguments: List) -> Value | None:
        """What it returns for ``arguments``; None for the null pointer."""
        names: _Names = {self.parameter: arguments}
        run = _Run(state, self.texts)
        for form in self.body[:-1]:
            run.value(form, names)
        last = self.body[-1]
        assert isinstance(last, List)
        value: Value | None = _as(POINTER, run.value(last.items[1], names))
        return value


def interpretable(
    function: List, known: Mapping[str, Value], texts: Mapping[str, str]
) -> Straight | None:
    """``function``, a func.func from a pointer to a pointer, if it can be run here.

    ``known`` are what the program defines, by name; ``texts`` the strings behind globals.
    """
    block = _only_block(function)
    if block is None or not block.items:
        return None
    parameters, body = block.items[0], block.items[1:]
    if not isinstance(parameters, Vector) or len(parameters.items) != 1 or not body:
        return None
    parameter = parameters.items[0]
    if not isinstance(parameter, List) or len(parameter.items) != 3:
        return None
    name = parameter.items[1]
    if not isinstance(name, Symbol):
        return None
    try:
        _Check(known, texts).body(body, {name.text: POINTER}, "func.return")
    except _Unfit:
        return None
    return Straight(name.text, tuple(body), texts)


def _only_block(holder: List) -> List | None:
    """The items of the one block of the one region of ``holder``."""
    regions = [item for item in holder.items if isinstance(item, List) and _is_region(item)]
    return _block(regions[0]) if len(regions) == 1 else None


def _is_region(item: List) -> bool:
    return item.head in ("do", "region")


def _block(region: List) -> List | None:
    if len(region.items) != 2:
        return None
    block = region.items[1]
    if not isinstance(block, List) or block.head != "block":
        return None
    return List(block.items[1:], block.span)


@dataclass
class _Check:
    """Whether forms can be run here, by their types."""

    known: Mapping[str, Value]
    texts: Mapping[str, str]

    def body(self, forms: Sequence[Value], types: _Types, end: str) -> str:
        """The type that ``forms`` pass on with the form ``end`` that ends them."""
        for form in forms[:-1]:
            self.type(form, types)
        last = forms[-1] if forms else None
        if not isinstance(last, List) or last.head != end or len(last.items) != 2:
            raise _Unfit
        passed = self.type(last.items[1], types)
        if end == "func.return" and passed not in (POINTER, TEXT):
            raise _Unfit
        return passed

    def type(self, form: Value, types: _Types) -> str:
        if isinstance(form, Symbol) and form.text in types:
            return types[form.text]
        handler = _CHECKS.get(form.head or "") if isinstance(form, List) else None
        if handler is None:
            raise _Unfit
        type_: str = handler(self, form, types)
        return type_

    def define(self, form: List, types: _Types) -> str:
        if len(form.items) != 3 or not isinstance(form.items[1], Symbol):
            raise _Unfit
        types[form.items[1].text] = self._valued(form.items[2], types)
        return NOTHING

    def _valued(self, form: Value, types: _Types) -> str:
        type_ = self.type(form, types)
        if type_ == NOTHING:
            raise _Unfit
        return type_

    def let(self, form: List, types: _Types) -> str:
        bindings = form.items[1] if len(form.items) > 2 else None
        if not isinstance(bindings, Vector) or len(bindings.items) % 2:
            raise _Unfit
        inner = dict(types)
        for name, value in zip(bindings.items[::2], bindings.items[1::2], strict=True):
            if not isinstance(name, Symbol):
                raise _Unfit
            inner[name.text] = self._valued(value, inner)
        for item in form.items[2:-1]:
            self.type(item, inner)
        return self.type(form.items[-1], inner)

    def constant(self, form: List, types: _Types) -> str:
        if len(form.items) != 3 or not isinstance(form.items[2], Symbol):
            raise _Unfit
        type_ = form.items[2].text
        if type_ not in _NUMBERS or not _fits(form.items[1], type_):
            raise _Unfit
        return type_

    def call(self, form: List, types: _Types) -> str:
        function, arguments = _called(form)
        if function is None or len(arguments) != len(function.inputs):
            raise _Unfit
        if _is_defined(self.known.get(function.name)):
            raise _Unfit
        for argument, wanted in zip(arguments, function.inputs, strict=True):
            if isinstance(argument, Number):
                found = wanted if wanted in _NUMBERS and _fits(argument, wanted) else NOTHING
            else:
                found = self.type(argument, types)
            if found != wanted and {found, wanted} != {POINTER, TEXT}:
                raise _Unfit
        return function.output

    def text(self, form: List, types: _Types) -> str:
        if _global(form) not in self.texts:
            raise _Unfit
        return TEXT

    def choose(self, form: List, types: _Types) -> str:
        condition, branches = _branches(form)
        if condition is None or self.type(condition, types) != "i1":
            raise _Unfit
        # An `if` for effect passes nothing on.
        if not _attributes(form):
            for branch in branches:
                last = branch[-1] if branch else None
                if not isinstance(last, List) or last.head != "scf.yield" or len(last.items) > 1:
                    raise _Unfit
                inner = dict(types)
                for item in branch[:-1]:
                    self.type(item, inner)
            return NOTHING
        if len(branches) != 2 or set(_attributes(form)) != {"result"}:
            raise _Unfit
        passed = {self.body(branch, dict(types), "scf.yield") for branch in branches}
        wanted = _attributes(form)["result"]
        if len(passed) != 1 or not isinstance(wanted, Symbol) or NOTHING in passed:
            raise _Unfit
        (type_,) = passed
        if wanted.text != (POINTER if type_ == TEXT else type_):
            raise _Unfit
        return type_


_CHECKS: dict[str, Any] = {
    "def": _Check.define,
    "let": _Check.let,
    ":": _Check.constant,
    "func.call": _Check.call,
    "llvm.mlir.addressof": _Check.text,
    "scf.if": _Check.choose,
}


@dataclass
class _Run:
    """Runs checked forms."""

    state: State
    texts: Mapping[str, str]

    def value(self, form: Value, names: _Names) -> Any:
        if isinstance(form, Symbol):
            return names[form.text]
        assert isinstance(form, List)
        return _RUNS[form.head or ""](self, form, names)

    def define(self, form: List, names: _Names) -> None:
        name = form.items[1]
        assert isinstance(name, Symbol)
        names[name.text] = self.value(form.items[2], names)

    def let(self, form: List, names: _Names) -> Any:
        bindings = form.items[1]
        assert isinstance(bindings, Vector)
        inner = dict(names)
        for name, value in zip(bindings.items[::2], bindings.items[1::2], strict=True):
            assert isinstance(name, Symbol)
            inner[name.text] = self.value(value, inner)
        for item in form.items[2:-1]:
            self.value(item, inner)
        return self.value(form.items[-1], inner)

    def constant(self, form: List, names: _Names) -> Any:
        type_ = form.items[2]
        assert isinstance(type_, Symbol)
        return _as(type_.text, form.items[1])

    def call(self, form: List, names: _Names) -> Any:
        function, arguments = _called(form)
        assert function is not None
        values = [
            _as(type_, item if isinstance(item, Number) else self.value(item, names))
            for type_, item in zip(function.inputs, arguments, strict=True)
        ]
        return function.call(self.state, *values)

    def text(self, form: List, names: _Names) -> str:
        return self.texts[_global(form)]

    def choose(self, form: List, names: _Names) -> Any:
        condition, branches = _branches(form)
        assert condition is not None
        chosen = 0 if self.value(condition, names) else 1
        if chosen >= len(branches):
            return None
        inner = dict(names)
        for item in branches[chosen][:-1]:
            self.value(item, inner)
        last = branches[chosen][-1]
        assert isinstance(last, List)
        return self.value(last.items[1], inner) if len(last.items) > 1 else None


_RUNS: dict[str, Any] = {
    "def": _Run.define,
    "let": _Run.let,
    ":": _Run.constant,
    "func.call": _Run.call,
    "llvm.mlir.addressof": _Run.text,
    "scf.if": _Run.choose,
}


def _as(type_: str, value: Any) -> Any:
    """``value`` as an argument of that type."""
    if type_ == POINTER:
        # A C string's address is no value's.
        return None if isinstance(value, str) else value
    if type_ == TEXT:
        # C reads a string to its first NUL.
        return value.partition("\0")[0] if isinstance(value, str) else None
    number = value.value if isinstance(value, Number | Bool) else value
    return {"i64": int, "f64": float, "i1": bool}[type_](number)


def _fits(value: Value, type_: str) -> bool:
    if isinstance(value, Bool):
        return type_ == "i1"
    if not isinstance(value, Number):
        return False
    if type_ == "f64":
        return isinstance(value.value, float) or abs(value.value) <= 1 << 53
    if not isinstance(value.value, int):
        return False
    return value.value in (0, 1) if type_ == "i1" else -(1 << 63) <= value.value < 1 << 63


def _attributes(form: List) -> dict[str, Value]:
    first = form.items[1] if len(form.items) > 1 else None
    return first.entries if isinstance(first, Map) else {}


def _rest(form: List) -> list[Value]:
    return (
        form.items[2:] if len(form.items) > 1 and isinstance(form.items[1], Map) else form.items[1:]
    )


def _called(form: List) -> tuple[ValueFunction | None, list[Value]]:
    arguments = _rest(form)
    callee = _attributes(form).get("callee")
    if callee is None and arguments and isinstance(arguments[0], String):
        callee, arguments = arguments[0], arguments[1:]
    return VALUE_FUNCTIONS.get(callee_name(callee) or ""), arguments


def _global(form: List) -> str:
    name = _attributes(form).get("global_name")
    return name.text[1:] if isinstance(name, Symbol) else ""


def _branches(form: List) -> tuple[Value | None, list[list[Value]]]:
    rest = _rest(form)
    branches: list[list[Value]] = []
    for region in rest[1:]:
        block = _block(region) if isinstance(region, List) and _is_region(region) else None
        if block is None:
            return None, []
        items = block.items
        if items and isinstance(items[0], Vector) and not items[0].items:
            items = items[1:]
        branches.append(items)
    return (rest[0] if rest and branches else None), branches


def _is_defined(form: Value | None) -> bool:
    """Whether the program itself gives a body to the function that ``form`` is about."""
    if not isinstance(form, List):
        return False
    return any(isinstance(item, List) and len(item.items) > 1 for item in form.items[2:])
