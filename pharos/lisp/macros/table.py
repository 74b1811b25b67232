"""The table of built-in macros, and the templates that most of them are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.lisp.grammar import Grammar, Part, Repeated
from pharos.lisp.namespaces import Namespaces
from pharos.lisp.reader import read_values
from pharos.lisp.tokens import Source
from pharos.lisp.values import Bool, Keyword, List, Map, Number, String, Symbol, Value, Vector

if TYPE_CHECKING:
    from pharos.lisp.expand import Expander


@dataclass(frozen=True)
class Call:
    """One use of a macro: the form, and the expander of the file it stands in."""

    form: List
    expander: Expander

    @property
    def span(self) -> Span | None:
        return self.form.span

    def symbol(self, text: str) -> Symbol:
        """A symbol at the place of the call."""
        return Symbol(text, self.span)

    def string(self, text: str) -> String:
        """A string at the place of the call."""
        return String(text, self.span)


@dataclass(frozen=True)
class Macro:
    """A macro: what its arguments look like, and what makes its expansion of them."""

    name: str
    grammar: Grammar
    handler: Callable[..., Value]

    def expand(self, call: Call) -> Value:
        """The expansion of ``call``; UserError when its arguments do not fit the grammar."""
        return self.handler(call, *self.grammar.parse(call.form, f"macro '{self.name}'"))


BUILT_IN: dict[str, Macro] = {}


def macro(name: str, *parts: Part | Repeated) -> Callable[[Callable[..., Value]], Any]:
    """Register the decorated function ``handler(call, *results of parts)`` as macro ``name``."""

    def register(handler: Callable[..., Value]) -> Callable[..., Value]:
        assert name not in BUILT_IN
        BUILT_IN[name] = Macro(name, Grammar(*parts), handler)
        return handler

    return register


def rule(name: str, arguments: dict[str, Part | Repeated], template: str) -> None:
    """Register a macro that is a template: ``~x`` and ``~@x`` stand for its arguments."""
    shape = Template(template)

    def handler(call: Call, *parts: Any) -> Value:
        return shape.fill(call.span, **dict(zip(arguments, parts, strict=True)))

    macro(name, *arguments.values())(handler)


@dataclass
class Template:
    """A form with holes: ``~x`` is replaced by a value, ``~@x`` by the values of a list."""

    text: str
    form: Value = field(init=False)

    def __post_init__(self) -> None:
        source = Source(self.text, "<macro>")
        (self.form,) = read_values(source, Namespaces(lenient=True))

    def fill(self, span: Span | None, **holes: Any) -> Value:
        """The form with its holes filled; what the template itself says stands at ``span``."""
        return _fill(self.form, span, holes)


def _fill(form: Value, span: Span | None, holes: dict[str, Any]) -> Value:
    if isinstance(form, List):
        if form.head == "unquote":
            return holes[_hole(form)]
        return List(list(_fill_items(form.items, span, holes)), span)
    if isinstance(form, Vector):
        return Vector(list(_fill_items(form.items, span, holes)), span)
    if isinstance(form, Map):
        return Map({key: _fill(item, span, holes) for key, item in form.entries.items()}, span)
    if isinstance(form, Symbol):
        return Symbol(form.text, span)
    if isinstance(form, String):
        return String(form.value, span)
    if isinstance(form, Number):
        return Number(form.value, span)
    if isinstance(form, Keyword):
        return Keyword(form.name, span)
    return Bool(form.value, span) if isinstance(form, Bool) else form


def _fill_items(items: list[Value], span: Span | None, holes: dict[str, Any]) -> Iterator[Value]:
    for item in items:
        if isinstance(item, List) and item.head == "unquote-splice":
            yield from holes[_hole(item)]
        else:
            yield _fill(item, span, holes)


def _hole(form: List) -> str:
    name = form.items[1]
    assert isinstance(name, Symbol)
    return name.text


def misuse(
    call: Call, message: str, where: Value | None = None, hint: str | None = None
) -> UserError:
    """The error for a wrong use of the macro of ``call``, at ``where`` or the whole call."""
    span = (where.span if where is not None else None) or call.span
    return UserError(f"macro '{call.form.head}': {message}", span=span, hint=hint)
