"""Forms with a body: what stands on the line of the head, and the body below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pharos.lisp.format.lines import WIDTH, Block, Writer
from pharos.lisp.format.pairs import Pairs
from pharos.lisp.format.rules import INDENT, RULES, Rule, is_block, is_region
from pharos.lisp.format.tree import Atom, Comment, Element, Group, Node

if TYPE_CHECKING:
    from pharos.lisp.format.layout import Layout

# Items of a head that do not fit on its line are set off from the body.
_LEAD_INDENT = 2 * INDENT


def with_body(layout: Layout, group: Group, rule: Rule, column: int, tail: int, body: int) -> Block:
    """``(head leads... body...)``, the forms of the body on lines of their own at ``body``."""
    if wraps_block(group):
        return _around_block(layout, group, column, tail, body)
    writer = Writer(column)
    writer.write(f"({group.head}")
    elements = group.elements[1:]
    split = _behind(elements, rule.leads(group.nodes[1:]))
    rest = elements[split:]
    _leads(layout, writer, elements[:split], 0 if rest else tail + 1)
    if rule.pairs:
        Pairs(layout, writer, body, every_line=True, below=True).add_all(rest, tail + 1)
    else:
        body = _body(layout, writer, rest, rule, body, tail + 1)
    return layout.close(writer, group, body, tail)


def wraps_block(node: Element) -> bool:
    """Whether ``node`` is a region with one block and nothing else, begun on its line."""
    if isinstance(node, Comment) or not is_region(node) or not isinstance(node, Group):
        return False
    if len(node.elements) != 2:
        return False
    block = node.elements[1]
    return not isinstance(block, Comment) and is_block(block) and not block.breaks


def on_line_of_operation(layout: Layout, group: Group, column: int, tail: int) -> Block | None:
    """``(operation operands... (region (block [arguments]`` on one line, the body below.

    For an operation that ends in its only region, which its author began on the line, when all of
    that fits; else None.
    """
    *before, region = group.elements
    if not wraps_block(region) or not isinstance(region, Group) or region.breaks:
        return None
    if any(isinstance(e, Comment) or e.breaks or is_region(e) for e in before[1:]):
        return None
    (block,) = region.nodes[1:]
    assert isinstance(block, Group)
    leads = block.elements[: 1 + RULES["block"].leads(block.nodes[1:])]
    parts = [None if isinstance(e, Comment) else layout.flat.text(e) for e in (*before, *leads)]
    texts = [part for part in parts if part is not None]
    head = f"({' '.join(texts[: len(before)])} ({region.head} "
    if len(texts) < len(parts) or column + len(head) + len(" ".join(texts[len(before) :])) >= WIDTH:
        return None
    writer = Writer(column)
    writer.write(head)
    writer.put(with_body(layout, block, RULES["block"], writer.end, tail + 2, column + INDENT))
    writer.write("))")
    return writer.block(tail)


def _around_block(layout: Layout, group: Group, column: int, tail: int, body: int) -> Block:
    """``(region (block [arguments]`` on one line, the block's body indented once."""
    block = group.nodes[1]
    assert isinstance(block, Group)
    writer = Writer(column)
    writer.write(f"({group.head} ")
    writer.put(with_body(layout, block, RULES["block"], writer.end, tail + 1, body))
    writer.write(")")
    return writer.block(tail)


def _behind(elements: Sequence[Element], nodes: int) -> int:
    """The index behind the first ``nodes`` of ``elements``, comments not counted."""
    index = 0
    while nodes:
        nodes -= not isinstance(elements[index], Comment)
        index += 1
    return index


def _leads(layout: Layout, writer: Writer, elements: Sequence[Element], tail: int) -> None:
    """Put the items of a head on its line as far as they fit."""
    indent = writer.column + _LEAD_INDENT
    tall = False
    for number, element in enumerate(elements):
        if isinstance(element, Comment):
            layout.comment(writer, element, indent)
            continue
        after = _width_behind(elements[number + 1 :], tail)
        # A type stays behind its arrow and the arrow behind the parameters, however tall.
        block = layout.block(element, writer.end + 1, after)
        if not isinstance(element, Atom):
            below = tall or block.over > layout.block(element, indent, after).over
        else:
            below = False
        if below or writer.commented:
            writer.newline(indent)
            block = layout.block(element, indent, after)
        else:
            writer.write(" ")
        writer.put(block)
        tall = block.tall


def _width_behind(elements: Sequence[Element], tail: int) -> int:
    """The width of what follows on the line: a function's ``-> type``, closing brackets."""
    width = 0
    for element in elements:
        if not isinstance(element, Atom):
            return width
        width += 1 + len(element.text)
    return width + tail


def _body(
    layout: Layout,
    writer: Writer,
    elements: Sequence[Element],
    rule: Rule,
    indent: int,
    tail: int,
) -> int:
    """Put the forms of a body; the column that they have."""
    for number, element in enumerate(elements):
        if isinstance(element, Comment):
            layout.comment(writer, element, indent)
            continue
        if number == 0 and rule.beside and _starts_beside(layout, element):
            writer.write(" ")
            indent = writer.end
        else:
            writer.newline(indent, element.breaks > 1)
        last = number == len(elements) - 1
        writer.put(layout.block(element, indent, tail if last else 0))
    return indent


def _starts_beside(layout: Layout, first: Node) -> bool:
    """Whether a body may start with ``first`` on the line of the head."""
    return not first.breaks and not layout.flat.has_tall_body(first)


def binding(layout: Layout, group: Group, column: int, tail: int) -> Block:
    """``(def name value)``: the value behind the name, or below where that is better."""
    writer = Writer(column)
    writer.write(f"({group.head}")
    below = column + INDENT
    nodes = 0
    for number, element in enumerate(group.elements[1:], 2):
        if isinstance(element, Comment):
            layout.comment(writer, element, below)
            continue
        after = tail + 1 if number == len(group.elements) else 0
        stays = nodes == 0
        if nodes == 1 and not element.breaks and not layout.flat.has_tall_body(element):
            stays = layout.stays(element, writer.end + 1, below, after)
        if stays and not writer.commented:
            writer.write(" ")
        else:
            writer.newline(below, element.breaks > 1 and nodes > 0)
        writer.put(layout.block(element, writer.end, after))
        nodes += 1
    return layout.close(writer, group, below, tail)
