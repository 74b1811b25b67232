"""Texts as the language server sees them: open in the editor, or on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lsprotocol import types as lsp
from pygls.uris import from_fs_path

from pharos.core.files import project_root
from pharos.tools.language.outline import Defined, Outline, outline
from pharos.tools.language.positions import Positions
from pharos.tools.language.tree import Node, node_at, parse


@dataclass
class Document:
    """One text, its tree and its outline; made anew when the text changes."""

    path: str
    text: str
    encoding: str = "utf-16"
    uri: str = field(default="")

    def __post_init__(self) -> None:
        self.uri = self.uri or from_fs_path(self.path) or self.path

    @cached_property
    def tree(self) -> Node:
        """The text's brackets and tokens."""
        return parse(self.text)

    @cached_property
    def outline(self) -> Outline:
        """What the text defines and requires."""
        return outline(self.tree, self.text)

    @cached_property
    def positions(self) -> Positions:
        """Its lines."""
        return Positions(self.text, self.encoding)

    def node_at(self, position: lsp.Position) -> Node:
        """The innermost node at a place in the editor."""
        return node_at(self.tree, self.positions.from_editor(position.line, position.character))

    def range(self, start: int, end: int) -> lsp.Range:
        """The stretch between two offsets, for the editor."""
        first, last = self.positions.to_editor(start), self.positions.to_editor(end)
        return lsp.Range(lsp.Position(*first), lsp.Position(*last))

    def range_of(self, node: Node) -> lsp.Range:
        """Where ``node`` stands, for the editor."""
        return self.range(node.start, node.end)

    def range_at(self, place: tuple[int, int, int, int]) -> lsp.Range:
        """The stretch that an error gives: lines and columns from 1, in code points."""
        line, column, end_line, end_column = place
        start = self.positions.offset_of(line - 1, column - 1)
        end = self.positions.offset_of(end_line - 1, end_column - 1)
        return self.range(start, max(start, end))

    def place_of(self, node: Node) -> tuple[int, int, int, int]:
        """Where ``node`` stands, as errors and types give it."""
        line, column = self.positions.line_of(node.start)
        end_line, end_column = self.positions.line_of(node.end)
        return line + 1, column + 1, end_line + 1, end_column + 1


# The document at a path; None when there is no such file.
Find = Callable[[str], "Document | None"]


def required(document: Document, find: Find) -> Iterator[tuple[str, Document]]:
    """The files that ``document`` requires, by alias."""
    for alias, node in document.outline.files.items():
        path = required_path(document, node)
        found = find(path) if path is not None else None
        if found is not None:
            yield alias, found


def required_path(document: Document, node: Node) -> str | None:
    """The path that the string ``node`` in a ``require`` of ``document`` means."""
    if node.kind != "string" or len(node.text) < 2:
        return None
    text = node.text.strip('"')
    if text.startswith("@"):
        return os.path.normpath(project_root(Path(document.path)) / text[1:].lstrip("/"))
    return os.path.normpath(os.path.join(os.path.dirname(document.path), text))


def definition_of(name: str, document: Document, find: Find) -> tuple[Document, Defined] | None:
    """Where a top-level name of the program is defined; ``alias/name`` in the file of the alias.

    A definition in a required file counts for more than a declaration here.
    """
    alias, slash, rest = name.partition("/")
    aliased = dict(required(document, find)) if slash else {}
    if alias in aliased:
        return _anywhere(rest, aliased[alias], find, set())
    return _anywhere(name, document, find, set())


def _anywhere(
    name: str, document: Document, find: Find, seen: set[str]
) -> tuple[Document, Defined] | None:
    seen.add(document.path)
    here = document.outline.named(name)
    if here is not None and here.kind != "declaration":
        return document, here
    for _, other in required(document, find):
        if other.path not in seen:
            found = _anywhere(name, other, find, seen)
            if found is not None:
                return found
    return (document, here) if here is not None else None
