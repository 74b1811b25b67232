"""Forms on one line, and which of them ask for several."""

from __future__ import annotations

from pharos.lisp.format.lines import WIDTH
from pharos.lisp.format.rules import (
    BINDING_VECTORS,
    BINDINGS,
    is_region,
    rule_of,
    statements,
)
from pharos.lisp.format.tree import Atom, Group, Node, Quoted


class Flat:
    """The one-line texts of the forms in one tree.

    A form asks for several lines when there is a comment in it, a body of several forms, or a
    line break that its author made between items. Breaks that only say that a line was full once
    (before the first argument, between a key and its value) ask for nothing.
    """

    def __init__(self, root: Group) -> None:
        self._texts: dict[int, str | None] = {}
        self._bindings: set[int] = set()
        waiting: list[Node] = [root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Quoted):
                waiting.append(node.form)
            elif isinstance(node, Group):
                waiting += node.nodes
                if node.head in BINDING_VECTORS and len(node.nodes) > 1:
                    self._bindings.add(id(node.nodes[1]))

    def text(self, node: Node) -> str | None:
        """``node`` on one line, however long; None when it asks for several."""
        key = id(node)
        if key not in self._texts:
            self._texts[key] = self._make(node)
        return self._texts[key]

    def fits(self, node: Node, column: int, tail: int) -> bool:
        """Whether ``node`` goes on one line at ``column`` with ``tail`` characters to follow."""
        text = self.text(node)
        return text is not None and column + len(text) + tail <= WIDTH

    def is_bindings(self, node: Node) -> bool:
        """Whether ``node`` is a vector of names and values."""
        return id(node) in self._bindings

    def has_tall_body(self, node: Node) -> bool:
        """Whether ``node`` has a body or regions, and asks for several lines."""
        if not isinstance(node, Group) or not node.head or self.text(node) is not None:
            return False
        return rule_of(node) is not None or any(map(is_region, node.nodes))

    def _make(self, node: Node) -> str | None:
        if isinstance(node, Atom):
            return None if "\n" in node.text else node.text
        if isinstance(node, Quoted):
            form = self.text(node.form)
            return None if form is None else node.prefix + form
        if len(node.nodes) < len(node.elements) or self._asks_for_lines(node):
            return None
        parts: list[str] = []
        for item in node.nodes:
            part = self.text(item)
            if part is None:
                return None
            parts.append(part)
        return f"{node.opening}{' '.join(parts)}{node.closing}"

    def _asks_for_lines(self, group: Group) -> bool:
        leads = 0
        rule = rule_of(group)
        if rule is not None:
            leads = rule.leads(group.nodes[1:])
            if rule.statements and statements(group.nodes[1 + leads :]) > 1:
                return True
        return any(
            node.breaks and not self._is_soft(group, index, leads)
            for index, node in enumerate(group.nodes)
        )

    def _is_soft(self, group: Group, index: int, leads: int) -> bool:
        """Whether a line break before the item at ``index`` asks for nothing."""
        if index == 0:
            return True
        if group.opening == "{" or self.is_bindings(group):
            return index % 2 == 1
        if rule_of(group) is not None:
            return index <= leads
        if group.head in BINDINGS:
            return index <= 2
        return bool(group.head) and index == 1 and not is_region(group.nodes[1])
