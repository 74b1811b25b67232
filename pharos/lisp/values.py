"""Values: what the reader makes of text, what macros take and give, what lowering reads.

Every value carries the span of the text it came from; a value made by a macro carries the span of
the macro call. Spans take no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from pharos.core.span import Span

# Whole numbers up to here are exact as f64.
EXACT = 1 << 53


@dataclass(slots=True)
class Symbol:
    """A name. ``text`` is the full name, its namespace resolved.

    ``a/addi`` under ``(require-dialect [arith :as a])`` has the text ``arith.addi``; a name of a
    required file keeps its alias (``u/helper``, also when written ``u.helper``); a plain name, and
    any symbol made by a macro, is its own text.
    """

    text: str
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The part after a file's alias: ``helper`` of ``u/helper``."""
        alias, slash, name = self.text.partition("/")
        return name if alias and slash and name and "<" not in alias else self.text


@dataclass(slots=True)
class String:
    """A string literal; ``value`` is its text with the escapes taken out."""

    value: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Number:
    """A number: an exact ``int``, or a ``float`` where it was written with a point or exponent."""

    value: int | float
    span: Span | None = field(default=None, compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        # 1 and 1.0 are different values, and so are 0.0 and -0.0: they print differently.
        return isinstance(other, Number) and repr(self.value) == repr(other.value)


@dataclass(slots=True)
class Keyword:
    """A keyword; ``name`` is without the colon."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Bool:
    """``true`` or ``false``."""

    value: bool
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Nil:
    """``nil``."""

    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class List:
    """A list in parentheses."""

    items: list[Value]
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def head(self) -> str | None:
        """The text of the first item when that is a symbol, else None."""
        first = self.items[0] if self.items else None
        return first.text if isinstance(first, Symbol) else None


@dataclass(slots=True)
class Vector:
    """A vector in brackets."""

    items: list[Value]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Map:
    """A map in braces, from keyword names to values, and where each key stands."""

    entries: dict[str, Value]
    span: Span | None = field(default=None, compare=False, repr=False)
    key_spans: dict[str, Span] = field(default_factory=dict, compare=False, repr=False)


Value: TypeAlias = Symbol | String | Number | Keyword | Bool | Nil | List | Vector | Map

_NAMES = {
    Symbol: "symbol",
    String: "string",
    Number: "number",
    Keyword: "keyword",
    Bool: "boolean",
    Nil: "nil",
    List: "list",
    Vector: "vector",
    Map: "map",
}


def kind(value: Value) -> str:
    """What ``value`` is, in a word."""
    return _NAMES[type(value)]


def describe(value: Value) -> str:
    """What ``value`` is, for messages: its kind, and its text when that is short."""
    if isinstance(value, Nil):
        return "nil"
    if isinstance(value, List) and not value.items:
        return "an empty list"
    text = to_text(value)
    return f"{kind(value)} {text}" if len(text) <= 40 else f"a {kind(value)}"


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_ESCAPED = str.maketrans(_ESCAPES)


def to_text(value: Value) -> str:
    """``value`` as text that reads back equal (given the same dialects and aliases)."""
    if isinstance(value, Symbol):
        return value.text
    if isinstance(value, String):
        return f'"{value.value.translate(_ESCAPED)}"'
    if isinstance(value, Number):
        return _number_text(value.value)
    if isinstance(value, Keyword):
        return f":{value.name}"
    if isinstance(value, Bool):
        return "true" if value.value else "false"
    if isinstance(value, Nil):
        return "nil"
    if isinstance(value, Map):
        inside = " ".join(f":{key} {to_text(item)}" for key, item in value.entries.items())
        return "{" + inside + "}"
    inside = " ".join(map(to_text, value.items))
    return f"({inside})" if isinstance(value, List) else f"[{inside}]"


def _number_text(number: int | float) -> str:
    text = repr(number)
    if isinstance(number, int) or "." in text or "e" in text:
        return text
    # The reader gives an overflowing number the value infinity.
    return "-1e999" if number < 0 else "1e999"
