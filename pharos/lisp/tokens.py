"""Text to tokens (section 2 of the language reference)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from pharos.core.errors import UserError
from pharos.core.span import Span


class Token(NamedTuple):
    """One token: its kind (a group of ``_TOKEN``), its text, and its offsets in the source."""

    kind: str
    text: str
    start: int
    end: int


class Source:
    """A text with a name, and the spans of its stretches."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]

    def span(self, start: int, end: int) -> Span:
        """The span of the characters from offset ``start`` up to ``end``."""
        lines = self._lines
        line = bisect_right(lines, start)
        first = lines[line - 1]
        if line == len(lines) or end < lines[line]:
            return Span(self.name, line, start - first + 1, line, end - first + 1)
        last = bisect_right(lines, end)
        return Span(self.name, line, start - first + 1, last, end - lines[last - 1] + 1)


_TOKEN = re.compile(
    r"""
      (?P<space>    (?: [ \t\r\n]+ | ;[^\n]* )+ )
    | (?P<number>   -?[0-9]+ (?:\.[0-9]+)? (?: [eE][+-]?[0-9]+ | (?P<cut>[eE]) )? )
    | (?P<symbol>   [A-Za-z_\-!?*+=<>@%./] [A-Za-z0-9_\-./!?*+=>@%]* )
    | (?P<keyword>  :[A-Za-z_\-][A-Za-z0-9\-_.]* )
    | (?P<colon>    : )
    | (?P<label>    \^[A-Za-z0-9_]+ )
    | (?P<open>     [(\[{] )
    | (?P<close>    [)\]}] )
    | (?P<quote>    ` | ~@ | ~ )
    | (?P<string>   "(?: [^"\\] | \\. )*" )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_NAME_REST = re.compile(r"[A-Za-z0-9_\-./!?*+=>@%]*", re.ASCII)
# Where a type or attribute in angle brackets can surely not go on.
_STOPS = set(';"{}`~^\\')
_PAIRS = {")": "(", "]": "["}


def tokenize(source: Source) -> Iterator[Token]:
    """The tokens of ``source``, white space and comments left out.

    Raises UserError, with its place, for an unexpected character, an unterminated string, an
    invalid number, and a '<' that is not closed.
    """
    text, position, size = source.text, 0, len(source.text)
    match = _TOKEN.match
    while position < size:
        found = match(text, position)
        if found is None:
            raise _unexpected(source, position)
        kind, end = found.lastgroup or "", found.end()
        if kind == "space":
            position = end
            continue
        if kind == "number" and found["cut"]:
            raise UserError(
                f"invalid number '{found[0]}': expected digits after the exponent mark",
                span=source.span(position, end),
            )
        if kind == "symbol" and end < size and text[end] == "<":
            end = _end_of_bracketed(source, position, end)
        yield Token(kind, text[position:end], position, end)
        position = end


def _end_of_bracketed(source: Source, start: int, position: int) -> int:
    """The end of the symbol at ``start`` whose first '<' is at ``position``."""
    text, size = source.text, len(source.text)
    while position < size and text[position] == "<":
        position = _close_of(source, start, position)
        rest = _NAME_REST.match(text, position)
        position = rest.end() if rest else position
    return position


def _close_of(source: Source, start: int, opening: int) -> int:
    """The offset just past the '>' that closes the '<' at ``opening``."""
    text, depth, inner = source.text, 0, [""]
    for position in range(opening, len(text)):
        char = text[position]
        if char == "<":
            depth += 1
        elif char == ">":
            arrow = text[position - 1] == "-" or text[position + 1 : position + 2] == "="
            depth -= 0 if arrow else 1
            if depth == 0:
                return position + 1
        elif char in "([":
            inner.append(char)
        elif (char in ")]" and inner.pop() != _PAIRS[char]) or char in _STOPS:
            break
    raise UserError(
        f"'<' is not closed in '{_start_of(text, start)}'",
        span=source.span(opening, opening + 1),
        hint="a type or attribute goes on to the matching '>'",
    )


def _start_of(text: str, start: int) -> str:
    line = text[start:].split("\n", 1)[0]
    return line if len(line) <= 30 else line[:30] + "..."


_HINTS = {
    ",": "items are separated by blanks; a comma stands only inside <...> or a string",
    "#": 'write an MLIR attribute as a string: "#llvm.linkage<internal>"',
    "'": "there is no quote; a backquote starts a quasiquote",
    "^": "a block label is ^ followed by letters, digits or _",
}


def _unexpected(source: Source, position: int) -> UserError:
    char = source.text[position]
    span = source.span(position, position + 1)
    if char == '"':
        return UserError(
            "string is not terminated: expected a closing '\"' before the end of the file",
            span=span,
        )
    return UserError(
        f"unexpected character '{char}' at line {span.line}, column {span.column}",
        span=span,
        hint=_HINTS.get(char),
    )
