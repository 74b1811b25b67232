"""Lines of formatted text while they are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

WIDTH = 100
# Between code and a comment behind it.
_GAP = 2


class Line(NamedTuple):
    """Code with its indentation, and the comment behind it ("" for none)."""

    code: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Block:
    """A form laid out: its first line begins where the form does, the others at the margin.

    ``over`` is how many of them are wider than the page. Comments may be.
    """

    lines: tuple[Line, ...]
    over: int

    @property
    def tall(self) -> bool:
        """Whether it goes over several lines."""
        return len(self.lines) > 1


def line_block(text: str, column: int, tail: int) -> Block:
    """``text`` at ``column``, with ``tail`` characters to follow; a string may have line breaks."""
    writer = Writer(column)
    first, *rest = text.split("\n")
    writer.write(first)
    writer.lines += [Line(line) for line in rest]
    return writer.block(tail)


class Writer:
    """Puts a block together from left to right."""

    def __init__(self, column: int) -> None:
        self.column = column
        self.lines = [Line()]

    @property
    def end(self) -> int:
        """The column behind what is written."""
        indent = self.column if len(self.lines) == 1 else 0
        return indent + len(self.lines[-1].code)

    @property
    def untouched(self) -> bool:
        """Whether nothing is written yet."""
        return len(self.lines) == 1 and self.lines[0] == Line()

    @property
    def commented(self) -> bool:
        """Whether the line has a comment, so that no code can follow on it."""
        return bool(self.lines[-1].comment)

    def write(self, text: str) -> None:
        """Add ``text`` to the line."""
        self.lines[-1] = Line(self.lines[-1].code + text)

    def put(self, block: Block) -> None:
        """Add ``block``, which was laid out for this column."""
        first, *rest = block.lines
        self.lines[-1] = Line(self.lines[-1].code + first.code, first.comment)
        self.lines += rest

    def newline(self, indent: int, blank: bool = False) -> None:
        """Go on at column ``indent`` of a new line, an empty one in between if ``blank``."""
        if blank:
            self.lines.append(Line())
        self.lines.append(Line(" " * indent))

    def comment(self, text: str) -> None:
        """Put the comment ``text`` behind the line."""
        self.lines[-1] = Line(self.lines[-1].code, text)

    def block(self, tail: int) -> Block:
        """What was written, with ``tail`` characters to follow."""
        widths = [len(line.code) for line in self.lines]
        widths[0] += self.column
        widths[-1] += tail
        return Block(tuple(self.lines), sum(width > WIDTH for width in widths))


def render(lines: list[Line]) -> str:
    """The text of ``lines``; comments behind consecutive lines start in one column."""
    texts: list[str] = []
    start = 0
    while start < len(lines):
        stop = start + 1
        while stop < len(lines) and _trails(lines[start]) and _trails(lines[stop]):
            stop += 1
        texts += _rendered(lines[start:stop])
        start = stop
    return "".join(f"{text}\n" for text in texts)


def _trails(line: Line) -> bool:
    return bool(line.comment and line.code.strip())


def _rendered(run: list[Line]) -> list[str]:
    if not _trails(run[0]):
        (line,) = run
        return [line.code + line.comment]
    column = max(len(line.code) for line in run) + _GAP
    if any(column + len(line.comment) > WIDTH for line in run):
        return [f"{line.code}{' ' * _GAP}{line.comment}" for line in run]
    return [line.code.ljust(column) + line.comment for line in run]
