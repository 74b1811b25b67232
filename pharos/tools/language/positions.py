"""Offsets in a text, its lines and columns as errors count them, and as editors count them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

# How many units of an encoding a text takes (LSP 3.17, PositionEncodingKind).
_UNITS: dict[str, Callable[[str], int]] = {
    "utf-8": lambda text: len(text.encode("utf-8", "surrogatepass")),
    "utf-16": lambda text: len(text) + sum(char > "\uffff" for char in text),
    "utf-32": len,
}


class Positions:
    """The lines of ``text``; editors count the columns in units of ``encoding``."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self._units = _UNITS[encoding]
        self._starts = [0]
        for offset, char in enumerate(text):
            if char == "\n":
                self._starts.append(offset + 1)

    def line_of(self, offset: int) -> tuple[int, int]:
        """Line and column of ``offset``, from 0, in code points."""
        line = bisect_right(self._starts, offset) - 1
        return line, offset - self._starts[line]

    def offset_of(self, line: int, column: int) -> int:
        """The offset of a line and column, from 0, in code points; the nearest there is."""
        if line >= len(self._starts):
            return len(self.text)
        start = self._starts[max(line, 0)]
        return min(start + max(column, 0), self._end(max(line, 0)))

    def to_editor(self, offset: int) -> tuple[int, int]:
        """Line and column of ``offset`` as the editor counts them."""
        line, column = self.line_of(min(max(offset, 0), len(self.text)))
        start = self._starts[line]
        return line, self._units(self.text[start : start + column])

    def from_editor(self, line: int, column: int) -> int:
        """The offset of a place in the editor; the nearest there is."""
        if line >= len(self._starts):
            return len(self.text)
        offset, end, left = self._starts[line], self._end(line), column
        while offset < end and left > 0:
            left -= self._units(self.text[offset])
            offset += 1
        return offset

    def _end(self, line: int) -> int:
        """The offset of the line break that ends ``line``."""
        last = line + 1 == len(self._starts)
        return len(self.text) if last else self._starts[line + 1] - 1
