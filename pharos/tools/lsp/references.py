"""What the word under the cursor means: a local name, a definition, a label, a file."""

from __future__ import annotations

from dataclasses import dataclass

from pharos.tools.language.outline import Defined
from pharos.tools.language.scopes import Binding, binding_of
from pharos.tools.language.tree import Node
from pharos.tools.lsp.documents import Document, Find, definition_of, required_path


@dataclass(frozen=True)
class Meaning:
    """What a node refers to: ``node`` of ``document``; more is known about local names and
    definitions."""

    document: Document
    node: Node
    local: Binding | None = None
    defined: Defined | None = None


def meaning(node: Node, document: Document, find: Find) -> Meaning | None:
    """What ``node`` refers to; None for what is defined nowhere, such as an operation."""
    if node.kind == "label":
        return _label(node, document)
    if node.kind == "string":
        return _file(node, document, find) or _global(node.text.strip('"'), document, find)
    if node.kind != "symbol":
        return None
    local = binding_of(node)
    if local is not None and not _is_head(node):
        return Meaning(document, local.node, local=local)
    return _global(node.text, document, find)


def _is_head(node: Node) -> bool:
    return node.parent is not None and node.parent.kind == "list" and node.index == 0


def _label(node: Node, document: Document) -> Meaning | None:
    """The block with that label in a region around."""
    for region in node.up():
        for block in region.children:
            if block.head == "block" and len(block.children) > 1:
                label = block.children[1]
                if label.kind == "label" and label.text == node.text:
                    return Meaning(document, label)
    return None


def _file(node: Node, document: Document, find: Find) -> Meaning | None:
    form = node.parent.parent if node.parent is not None else None
    if form is None or form.head not in ("require", "require-macros"):
        form = node.parent
        if form is None or form.head != "require-macros":
            return None
    path = required_path(document, node)
    found = find(path) if path is not None else None
    return Meaning(found, Node("file", "", 0, 0)) if found is not None else None


def _global(name: str, document: Document, find: Find) -> Meaning | None:
    name = name.removeprefix("@")
    for wanted in (name, name.removesuffix("!")):
        found = definition_of(wanted, document, find)
        if found is not None:
            where, defined = found
            return Meaning(where, defined.node, defined=defined)
    return None
