"""Colours on a terminal that has them."""

from __future__ import annotations

import os
import re
import sys

_CODES = {
    "type": "36",
    "defined": "32",
    "warning": "33",
    "error": "1;31",
    "note": "1;34",
    "hint": "33",
    "caret": "32",
    "dim": "2",
}
_PLACE = re.compile(r"^(.*?)(error|note|hint): ", re.MULTILINE)
_CARET = re.compile(r"^  +\^~*$", re.MULTILINE)
_VALUE = re.compile(r"^(.*)( : [^\n]*)$", re.DOTALL)


def colours() -> bool:
    """Whether stdout shows colours: https://no-color.org is honoured."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, style: str) -> str:
    """``text`` in the colour of ``style``, where there are colours."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if colours() and text else text


def message(text: str, kind: str) -> str:
    """What the worker says, painted by its ``kind``."""
    if kind in ("value", "defined"):
        return _VALUE.sub(lambda found: found[1] + paint(found[2], "type"), text)
    if kind == "warning":
        return paint("warning: ", "warning") + error(text)
    return text


def error(text: str) -> str:
    """An error as text, its word and its caret painted."""
    text = _PLACE.sub(lambda found: found[1] + paint(found[2] + ":", found[2]) + " ", text)
    return _CARET.sub(lambda found: paint(found[0], "caret"), text)
