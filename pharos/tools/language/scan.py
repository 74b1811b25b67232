"""Text to tokens, whatever the text: nothing raises, no character is left out.

The tokens are those of the reader (language reference, section 2), and one kind more, "bad", for
what the reader refuses. An unclosed string or ``<`` is a token with ``closed`` false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Token(NamedTuple):
    """A stretch of text: what it is, and its offsets.

    ``kind`` is space, comment, string, number, keyword, label, symbol, open, close, quote, colon
    or bad.
    """

    kind: str
    text: str
    start: int
    end: int
    closed: bool = True


_TOKEN = re.compile(
    r"""
      (?P<space>    [ \t\r\n]+ )
    | (?P<comment>  ;[^\n]* )
    | (?P<string>   " (?: [^"\\] | \\. )* "? )
    | (?P<number>   -?[0-9]+ (?:\.[0-9]+)? (?:[eE][+-]?[0-9]+)? )
    | (?P<symbol>   [A-Za-z_\-!?*+=<>@%./] [A-Za-z0-9_\-./!?*+=>@%]* )
    | (?P<keyword>  :[A-Za-z_\-][A-Za-z0-9\-_.]* )
    | (?P<colon>    : )
    | (?P<label>    \^[A-Za-z0-9_]+ )
    | (?P<open>     [(\[{] )
    | (?P<close>    [)\]}] )
    | (?P<quote>    ` | ~@ | ~ )
    | (?P<bad>      . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_NAME_REST = re.compile(r"[A-Za-z0-9_\-./!?*+=>@%]*", re.ASCII)
_UP_TO_BREAK = re.compile(r"[^\s()\[\]{}\";]*")
# Where a type in angle brackets can surely not go on.
_STOPS = frozenset(';"{}`~^\\')
_PAIRS = {")": "(", "]": "["}


def scan(text: str) -> Iterator[Token]:
    """The tokens of ``text``, one behind the other, from its first to its last character."""
    position, size = 0, len(text)
    while position < size:
        found = _TOKEN.match(text, position)
        assert found is not None  # "bad" takes any character
        kind, end, closed = found.lastgroup or "bad", found.end(), True
        if kind == "string":
            closed = _is_closed(found[0])
        elif kind == "symbol" and text.startswith("<", end):
            end, closed, wrong = _bracketed(text, end)
            kind = "bad" if wrong else kind
        yield Token(kind, text[position:end], position, end, closed)
        position = end


def _is_closed(string: str) -> bool:
    if len(string) < 2 or not string.endswith('"'):
        return False
    slashes = len(string) - 1 - len(string[:-1].rstrip("\\"))
    return slashes % 2 == 0


def _bracketed(text: str, position: int) -> tuple[int, bool, bool]:
    """The end of a symbol whose first ``<`` is at ``position``; whether that is closed; whether
    it never can be."""
    while text.startswith("<", position):
        close = _close_of(text, position)
        if close is None or close < 0:
            # Only up to the next blank or bracket, so that what follows is not lost.
            rest = _UP_TO_BREAK.match(text, position)
            return (rest.end() if rest else position + 1), close is not None, close is not None
        rest = _NAME_REST.match(text, close)
        position = rest.end() if rest else close
    return position, True, False


def _close_of(text: str, opening: int) -> int | None:
    """The offset behind the ``>`` that closes the ``<`` at ``opening``.

    None when the text ends before it, -1 when something stands before it that cannot.
    """
    depth, inner = 0, [""]
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
            return -1
    return None


def is_complete(text: str) -> bool:
    """Whether ``text`` is all of one or more forms, so that Return means "do it".

    A closing bracket too many is complete as well: the reader says what is wrong with it.
    """
    depth, waiting = 0, False
    for token in scan(text):
        if token.kind in ("space", "comment"):
            continue
        if not token.closed:
            return False
        waiting = token.kind == "quote"
        if token.kind == "open":
            depth += 1
        elif token.kind == "close":
            depth -= 1
            if depth < 0:
                return True
    return depth == 0 and not waiting


def is_blank(text: str) -> bool:
    """Whether ``text`` holds nothing but blanks and comments."""
    return all(token.kind in ("space", "comment") for token in scan(text))
