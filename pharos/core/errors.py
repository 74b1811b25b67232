"""The two families of errors, and how they are shown.

A ``UserError`` is the user's mistake: it has a place where one is known, says what was expected
and what was found, and how to mend it; it is printed without a traceback. An ``InternalError``
is a bug of ours: it keeps its traceback, and names the files that reproduce it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pharos.core.span import Span, source_line


@dataclass(frozen=True)
class Note:
    """One more sentence about an error, with its own place where there is one."""

    message: str
    span: Span | None = None


# Source lines longer than this are shown in part (generated modules have lines of megabytes).
_LONGEST = 120


class PharosError(Exception):
    """Base of every error that Pharos raises on purpose."""


class UserError(PharosError):
    """A mistake in what the user gave us.

    ``message`` says what was expected and what was found, ``span`` where, ``hint`` what to do.
    """

    def __init__(
        self,
        message: str,
        *,
        span: Span | None = None,
        hint: str | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint
        self.notes = tuple(notes)

    def __str__(self) -> str:
        return render(self)


class ErrorList(UserError):
    """Several independent mistakes, reported together."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)


class InternalError(PharosError):
    """A bug of ours. ``reproducer`` is the folder that holds what is needed to see it again."""

    def __init__(self, message: str, *, reproducer: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reproducer = reproducer

    def __str__(self) -> str:
        saved = f"\nreproducer: {self.reproducer}" if self.reproducer else ""
        return f"internal error: {self.message}{saved}"


def render(error: UserError) -> str:
    """The text that the user sees: place, message, source line with a caret, notes, hint."""
    if isinstance(error, ErrorList):
        return "\n".join(render(one) for one in error.errors)
    lines = _located("error", error.message, error.span)
    for note in error.notes:
        lines += _located("note", note.message, note.span)
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def _located(kind: str, message: str, span: Span | None) -> list[str]:
    if span is None:
        return [f"{kind}: {message}"]
    lines = [f"{span}: {kind}: {message}"]
    text = source_line(span)
    if text is not None:
        lines += [f"  {line}" for line in _pointed(text, span)]
    return lines


def _pointed(text: str, span: Span) -> tuple[str, str]:
    """The source line, cut where it is very long, and a caret under the place."""
    at = span.column - 1
    end = len(text) if span.end_line > span.line else span.end_column - 1
    first = max(0, at - _LONGEST // 2) if len(text) > _LONGEST else 0
    last = first + _LONGEST
    before, after = ("..." if cut else "" for cut in (first > 0, last < len(text)))
    # Tabs are kept so that the caret stands under its character however wide the terminal
    # shows a tab.
    lead = "".join("\t" if c == "\t" else " " for c in before + text[first:at])
    caret = lead + "^" + "~" * max(0, min(end, last) - at - 1)
    return before + text[first:last] + after, caret


def nearest(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest known name, or None when nothing is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else None
