"""Small combinators that say what a form looks like, and take it apart.

A ``Part`` recognises one value; a ``Grammar`` is the sequence of parts after the head of a form.
``Grammar.parse`` gives one result for each part and raises UserError, at the offending sub-form,
when the form is not so: a wrong number of arguments, or another kind of value than expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.lisp.values import (
    Keyword,
    List,
    Map,
    Number,
    String,
    Symbol,
    Value,
    Vector,
    describe,
)


class Mismatch(Exception):
    """A value is not what a part expects. ``where`` is the offending value, if there is one."""

    def __init__(self, expected: str, found: str, where: Value | None) -> None:
        super().__init__(expected)
        self.expected, self.found, self.where = expected, found, where


@dataclass(frozen=True)
class Part:
    """Recognises one value. ``take`` returns what a handler gets, or raises Mismatch."""

    what: str
    take: Callable[[Value], Any]

    def accepts(self, value: Value) -> bool:
        """Whether ``value`` is such a part."""
        try:
            self.take(value)
        except Mismatch:
            return False
        return True


@dataclass(frozen=True)
class Repeated:
    """``part`` a number of times: between ``least`` and ``most`` (None: any number)."""

    part: Part
    least: int
    most: int | None
    name: str


def _of(what: str, *types: type) -> Part:
    def take(value: Value) -> Value:
        if not isinstance(value, types):
            raise Mismatch(what, describe(value), value)
        return value

    return Part(what, take)


FORM = Part("a form", lambda value: value)
SYMBOL = _of("a symbol", Symbol)
STRING = _of("a string", String)
NUMBER = _of("a number", Number)
KEYWORD = _of("a keyword", Keyword)
MAP = _of("an attribute map", Map)
VECTOR = _of("a vector", Vector)
LIST = _of("a list", List)
TYPE = _of("a type", Symbol, String)


def literal(part: Part, name: str) -> Part:
    """The keyword or symbol of that ``name`` and nothing else."""
    text = f":{name}" if part is KEYWORD else name

    def take(value: Value) -> Value:
        found = value.name if isinstance(value, Keyword | Symbol) else None
        if not part.accepts(value) or found != name:
            raise Mismatch(text, describe(value), value)
        return value

    return Part(text, take)


def one_of(*parts: Part) -> Part:
    """The first of ``parts`` that fits."""
    what = " or ".join(part.what for part in parts)

    def take(value: Value) -> Any:
        results = [_attempt(part, value) for part in parts]
        for result in results:
            if not isinstance(result, Mismatch):
                return result
        # A value that is one of the parts but for something in it is wrong there.
        inside = (wrong for wrong in results if wrong.where is not value)
        raise next(inside, Mismatch(what, describe(value), value))

    return Part(what, take)


def _attempt(part: Part, value: Value) -> Any:
    try:
        return part.take(value)
    except Mismatch as mismatch:
        return mismatch


def _sequence(what: str, type_: type[List] | type[Vector], parts: Sequence[Any]) -> Part:
    def take(value: Value) -> list[Any]:
        if not isinstance(value, type_):
            raise Mismatch(what, describe(value), value)
        return _match(parts, value.items, value, what)

    return Part(what, take)


def vector(*parts: Part | Repeated, what: str | None = None) -> Part:
    """A vector of ``parts``; its result is the list of theirs."""
    inside = " ".join(_what(part) for part in parts)
    return _sequence(what or f"a vector [{inside}]", Vector, parts)


def form(*parts: Part | Repeated, what: str | None = None) -> Part:
    """A list of ``parts``; its result is the list of theirs."""
    inside = " ".join(_what(part) for part in parts)
    return _sequence(what or f"a list ({inside})", List, parts)


def optional(part: Part) -> Repeated:
    """``part`` if the next value is one; its result is None when it is not."""
    return Repeated(part, 0, 1, "")


def many(name: str, part: Part = FORM) -> Repeated:
    """Any number of ``part``; the result is a list."""
    return Repeated(part, 0, None, name)


def some(name: str, part: Part = FORM) -> Repeated:
    """At least one ``part``; the result is a list."""
    return Repeated(part, 1, None, name)


@dataclass(frozen=True, init=False)
class Grammar:
    """What follows the head of a form."""

    parts: tuple[Part | Repeated, ...]

    def __init__(self, *parts: Part | Repeated) -> None:
        object.__setattr__(self, "parts", parts)

    def parse(self, call: List, what: str) -> list[Any]:
        """One result for each part of the form ``call``; ``what`` starts the error's message."""
        try:
            return _match(self.parts, call.items[1:], call, None)
        except Mismatch as mismatch:
            where = mismatch.where
            span: Span | None = (where.span if where is not None else None) or call.span
            raise UserError(f"{what}: {_sentence(mismatch)}", span=span) from None


def _sentence(mismatch: Mismatch) -> str:
    if mismatch.expected.startswith("wrong number"):
        return f"{mismatch.expected}, got {mismatch.found}"
    return f"expected {mismatch.expected}, got {mismatch.found}"


def _what(part: Part | Repeated) -> str:
    if isinstance(part, Part):
        return part.what
    return f"{part.part.what}..." if part.most is None else f"[{part.part.what}]"


def _bounds(parts: Sequence[Part | Repeated]) -> tuple[int, int | None]:
    least, most = 0, 0
    unbounded = False
    for part in parts:
        least += part.least if isinstance(part, Repeated) else 1
        if isinstance(part, Repeated) and part.most is None:
            unbounded = True
        else:
            most += 1
    return least, None if unbounded else most


def _match(
    parts: Sequence[Part | Repeated], items: list[Value], whole: Value, what: str | None
) -> list[Any]:
    least, most = _bounds(parts)
    if len(items) < least or (most is not None and len(items) > most):
        if what is not None:
            raise Mismatch(what, describe(whole), whole)
        raise Mismatch(
            f"wrong number of arguments, expected {_count(least, most)}", str(len(items)), whole
        )
    results: list[Any] = []
    position = 0
    skipped: tuple[Repeated, Value] | None = None
    for part in parts:
        if isinstance(part, Part):
            if position == len(items):
                raise Mismatch(part.what, "nothing more", whole)
            results.append(part.take(items[position]))
            position += 1
        elif part.most == 1:
            # An optional part is taken only when there are more values than the rest needs.
            spare = len(items) - position > least - _needed(parts, part)
            given = spare and part.part.accepts(items[position])
            results.append(part.part.take(items[position]) if given else None)
            skipped = skipped if given or not spare else (part, items[position])
            position += given
        else:
            results.append([part.part.take(item) for item in items[position:]])
            position = len(items)
    if position < len(items):
        # With that many values, the optional part must have been meant.
        extra = skipped[1] if skipped else items[position]
        expected = skipped[0].part.what if skipped else "nothing more"
        raise Mismatch(expected, describe(extra), extra)
    return results


def _needed(parts: Sequence[Part | Repeated], before: Part | Repeated) -> int:
    """How many values the parts in front of ``before`` need at least."""
    front = parts[: list(parts).index(before)]
    return _bounds(front)[0]


def _count(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    return str(least) if least == most else f"{least} to {most}"


# (: name type), the shape of parameters and block arguments.
TYPED = form(literal(SYMBOL, ":"), SYMBOL, TYPE, what="a parameter (: name type)")
