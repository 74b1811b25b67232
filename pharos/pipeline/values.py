"""The values of options: what they may be, how they are written, and the mapping that holds them.

One set of rules serves the three forms of a stage. A bare word is none, true, false, a number or
else a string; whatever would be read as something other than the string it is stands in quotes.
"""

from __future__ import annotations

import math
import operator
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, Union

from pharos.core.errors import UserError
from pharos.core.span import Span

# Characters of a bare word; everything else is punctuation, blank or must stand in quotes.
WORD_CHARACTERS = frozenset(string.ascii_letters + string.digits + "_-./+*@%~")
# Deeper nesting is a mistake, and would run into Python's own recursion limit.
MAX_DEPTH = 32

_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("none", "None", "null", "~")),
    **dict.fromkeys(("true", "True"), True),
    **dict.fromkeys(("false", "False"), False),
}
_NOT_FINITE = re.compile(r"[+-]?\.?(inf|nan|infinity)", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True)
class Reference:
    """``$name``: the value of a parameter of the descriptor that the text stands in."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not is_parameter_name(self.name):
            raise UserError(
                f"expected a parameter's name (letters, digits and _), found '{self.name}'",
                span=self.span,
            )

    def __str__(self) -> str:
        return f"${self.name}"


# Written as Union because Python 3.10 cannot join a forward reference with `|`.
Value: TypeAlias = Union[bool, int, float, str, Reference, tuple["Value", ...], None]  # noqa: UP007


def is_parameter_name(name: str) -> bool:
    """Whether ``name`` can be a parameter's: an ASCII letter or _, then letters, digits, _."""
    return name.isascii() and name.isidentifier()


def read_word(word: str) -> Value:
    """What the bare word ``word`` means: none, a bool, a number, else the word itself.

    Raises ValueError, whose text says why, for what looks like a number but is none that can be
    kept: infinities, NaN, integers beyond 64 bits, leading zeros (octal to some readers).
    """
    if word in _WORDS:
        return _WORDS[word]
    if _NOT_FINITE.fullmatch(word):
        raise ValueError(f"expected a finite number, found {word}")
    if _LEADING_ZERO.fullmatch(word):
        raise ValueError(f"expected a number without leading zeros, found {word}")
    if _HEXADECIMAL.fullmatch(word):
        return _checked_integer(int(word, 16))
    if _INTEGER.fullmatch(word):
        # Longer than any 64-bit number; Python refuses to convert thousands of digits.
        return _checked_integer(int(word) if len(word) < 32 else 1 << 64)
    if _FLOAT.fullmatch(word):
        return _checked_float(float(word))
    return word


def _checked_integer(number: int) -> int:
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError("expected an integer of at most 64 bits")
    return number


def _checked_float(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, found {number}")
    return number


def freeze(value: Any, *, depth: int = 0) -> Value:
    """``value`` as a Value: sequences become tuples, numbers plain ones.

    Raises UserError for anything else, for non-finite floats, for integers beyond 64 bits and
    for strings that are not valid Unicode.
    """
    if depth > MAX_DEPTH:
        raise UserError(f"expected lists nested at most {MAX_DEPTH} deep")
    if value is None or isinstance(value, (bool, Reference)):
        return value
    try:
        if isinstance(value, str):
            return str(value.encode(), "utf-8")
        if isinstance(value, float):
            return _checked_float(float(value))
        if isinstance(value, (list, tuple)):
            return tuple(freeze(item, depth=depth + 1) for item in value)
        return _checked_integer(operator.index(value))
    except UnicodeEncodeError:
        raise UserError(f"expected a string of valid Unicode, found {value!r}") from None
    except TypeError:
        raise UserError(
            "expected none, a bool, an int, a float, a string, a reference or a list of those, "
            f"found {type(value).__name__}"
        ) from None
    except ValueError as error:
        raise UserError(str(error)) from None


def type_name(value: Value) -> str:
    """The name of the type of ``value`` as descriptors write it."""
    if value is None:
        return "none"
    names = {bool: "bool", int: "int", float: "float", str: "string", tuple: "list"}
    return names.get(type(value), "reference")


def format_value(value: Value) -> str:
    """``value`` as it is written in a stage's text; reading it back gives the same value."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(format_value, value))}]"
    if isinstance(value, str):
        return value if is_word(value) and _means_itself(value) else quote(value)
    return repr(value) if isinstance(value, float) else str(value)


def _means_itself(word: str) -> bool:
    try:
        return read_word(word) is word
    except ValueError:
        return False


def is_word(text: str) -> bool:
    """Whether ``text`` can be written without quotes."""
    return bool(text) and WORD_CHARACTERS.issuperset(text)


def format_name(name: str) -> str:
    """``name`` (of a pass, a file, an option) as text: bare where that is possible."""
    return name if is_word(name) else quote(name)


def quote(text: str) -> str:
    """``text`` in double quotes, with escapes for what cannot be printed."""
    return f'"{"".join(map(_escape, text))}"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


class Options(Mapping[str, Value]):
    """Named values in the order given; immutable, hashable, and strict: 1, 1.0 and true differ.

    ``span(name)`` is where an option was written, if it was read from a text.
    """

    __slots__ = ("_spans", "_values")

    def __init__(
        self,
        values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        *,
        spans: Mapping[str, Span] | None = None,
    ) -> None:
        self._values: dict[str, Value] = {}
        self._spans = dict(spans or {})
        for name, value in values.items() if isinstance(values, Mapping) else values:
            if name in self._values:
                raise UserError(f"option '{name}' is given twice", span=self._spans.get(name))
            try:
                self._values[str(freeze(name))] = freeze(value)
            except UserError as error:
                error.message = f"option '{name}': {error.message}"
                error.span = error.span or self._spans.get(name)
                raise

    def span(self, name: str) -> Span | None:
        """Where the option ``name`` was written, or None."""
        return self._spans.get(name)

    @property
    def spans(self) -> Mapping[str, Span]:
        """Where each option was written, as far as known."""
        return self._spans

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _identity(self) -> frozenset[tuple[str, str]]:
        return frozenset((name, format_value(value)) for name, value in self.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        # Values that compare equal in Python may differ here (1 and True); their texts do.
        same = other if isinstance(other, Options) else Options(other)
        return self._identity() == same._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"Options({self._values!r})"

    def __str__(self) -> str:
        """``{a=1 b=[2, 3]}``; empty without options."""
        if not self._values:
            return ""
        items = (f"{format_name(n)}={format_value(v)}" for n, v in self._values.items())
        return f"{{{' '.join(items)}}}"


NO_OPTIONS = Options()
