"""Places in source text, and the text of the sources they point into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Texts that are not files on disk (an argument of `eval`, a test's string), or files whose text
# was read already. Keyed by the name that spans carry.
_TEXTS: dict[str, str] = {}


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of source text. Lines and columns count from 1; columns count code points.

    ``end_line`` and ``end_column`` point just past the last character; both are 0 when only the
    start is known.
    """

    file: str
    line: int
    column: int
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def to(self, other: Span) -> Span:
        """The stretch from the start of this span to the end of ``other``."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)


def register_source(name: str, text: str) -> None:
    """Remember the text behind ``name`` so that errors can show its lines."""
    _TEXTS[name] = text


def sources() -> dict[str, str]:
    """Every text that was registered, by name."""
    return dict(_TEXTS)


def source_line(span: Span) -> str | None:
    """The line of text that ``span`` starts on, or None when its source cannot be read."""
    text = _TEXTS.get(span.file)
    if text is None:
        try:
            text = Path(span.file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    lines = text.split("\n")
    return lines[span.line - 1].rstrip("\r") if 0 < span.line <= len(lines) else None
