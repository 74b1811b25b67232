"""Lines filled with the items of a vector, a call or an operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pharos.lisp.format.lines import Block, Writer
from pharos.lisp.format.rules import is_region
from pharos.lisp.format.tree import Comment, Element, Group, Node

if TYPE_CHECKING:
    from pharos.lisp.format.layout import Layout


@dataclass
class Fill:
    """Puts items on lines: each on the current one when it fits and may stay there.

    Lines start at ``indent``; regions, and what follows an attribute map that its author or its
    size ended the line of, at ``below``. An item that was written right below a sibling stays
    right below it (``twins``). ``glue`` stands before the first item when that is on the line
    already begun; with ``hang`` it goes to the next.
    """

    layout: Layout
    writer: Writer
    indent: int
    below: int
    twins: Mapping[int, Node]
    glue: str = " "
    hang: bool = False
    _count: int = 0
    _first: Node | None = None
    _broken: bool = False
    _columns: dict[int, int] = field(default_factory=dict)

    def add_all(self, elements: Sequence[Element], tail: int) -> None:
        """Put ``elements``, with ``tail`` characters to follow the last."""
        self._broken = self.hang
        for number, element in enumerate(elements):
            if isinstance(element, Comment):
                self._leave_map()
                self.layout.comment(self.writer, element, self._indent_of_next(elements[number:]))
                self._broken = True
            else:
                self._add(element, tail if number == len(elements) - 1 else 0)

    def _indent_of_next(self, elements: Sequence[Element]) -> int:
        node = next((e for e in elements if not isinstance(e, Comment)), None)
        return self.below if node is not None and is_region(node) else self.indent

    def _leave_map(self) -> None:
        """Go on below when only an attribute map is there, whose line ends now."""
        if self._only_a_map():
            self.indent = self.below

    def _only_a_map(self) -> bool:
        first = self._first
        return self._count == 1 and isinstance(first, Group) and first.opening == "{"

    def _add(self, node: Node, tail: int) -> None:
        glue = " " if self._count else self.glue
        here = self.writer.end + len(glue)
        broken = self._broken or is_region(node) or (bool(node.breaks) and self._count > 0)
        if not broken and self._stays(node, here, tail):
            self.writer.write(glue)
            column, block = here, self.layout.block(node, here, tail)
        else:
            self._leave_map()
            column, block = self._lower(node, tail)
            self.writer.newline(column, node.breaks > 1 and self._count > 0)
        self.writer.put(block)
        self._columns[id(node)] = column
        self._first = self._first or node
        self._count += 1
        # Nothing stands behind what goes over several lines.
        self._broken = block.tall or is_region(node)

    def _stays(self, node: Node, here: int, tail: int) -> bool:
        """Whether ``node``, which may go on the line or below, goes on the line."""
        below = self.below if self._only_a_map() else self.indent
        return self._count == 0 or self.layout.stays(node, here, below, tail)

    def _lower(self, node: Node, tail: int) -> tuple[int, Block]:
        """The column and block of ``node`` on a line of its own."""
        column = self.below if is_region(node) else self.indent
        block = self.layout.block(node, column, tail)
        twin = self.twins.get(id(node))
        if twin is None or is_region(node) or id(twin) not in self._columns:
            return column, block
        beneath = self._columns[id(twin)]
        twin_block = self.layout.block(node, beneath, tail)
        return (beneath, twin_block) if twin_block.over <= block.over else (column, block)
