"""A program as it is written: brackets, tokens, comments and line breaks, for the formatter.

The reader's values have lost how they were spelled and what stood around them; here all of it is
kept but blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from pharos.lisp.tokens import Source, Token, tokenize

_TRIVIA = re.compile(r";[^\n]*|\n")
# More empty lines than one say no more than one: two line breaks stand for any number.
_MOST_BREAKS = 2


@dataclass(eq=False)
class Comment:
    """A comment with its semicolons. ``breaks`` as for nodes; 0 follows something on its line."""

    text: str
    breaks: int


@dataclass(eq=False)
class Atom:
    """A token that is no bracket.

    ``breaks`` is the number of line breaks before it, at most 2; ``column`` where it stood.
    """

    text: str
    breaks: int
    column: int


@dataclass(eq=False)
class Quoted:
    """A quote mark and the form it belongs to."""

    mark: str
    breaks: int
    column: int
    form: Node

    @property
    def prefix(self) -> str:
        """What to write before the form: ``~ @f`` is not ``~@f``."""
        merges = self.mark == "~" and isinstance(self.form, Atom) and self.form.text[0] == "@"
        return "~ " if merges else self.mark


@dataclass(eq=False)
class Group:
    """What stands between two brackets (or in the file, whose ``opening`` is empty)."""

    opening: str
    breaks: int = 0
    column: int = 0
    elements: list[Element] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        """The elements that are no comments."""
        return [element for element in self.elements if not isinstance(element, Comment)]

    @property
    def head(self) -> str:
        """The symbol that a list starts with; "" when it starts with anything else."""
        first = self.elements[0] if self.elements and self.opening == "(" else None
        if isinstance(first, Atom) and first.text[0] not in '":0123456789':
            return first.text
        return ""

    @property
    def closing(self) -> str:
        return _CLOSING[self.opening]


Node: TypeAlias = Atom | Quoted | Group
Element: TypeAlias = Node | Comment
_CLOSING = {"(": ")", "[": "]", "{": "}", "": ""}


def parse(source: Source) -> Group:
    """The tree of ``source``, whose brackets must match: the reader has seen to that."""
    return _Parser(source).parse()


@dataclass
class _Mark:
    """A quote mark that waits for its form."""

    text: str
    breaks: int
    column: int


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        # Innermost last; the first is the file.
        self.stack: list[Group | _Mark] = [Group("")]
        # Line breaks since the last element.
        self.breaks = 0
        self.at = 0

    def parse(self) -> Group:
        for token in tokenize(self.source):
            self._trivia(token.start)
            self._token(token)
            self.at = token.end
        self._trivia(len(self.source.text))
        (root,) = self.stack
        assert isinstance(root, Group)
        return root

    def _trivia(self, end: int) -> None:
        """Take in the comments and line breaks up to the offset ``end``."""
        for found in _TRIVIA.finditer(self.source.text, self.at, end):
            if found[0] == "\n":
                self.breaks = min(self.breaks + 1, _MOST_BREAKS)
            else:
                self._comment(found[0].rstrip(" \t\r"))

    def _comment(self, text: str) -> None:
        group, waiting = self._innermost()
        breaks = self._taken()
        if waiting is not None:
            # Between a quote mark and its form nothing can stand: it goes before the mark.
            group.elements.append(Comment(text, self._apart(group, waiting.breaks)))
            waiting.breaks = 1
        else:
            group.elements.append(Comment(text, self._apart(group, breaks)))

    def _innermost(self) -> tuple[Group, _Mark | None]:
        """The innermost open bracket, and the outermost quote mark that waits in it."""
        waiting = None
        for entry in reversed(self.stack):
            if isinstance(entry, Group):
                return entry, waiting
            waiting = entry
        raise AssertionError("the file is a group")

    @staticmethod
    def _apart(group: Group, breaks: int) -> int:
        """``breaks``, but at least 1 after a comment, which goes on to the end of its line."""
        after_comment = group.elements and isinstance(group.elements[-1], Comment)
        return max(breaks, 1) if after_comment else breaks

    def _taken(self) -> int:
        breaks, self.breaks = self.breaks, 0
        return breaks

    def _token(self, token: Token) -> None:
        if token.kind == "close":
            self._close()
            return
        column = token.start - self.source.text.rfind("\n", 0, token.start) - 1
        breaks = self._taken()
        if token.kind == "open":
            self.stack.append(Group(token.text, breaks, column))
        elif token.kind == "quote":
            self.stack.append(_Mark(token.text, breaks, column))
        else:
            self._add(Atom(_spelling(token), breaks, column))

    def _close(self) -> None:
        group = self.stack.pop()
        assert isinstance(group, Group)
        self.breaks = 0
        last = group.elements[-1] if group.elements else None
        if isinstance(last, Comment) and last.breaks == 0:
            # A comment behind the last item goes behind the brackets, so that they can close
            # on the item's line.
            group.elements.pop()
            self._add(group)
            outer, _ = self._innermost()
            outer.elements.append(last)
        else:
            self._add(group)

    def _add(self, node: Node) -> None:
        while isinstance(self.stack[-1], _Mark):
            mark = self.stack.pop()
            assert isinstance(mark, _Mark)
            node.breaks = 0
            node = Quoted(mark.text, mark.breaks, mark.column, node)
        group = self.stack[-1]
        assert isinstance(group, Group)
        node.breaks = self._apart(group, node.breaks)
        group.elements.append(node)


def _spelling(token: Token) -> str:
    """The token's text; a type that goes over several lines is put on one."""
    if token.kind == "symbol" and any(blank in token.text for blank in "\n\t\r"):
        return " ".join(token.text.split())
    return token.text


def under(group: Group) -> Iterator[tuple[Node, Node]]:
    """Each form that starts a line right below a form of the line before, and that sibling.

    Only bracketed forms: a name or number is below another by chance as often as by design.
    """
    above: list[Node] = []
    row: list[Node] = []
    for node in group.nodes[1:] if group.head else group.nodes:
        if node.breaks:
            above, row = row, []
            twin = next((o for o in above if o.column == node.column), None)
            if twin is not None and not isinstance(node, Atom) and not isinstance(twin, Atom):
                yield node, twin
        row.append(node)
