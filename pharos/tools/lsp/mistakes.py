"""The mistakes of an analysis as diagnostics, by file."""

from __future__ import annotations

import os
from typing import Any

from lsprotocol import types as lsp
from pygls.uris import from_fs_path

from pharos.tools.lsp.documents import Document, Find

_SOURCE = "lispier"


def diagnostics(
    analysis: dict[str, Any], document: Document, find: Find
) -> dict[str, list[lsp.Diagnostic]]:
    """The diagnostics of each file by its URI; none for a file of the program that is right.

    A mistake without a place stands at the start of ``document``.
    """
    found: dict[str, list[lsp.Diagnostic]] = {document.uri: []}
    for file in analysis["files"]:
        found.setdefault(_uri(file, document), [])
    for mistake in analysis["mistakes"]:
        where = _document(mistake["file"], document, find)
        place = mistake["place"]
        known = where is not None and place is not None
        made = lsp.Diagnostic(
            range=where.range_at(tuple(place)) if known and where else document.range(0, 0),
            message=mistake["message"],
            severity=lsp.DiagnosticSeverity.Error,
            source=_SOURCE,
            related_information=_related(mistake["related"], document, find) or None,
        )
        found.setdefault(where.uri if known and where else document.uri, []).append(made)
    return found


def died(how: str, document: Document) -> lsp.Diagnostic:
    """That the analysis itself came to no end."""
    return lsp.Diagnostic(
        range=document.range(0, 0),
        message=f"internal error: {how}; nothing else is known about this file",
        severity=lsp.DiagnosticSeverity.Warning,
        source=_SOURCE,
    )


def _related(
    notes: list[dict[str, Any]], document: Document, find: Find
) -> list[lsp.DiagnosticRelatedInformation]:
    found = []
    for note in notes:
        where = _document(note["file"], document, find)
        if where is not None:
            location = lsp.Location(where.uri, where.range_at(tuple(note["place"])))
            found.append(lsp.DiagnosticRelatedInformation(location, note["message"]))
    return found


def _document(file: str, document: Document, find: Find) -> Document | None:
    if not file or os.path.realpath(file) == os.path.realpath(document.path):
        return document if file else None
    return find(file)


def _uri(file: str, document: Document) -> str:
    if os.path.realpath(file) == os.path.realpath(document.path):
        return document.uri
    return from_fs_path(file) or file
