"""The text that a span covers."""

from __future__ import annotations

from pharos.core.span import Span, sources


def source_text(span: Span) -> str | None:
    """The text of ``span``; None when its source is not at hand or its end not known."""
    text = sources().get(span.file)
    if text is None or not span.end_line:
        return None
    lines = text.split("\n")[span.line - 1 : span.end_line]
    if not lines:
        return None
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)
