"""Tables that say what instructions mean: a pattern of the spelling beside who writes it.

A target owns one table and fills it with `meaning`; the engine looks every callee and every
inline assembly text of a kernel up in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pharos.simt.said import Words
    from pharos.simt.values import Value
    from pharos.simt.writer import Writer

Body = Callable[["Writer", "Call"], Any]
Edit = Callable[[tuple[str, ...]], tuple[str, ...]]
Reader = Callable[[Iterable["Words"]], Iterable[str]]


@dataclass(frozen=True)
class Meaning:
    """What the instructions do whose whole spelling matches ``pattern``.

    ``source`` is the manual and section that says so.
    """

    pattern: re.Pattern[str]
    body: Body
    source: str


@dataclass
class Call:
    """One use of an instruction, as its meaning sees it.

    ``text`` the callee's name or the assembly text, ``match`` how the pattern matched it,
    ``arguments`` its operands, ``type`` that of its result ("void" for none; assembly with
    several outputs gives a structure), ``constraints`` those of inline assembly.
    """

    text: str
    match: re.Match[str]
    arguments: list[Value]
    type: str
    constraints: str = ""
    literals: tuple[int | None, ...] = ()
    asked: set[int] = field(default_factory=set)

    def constant(self, index: int) -> int:
        """The value of an argument that must be an integer literal; ValueError when it is not.

        The meaning is then written once for each value that occurs.
        """
        self.asked.add(index)
        value = self.literals[index]
        if value is None:
            raise ValueError(f"argument {index} of {self.text!r} is no literal")
        return value

    def literal(self, index: int) -> int | None:
        """As `constant`, but None for an argument that is no integer literal."""
        self.asked.add(index)
        return self.literals[index]


class Meanings:
    """The table of one target. ``name`` is for messages."""

    def __init__(self, name: str, *parts: Meanings) -> None:
        self.name = name
        self._own: dict[str, Meaning] = {}
        self._edits: list[Edit] = []
        self._reader: Reader | None = None
        self._parts = parts

    def __iter__(self) -> Iterator[Meaning]:
        yield from self._own.values()
        for part in self._parts:
            yield from part

    def __len__(self) -> int:
        return len(self._own) + sum(map(len, self._parts))

    def edits(self) -> Iterator[Edit]:
        """What is done to the lines of every function before its instructions are looked up."""
        yield from self._edits
        for part in self._parts:
            yield from part.edits()

    def edit(self, change: Edit) -> Edit:
        """Enters a function from a function's lines to others: for what values alone cannot say."""
        self._edits.append(change)
        return change

    def said(self, reader: Reader) -> Reader:
        """Enters the function from what meanings say (``Writer.say``) to texts for printing."""
        self._reader = reader
        return reader

    def texts(self, said: Iterable[Words]) -> list[str]:
        """What kernels print with what they said."""
        readers = [one for one in (self._reader, *(p._reader for p in self._parts)) if one]
        return list(readers[0](said)) if readers else []

    def add(self, pattern: str, body: Body, source: str) -> None:
        """One more meaning; ValueError for a pattern that is there already or has no source."""
        if pattern in self._own:
            raise ValueError(f"{self.name} has two meanings for {pattern!r}")
        if not source.strip():
            raise ValueError(f"the meaning of {pattern!r} names no source")
        self._own[pattern] = Meaning(re.compile(pattern, re.DOTALL), body, source)

    def find(self, text: str) -> tuple[Meaning, re.Match[str]] | None:
        """The first meaning whose pattern matches all of ``text``; None when there is none."""
        for entry in self:
            if found := entry.pattern.fullmatch(text):
                return entry, found
        return None


def meaning(table: Meanings, *patterns: str, source: str) -> Callable[[Body], Body]:
    """Enters the decorated function in ``table`` for every spelling that a pattern matches.

    The patterns are regular expressions for a whole callee name (`llvm\\.nvvm\\.shfl...`, a
    mangled builtin) or a whole inline assembly text, white space at its ends left out.
    """

    def enter(body: Body) -> Body:
        for pattern in patterns:
            table.add(pattern, body, source)
        return body

    return enter
