"""Text to a tree of brackets and tokens, whatever the text: brackets may be missing or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pharos.tools.language.scan import Token, scan

_CLOSERS = {"(": ")", "[": "]", "{": "}"}


@dataclass(eq=False)
class Node:
    """A token, or a bracket with what is in it.

    ``kind`` is "list", "vector", "map", "file", or the kind of the token; ``text`` is the token's,
    "" for brackets. ``start`` and ``end`` are offsets. A quote mark is a node before its form.
    """

    kind: str
    text: str
    start: int
    end: int
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The symbol that a list starts with, else ""."""
        first = self.children[0] if self.kind == "list" and self.children else None
        return first.text if first is not None and first.kind in ("symbol", "colon") else ""

    @property
    def index(self) -> int:
        """Which child of its parent it is."""
        return self.parent.children.index(self) if self.parent is not None else 0

    def up(self) -> Iterator[Node]:
        """The node, its parent, and so on."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def walk(self) -> Iterator[Node]:
        """The node and everything in it, in the order of the text."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.children)


_KINDS = {"(": "list", "[": "vector", "{": "map"}


def parse(text: str) -> Node:
    """The tree of ``text``.

    Where brackets do not match, a "(" at the start of a line counts as the start of a top-level
    form, so that one unfinished form does not swallow those behind it.
    """
    tokens = [token for token in scan(text) if token.kind not in ("space", "comment")]
    root, matched = _parsed(tokens, text, recover=False)
    return root if matched else _parsed(tokens, text, recover=True)[0]


def _parsed(tokens: list[Token], text: str, *, recover: bool) -> tuple[Node, bool]:
    """The tree, and whether all brackets matched."""
    root = Node("file", "", 0, len(text))
    node, matched = root, True
    for token in tokens:
        if recover and token.text == "(" and _starts_line(text, token.start):
            node = _closed(node, root, _end_before(text, token.start))
        if token.kind == "open":
            inner = Node(_KINDS[token.text], "", token.start, len(text), node)
            node.children.append(inner)
            node = inner
        elif token.kind == "close":
            target = _opened_by(node, token.text)
            matched = matched and target is node
            if target is not None and target.parent is not None:
                node = _closed(node, target.parent, token.end)
        else:
            node.children.append(Node(token.kind, token.text, token.start, token.end, node))
    matched = matched and node is root
    _closed(node, root, _end_before(text, len(text)))
    return root, matched


def _starts_line(text: str, offset: int) -> bool:
    return offset == 0 or text[offset - 1] == "\n"


def _end_before(text: str, offset: int) -> int:
    return len(text[:offset].rstrip())


def _opened_by(node: Node, closer: str) -> Node | None:
    """The nearest open bracket that ``closer`` closes."""
    for open_node in node.up():
        kinds = {kind: _CLOSERS[bracket] for bracket, kind in _KINDS.items()}
        if kinds.get(open_node.kind) == closer:
            return open_node
    return None


def _closed(node: Node, upto: Node, end: int) -> Node:
    """End every open bracket from ``node`` up to, not including, ``upto``; returns that."""
    while node is not upto and node.parent is not None:
        node.end = max(end, node.children[-1].end if node.children else node.start + 1)
        node = node.parent
    return upto


def node_at(root: Node, offset: int) -> Node:
    """The innermost node that the cursor at ``offset`` is on or just behind."""
    node = root
    while True:
        inside = [child for child in node.children if child.start <= offset <= child.end]
        if not inside:
            return node
        # Between two that touch, a name counts for more than a bracket.
        names = [child for child in inside if not child.children and child.kind not in _BRACKETS]
        within = [child for child in inside if child.start < offset < child.end]
        node = (within or names or inside)[-1]


_BRACKETS = ("list", "vector", "map")
