"""Our spans as MLIR locations, and back."""

from __future__ import annotations

from typing import Any

from pharos.core.span import Span
from pharos.ir.bindings import mlir


def location_of(span: Span | None, context: Any) -> Any:
    """The MLIR location of ``span``; the unknown location for None."""
    with context:
        if span is None:
            return mlir.Location.unknown()
        if span.end_line:
            return mlir.Location.file(
                span.file, span.line, span.column, span.end_line, span.end_column
            )
        return mlir.Location.file(span.file, span.line, span.column)


def span_of(location: Any) -> Span | None:
    """The innermost file position in ``location``, or None.

    A call site stands for its callee, a fused location for its first part with a position, a
    named location for what it names: that is where the text that made the operation stands.
    """
    if type(location) is mlir.Location:
        # Locations in diagnostics come without their subclass; the attribute knows it.
        location = mlir.Location.from_attr(location.attr, location.context)
    if isinstance(location, mlir.FileLineColLoc):
        start = (location.start_line, location.start_col)
        end = (location.end_line, location.end_col)
        return Span(location.filename, *start, *(end if end != start else (0, 0)))
    if isinstance(location, mlir.CallSiteLoc):
        return span_of(location.callee) or span_of(location.caller)
    if isinstance(location, mlir.NameLoc):
        return span_of(location.child_loc)
    if isinstance(location, mlir.FusedLoc):
        return next((s for s in map(span_of, location.locations) if s is not None), None)
    return None
