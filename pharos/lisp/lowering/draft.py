"""An operation form taken apart: ``(dialect.name {attributes}? operands... regions...)``."""

from __future__ import annotations

from dataclasses import dataclass, field

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.lisp.values import List, Map, Symbol, Value


@dataclass(slots=True)
class Draft:
    """The parts of an operation form, as written.

    ``result`` is the value of ``:result``; ``attributes`` are the others.
    """

    name: str
    head: Symbol
    span: Span | None
    result: Value | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    operands: list[Value] = field(default_factory=list)
    regions: list[List] = field(default_factory=list)
    key_spans: dict[str, Span] = field(default_factory=dict)

    def take(self, key: str) -> Value | None:
        """The attribute ``key``, taken out."""
        return self.attributes.pop(key, None)


def is_region(value: Value) -> bool:
    """Whether ``value`` is written as a region."""
    return isinstance(value, List) and value.head in ("do", "region")


def draft(form: List) -> Draft:
    """``form`` taken apart; UserError when its head is no symbol."""
    head = form.items[0]
    if not isinstance(head, Symbol):
        raise UserError("expected symbol at the head of a form", span=head.span or form.span)
    result = Draft(head.text, head, form.span)
    rest = form.items[1:]
    if rest and isinstance(rest[0], Map):
        attributes = rest[0]
        rest = rest[1:]
        result.attributes = dict(attributes.entries)
        result.key_spans = attributes.key_spans
        result.result = result.attributes.pop("result", None)
        # Old programs carry it; the labels among the operands say the same.
        result.attributes.pop("successors", None)
    for item in rest:
        if isinstance(item, List) and item.head in ("do", "region"):
            result.regions.append(item)
        else:
            result.operands.append(item)
    return result
