"""Lines of pairs: the keys of a map, the names of a let, the tests of a cond, and their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pharos.lisp.format.lines import Writer
from pharos.lisp.format.rules import INDENT
from pharos.lisp.format.tree import Comment, Element, Node

if TYPE_CHECKING:
    from pharos.lisp.format.layout import Layout


@dataclass
class Pairs:
    """Puts pairs on lines that start at ``indent``.

    With ``every_line`` each pair has a line of its own, with ``below`` the first too; else pairs
    stay on the line where they fit and where their author left them.
    """

    layout: Layout
    writer: Writer
    indent: int
    every_line: bool
    below: bool = False
    _count: int = 0
    _tall: bool = False

    def add_all(self, elements: Sequence[Element], tail: int) -> None:
        """Put ``elements``, with ``tail`` characters to follow the last."""
        for number, element in enumerate(elements):
            last = number == len(elements) - 1
            if isinstance(element, Comment):
                self.layout.comment(self.writer, element, self.indent)
            elif self._count % 2:
                self._value(element, tail if last else 0)
            else:
                following = None if last else elements[number + 1]
                self._key(element, following, tail if number >= len(elements) - 2 else 0)

    def _key(self, node: Node, value: Element | None, tail: int) -> None:
        writer = self.writer
        if not self._stays(node, value, tail):
            writer.newline(self.indent, node.breaks > 1 and self._count > 0)
        elif self._count:
            writer.write(" ")
        block = self.layout.block(node, writer.end, 0 if value else tail)
        writer.put(block)
        self._tall = block.tall
        self._count += 1

    def _stays(self, node: Node, value: Element | None, tail: int) -> bool:
        """Whether the pair that ``node`` begins goes on the line already begun."""
        if self.writer.commented:
            return False
        if self._count == 0:
            return not self.below
        if self.every_line or self._tall or node.breaks:
            return False
        key, column = self.layout.flat.text(node), self.writer.end + 1
        if value is None or isinstance(value, Comment) or key is None:
            return key is not None
        return self.layout.flat.fits(value, column + len(key) + 1, tail)

    def _value(self, node: Node, tail: int) -> None:
        writer, layout = self.writer, self.layout
        here, below = writer.end + 1, self.indent + INDENT
        if writer.commented:
            stays = False
        elif layout.flat.fits(node, here, tail):
            stays = True
        else:
            beside, beneath = layout.block(node, here, tail), layout.block(node, below, tail)
            stays = not node.breaks and beside.over <= beneath.over
        if stays:
            writer.write(" ")
        else:
            writer.newline(below)
        block = layout.block(node, writer.end, tail)
        writer.put(block)
        self._tall = self._tall or block.tall or not stays
        self._count += 1
