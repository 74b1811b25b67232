"""Which binding a name inside a form means: parameters, block arguments, def and let."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pharos.tools.language.tree import Node


@dataclass(frozen=True)
class Binding:
    """A local name: the node where it is bound, its type where that is written, and the form whose
    value it is otherwise. ``told`` is a type that is known without being written."""

    name: str
    node: Node
    type: Node | None = None
    value: Node | None = None
    told: str = ""


def visible(node: Node) -> Iterator[Binding]:
    """The local names that a form at ``node`` sees, the innermost and latest first."""
    for inner in node.up():
        outer = inner.parent
        if outer is None:
            return
        before = outer.children[: inner.index]
        if outer.kind == "vector" and _is_let(outer):
            yield from _pairs(before)
        if outer.kind == "list" and outer.head == "let" and inner.index > 1:
            yield from _pairs(outer.children[1].children)
        if inner.kind != "vector":
            yield from _loops(outer)
        if outer.kind == "list" or outer.kind == "file":
            for sibling in reversed(before):
                yield from _defined(sibling)
            yield from _parameters(outer)


def binding_of(node: Node) -> Binding | None:
    """The binding that the symbol ``node`` means, or that it is itself."""
    for found in _own(node):
        return found
    return next((found for found in visible(node) if found.name == node.text), None)


def _own(node: Node) -> Iterator[Binding]:
    """The binding that ``node`` makes, if it stands where a name is bound."""
    for outer in node.up():
        for found in (*_defined(outer), *_parameters(outer), *_let(outer), *_loops(outer)):
            if found.node is node:
                yield found


def _defined(form: Node) -> Iterator[Binding]:
    if form.kind != "list" or form.head != "def" or len(form.children) < 2:
        return
    target = form.children[1]
    value = form.children[2] if len(form.children) > 2 else None
    for name in target.children if target.kind == "vector" else [target]:
        if name.kind == "symbol":
            yield Binding(name.text, name, value=value)


def _parameters(form: Node) -> Iterator[Binding]:
    """The ``(: name type)`` in the vector of a ``defn`` or a ``block``."""
    if form.kind != "list" or form.head not in ("defn", "block"):
        return
    for item in form.children[1:4]:
        if item.kind == "vector":
            for parameter in item.children:
                parts = parameter.children
                if parameter.kind == "list" and len(parts) == 3 and parts[1].kind == "symbol":
                    yield Binding(parts[1].text, parts[1], type=parts[2])
            return


def _is_let(vector: Node) -> bool:
    form = vector.parent
    return form is not None and form.head == "let" and vector.index == 1


def _let(form: Node) -> Iterator[Binding]:
    if form.kind == "list" and form.head == "let" and len(form.children) > 1:
        yield from _pairs(form.children[1].children)


def _loops(form: Node) -> Iterator[Binding]:
    """The variables of ``(loop {...} [name start] ...)`` and ``(for [name from to] ...)``."""
    if form.kind != "list" or form.head not in ("loop", "for"):
        return
    vectors = [item for item in form.children[1:4] if item.kind == "vector"]
    for number, vector in reversed(list(enumerate(vectors))):
        name = vector.children[0] if vector.children else None
        if name is not None and name.kind == "symbol":
            counts = form.head == "for" and number == 0
            type_ = None if counts else _result(form)
            yield Binding(name.text, name, type=type_, told="index" if counts else "")


def _result(form: Node) -> Node | None:
    """The type behind ``:result`` in the map right after the head."""
    attributes = form.children[1] if len(form.children) > 1 else None
    if attributes is None or attributes.kind != "map":
        return None
    pairs = zip(attributes.children[::2], attributes.children[1::2], strict=False)
    return next((value for key, value in pairs if key.text == ":result"), None)


def _pairs(items: list[Node]) -> Iterator[Binding]:
    """The bindings of a let's vector, the latest first."""
    for target, value in reversed(list(zip(items[::2], items[1::2], strict=False))):
        for name in target.children if target.kind == "vector" else [target]:
            if name.kind == "symbol":
                yield Binding(name.text, name, value=value)
