"""Where the lines of a form break, and where they start.

A form goes on one line when it fits there and asks for no more (see ``Flat``). Else its layout
depends on what it is: a map, a form with a body, an operation. No line break of its author's that
asks for lines is taken away; some are added, where a line is full, and around what goes over
several lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pharos.lisp.format.bodies import binding, on_line_of_operation, with_body
from pharos.lisp.format.fill import Fill
from pharos.lisp.format.flat import Flat
from pharos.lisp.format.lines import WIDTH, Block, Line, Writer, line_block
from pharos.lisp.format.pairs import Pairs
from pharos.lisp.format.rules import BINDINGS, INDENT, TABLES, rule_of
from pharos.lisp.format.tree import Atom, Comment, Element, Group, Node, Quoted, under


class Layout:
    """The layout of one file's forms. ``flat`` are their texts on one line."""

    def __init__(self, root: Group) -> None:
        self.flat = Flat(root)
        self._root = root
        self._blocks: dict[tuple[int, int, int], Block] = {}

    # -- the file -----------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """The file's lines."""
        writer = Writer(0)
        aligned = self._aligned()
        for number, element in enumerate(self._root.elements):
            if isinstance(element, Comment):
                self.comment(writer, element, 0)
                continue
            if number:
                writer.newline(0, element.breaks > 1)
            text = aligned.get(id(element))
            writer.put(line_block(text, 0, 0) if text else self.block(element, 0, 0))
        return writer.lines if self._root.elements else []

    def _aligned(self) -> dict[int, str]:
        """The texts of forms that make a table, their second columns aligned."""
        texts: dict[int, str] = {}
        for table in self._tables():
            rows = [[self.flat.text(node) or "" for node in group.nodes] for group in table]
            width = max(len(name) for _, name, _ in rows)
            lines = [f"({head} {name.ljust(width)} {value})" for head, name, value in rows]
            if max(map(len, lines)) <= WIDTH:
                texts.update(zip(map(id, table), lines, strict=True))
        return texts

    def _tables(self) -> Iterator[list[Group]]:
        """Runs of forms on consecutive lines that make a table."""
        run: list[Group] = []
        for before, element in pairwise([Comment("", 0), *self._root.elements]):
            if run and not (before is run[-1] and element.breaks == 1 and self._is_row(element)):
                yield run
                run = []
            if isinstance(element, Group) and self._is_row(element):
                run.append(element)
        if run:
            yield run

    def _is_row(self, element: Element) -> bool:
        if not isinstance(element, Group) or element.head not in TABLES:
            return False
        return len(element.elements) == 3 and self.flat.text(element) is not None

    # -- any form -----------------------------------------------------------------------------

    def block(self, node: Node, column: int, tail: int) -> Block:
        """``node`` laid out at ``column``, with ``tail`` closing brackets to follow."""
        key = (id(node), column, tail)
        found = self._blocks.get(key)
        if found is None:
            found = self._blocks[key] = self._lay_out(node, column, tail)
        return found

    def stays(self, node: Node, here: int, below: int, tail: int) -> bool:
        """Whether ``node`` is at least as well at ``here``, on the line, as below at ``below``."""
        if self.flat.fits(node, here, tail):
            return True
        if self.flat.fits(node, below, tail):
            return False
        return self.block(node, here, tail).over <= self.block(node, below, tail).over

    def comment(self, writer: Writer, comment: Comment, indent: int) -> None:
        """Put ``comment`` behind the line, or on a line of its own at ``indent``."""
        if (comment.breaks or writer.commented) and not writer.untouched:
            writer.newline(indent, comment.breaks > 1)
        writer.comment(comment.text)

    def close(self, writer: Writer, group: Group, indent: int, tail: int) -> Block:
        """Close the bracket: on a line of its own only where a comment ends the last."""
        if writer.commented:
            writer.newline(indent)
        writer.write(group.closing)
        return writer.block(tail)

    def _lay_out(self, node: Node, column: int, tail: int) -> Block:
        text = self.flat.text(node)
        if text is not None and column + len(text) + tail <= WIDTH:
            return line_block(text, column, tail)
        if isinstance(node, Atom):
            return line_block(node.text, column, tail)
        if isinstance(node, Quoted):
            writer = Writer(column)
            writer.write(node.prefix)
            writer.put(self.block(node.form, writer.end, tail))
            return writer.block(tail)
        return self._group(node, column, tail)

    def _group(self, group: Group, column: int, tail: int) -> Block:
        rule = rule_of(group)
        if rule is not None:
            return with_body(self, group, rule, column, tail, column + INDENT)
        if group.opening == "{":
            every_line = not any(key.breaks for key in group.nodes[2::2])
            return self._pairs(group, column, tail, every_line)
        if self.flat.is_bindings(group):
            return self._pairs(group, column, tail, True)
        if group.head in BINDINGS:
            return binding(self, group, column, tail)
        return self._call(group, column, tail) if group.head else self._items(group, column, tail)

    # -- forms without a body -----------------------------------------------------------------

    def _pairs(self, group: Group, column: int, tail: int, every_line: bool) -> Block:
        """A map or a vector of bindings."""
        writer = Writer(column)
        writer.write(group.opening)
        indent = column + 1
        Pairs(self, writer, indent, every_line).add_all(group.elements, tail + 1)
        return self.close(writer, group, indent, tail)

    def _items(self, group: Group, column: int, tail: int) -> Block:
        """A vector, or a list of data: items below each other."""
        writer = Writer(column)
        writer.write(group.opening)
        indent = column + 1
        fill = Fill(self, writer, indent, indent, dict(_twins(group)), glue="")
        fill.add_all(group.elements, tail + 1)
        return self.close(writer, group, indent, tail)

    def _call(self, group: Group, column: int, tail: int) -> Block:
        """An operation or a call: arguments below the first, or all of them below the head."""
        begun = on_line_of_operation(self, group, column, tail)
        if begun is not None:
            return begun
        arguments = group.elements[1:]
        if not arguments or self._hangs(arguments):
            return self._arguments(group, column, tail, hang=True)
        beside = self._arguments(group, column, tail, hang=False)
        if not beside.over:
            return beside
        hanging = self._arguments(group, column, tail, hang=True)
        return hanging if hanging.over < beside.over else beside

    def _hangs(self, arguments: list[Element]) -> bool:
        """Whether ``arguments`` go below the head whatever their size."""
        first = arguments[0]
        if isinstance(first, Comment) or first.breaks:
            return True
        if len(arguments) > 1:
            return False
        # The only one, too long for the line, or with a body that would start far to the right.
        return self.flat.text(first) is not None or self.flat.has_tall_body(first)

    def _arguments(self, group: Group, column: int, tail: int, *, hang: bool) -> Block:
        writer = Writer(column)
        writer.write(f"({group.head}")
        below = column + INDENT
        indent = below if hang else writer.end + 1
        fill = Fill(self, writer, indent, below, dict(_twins(group)), hang=hang)
        fill.add_all(group.elements[1:], tail + 1)
        return self.close(writer, group, fill.indent, tail)


def _twins(group: Group) -> Iterator[tuple[int, Node]]:
    return ((id(node), twin) for node, twin in under(group))
