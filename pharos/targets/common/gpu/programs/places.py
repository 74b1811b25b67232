"""The table of places of a program's host code: an entry for every call of our run time.

An entry is plain data: ``span`` (the parts of a ``Span``, or None), and for a launch ``kernel`` and
the ``types`` of its operands ("ptr", "i64", "bf16").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.core.span import Span

PLACES = "pharos.places"


def span_data(span: Span | None) -> list[Any] | None:
    """``span`` as an entry has it."""
    if span is None:
        return None
    return [span.file, span.line, span.column, span.end_line, span.end_column]


def span_at(entry: Mapping[str, Any]) -> Span | None:
    """Where in the program an entry of the table is."""
    return Span(*entry["span"]) if entry["span"] is not None else None
