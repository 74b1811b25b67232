"""YAML as a tree of nodes that know their places, read strictly.

PyYAML's safe composer with three refusals: aliases and tags (a descriptor is plain data) and
duplicate keys. Scalars stay text: what a bare word means is decided by `values.read_word` for
YAML and stage texts alike, so that `yes`, `010` or `1:30` cannot mean one thing here and
another there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from pharos.core.errors import UserError, nearest
from pharos.core.span import Span, register_source
from pharos.pipeline.tokens import Source
from pharos.pipeline.values import MAX_DEPTH

# A stage in a list in a mapping, with options that are lists.
_MAX_NODES_DEEP = 2 * MAX_DEPTH + 8


@dataclass(frozen=True)
class Scalar:
    """Text; ``plain`` when it stands without quotes and is no block of lines."""

    text: str
    plain: bool
    source: Source

    @property
    def span(self) -> Span:
        """Where the text stands."""
        return self.source.span(0, len(self.text))


@dataclass(frozen=True)
class Sequence:
    """Items in order."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True)
class Entry:
    """One key of a mapping and what stands behind it."""

    key: Scalar
    value: Node


@dataclass(frozen=True)
class Mapping:
    """Entries by key, in order."""

    entries: dict[str, Entry]
    span: Span

    def __getitem__(self, key: str) -> Node:
        return self.entries[key].value

    def check_keys(self, what: str, known: Iterable[str]) -> None:
        """Raise UserError at the first key of ``what`` that is not ``known``."""
        known = list(known)
        for key, entry in self.entries.items():
            if key not in known:
                raise UserError(
                    f"unknown key '{key}' in {what}; expected {', '.join(known)}",
                    span=entry.key.span,
                    hint=nearest(key, known),
                )


Node: TypeAlias = Scalar | Sequence | Mapping


def read_nodes(text: str, file: str) -> Node:
    """The one document in ``text``. Raises UserError with the place in ``file``."""
    register_source(file, text)
    reader = _Reader(text, file)
    try:
        root = _root(text, reader)
    except yaml.MarkedYAMLError as error:
        raise reader.error(error) from None
    except yaml.YAMLError as error:
        # Characters that YAML does not allow have a position but no mark.
        at = min(getattr(error, "position", 0), len(text))
        raise UserError(
            f"not valid YAML: {getattr(error, 'reason', error)}", span=reader.span(at, at)
        ) from None
    if root is None:
        raise UserError("expected a YAML mapping, found nothing", span=reader.span(0, 0))
    return reader.node(root)


def _root(text: str, reader: _Reader) -> yaml.Node | None:
    """The document in ``text``. libyaml reads it ten times as fast as PyYAML's own scanner does,
    whose places and words errors have."""
    if not yaml.__with_libyaml__ or text.startswith("\ufeff"):
        return _Own(text, reader).get_single_node()
    try:
        return _Fast(text, reader).get_single_node()
    except yaml.YAMLError:
        return _Own(text, reader).get_single_node()


class _Composer(yaml.composer.Composer):
    """PyYAML's composer, stopped where a descriptor needs less than YAML allows."""

    peek_event: Callable[[], Any]
    _places: _Reader
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        span = self._places.span(event.start_mark.index, event.end_mark.index)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise UserError("expected a value, found a YAML anchor or alias", span=span)
        if event.tag is not None:
            raise UserError(f"expected a value without a YAML tag, found {event.tag}", span=span)
        self._depth += 1
        if self._depth > _MAX_NODES_DEEP:
            raise UserError(f"expected at most {_MAX_NODES_DEEP} levels of nesting", span=span)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Own(_Composer, yaml.SafeLoader):
    """Events from PyYAML."""

    def __init__(self, text: str, reader: _Reader) -> None:
        yaml.SafeLoader.__init__(self, text)
        self._places = reader


class _Fast(_Composer, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Events from libyaml, where PyYAML was built with it."""

    def __init__(self, text: str, reader: _Reader) -> None:
        _Composer.__init__(self)
        yaml.CSafeLoader.__init__(self, text)
        self._places = reader


class _Reader:
    """PyYAML's nodes into ours, for one text."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._starts = [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]

    def _place(self, index: int) -> tuple[int, int]:
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The stretch between two positions in the text."""
        return Span(self._file, *self._place(start), *self._place(end))

    def error(self, error: yaml.MarkedYAMLError) -> UserError:
        """PyYAML's error as one of ours."""
        mark = error.problem_mark or error.context_mark
        span = None if mark is None else self.span(mark.index, mark.index)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        return UserError(f"not valid YAML: {said}", span=span)

    def node(self, node: yaml.Node) -> Node:
        """``node`` with its places."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        span = self.span(node.start_mark.index, node.end_mark.index)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(map(self.node, node.value)), span)
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key = self.node(key_node)
            if not isinstance(key, Scalar):
                raise UserError("expected a key that is a single word", span=key.span)
            if key.text in entries:
                raise UserError(f"key '{key.text}' is given twice", span=key.span)
            entries[key.text] = Entry(key, self.node(value_node))
        return Mapping(entries, span)

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        start, end = node.start_mark.index, node.end_mark.index
        if start == end:
            # Nothing stands behind the colon, or, to libyaml, behind the blank that follows it.
            start = end = len(self._text[:start].rstrip(" "))
        at = self._aligned(node.value, start, end)
        if at is None:
            places = [self._place(start)] * (len(node.value) + 1)
        else:
            places = [self._place(i) for i in [*at, at[-1] + 1 if at else start]]
        return Scalar(node.value, not node.style, Source(node.value, self._file, places))

    def _aligned(self, value: str, start: int, end: int) -> list[int] | None:
        """Where each character of ``value`` stands in the text, None where that is not clear.

        Folding drops characters (quotes, indentation, line breaks) and turns line breaks into
        blanks, of which there is always one in the indentation; it changes no other. Escapes do.
        """
        if self._text.startswith('"', start) and "\\" in self._text[start:end]:
            return None
        positions = []
        at = start
        for character in value:
            at = self._text.find(character, at, end)
            if at < 0:
                return None
            positions.append(at)
            at += 1
        return positions
