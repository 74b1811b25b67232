"""What a text defines: functions, structs, names; and the dialects and files it requires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pharos.tools.language.tree import Node


@dataclass(frozen=True)
class Defined:
    """One definition: its name, its kind, the node of the name and that of the whole form.

    ``kind`` is function, declaration, struct, field, type, macro, global, value or block.
    """

    name: str
    kind: str
    node: Node
    form: Node
    detail: str = ""


@dataclass
class Outline:
    """The top level of a text."""

    definitions: list[Defined] = field(default_factory=list)
    # Dialects by their names and aliases.
    dialects: dict[str, str] = field(default_factory=dict)
    # Paths of required files by alias.
    files: dict[str, Node] = field(default_factory=dict)

    def named(self, name: str) -> Defined | None:
        """The last definition of ``name``, more than a declaration if there is one."""
        found = [made for made in self.definitions if made.name == name]
        whole = [made for made in found if made.kind not in ("declaration", "macro")]
        best = whole or found
        return best[-1] if best else None


def outline(root: Node, text: str) -> Outline:
    """What the text of the tree ``root`` defines and requires."""
    made = Outline()
    for form in _top_level(root):
        made.definitions += _definitions(form, text)
        if form.head in ("require-dialect", "use-dialect"):
            _note_dialects(form, made)
        elif form.head == "require":
            _note_files(form, made)
    return made


def _top_level(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.kind != "list":
            continue
        if child.head in ("module", "do"):
            yield from _top_level(child)
        else:
            yield child


def _definitions(form: Node, text: str) -> Iterator[Defined]:
    items = form.children
    second = items[1] if len(items) > 1 else None
    if second is None:
        return
    if form.head in _NAMED and second.kind == "symbol":
        yield Defined(second.text, _NAMED[form.head], second, form, _detail(form, text))
        if form.head == "defstruct":
            yield from _fields(form, second.text, text)
    elif form.head == "def":
        for name in second.children if second.kind == "vector" else [second]:
            if name.kind == "symbol":
                yield Defined(name.text, "value", name, form)
    elif second.kind == "map":
        symbol = _value_of(second, ":sym_name")
        if symbol is not None and symbol.kind == "string":
            kind = _kind_of_symbol(form)
            yield Defined(symbol.text.strip('"'), kind, symbol, form, _type_text(second, text))


_NAMED = {
    "defn": "function",
    "extern-fn": "declaration",
    "defstruct": "struct",
    "deftype": "type",
    "defmacro": "macro",
}


def _fields(form: Node, struct: str, text: str) -> Iterator[Defined]:
    for item in form.children[2:]:
        if item.kind == "vector" and len(item.children) == 2:
            name, type_ = item.children
            yield Defined(f"{struct}/{name.text}", "field", name, form, type_.text)


def _kind_of_symbol(form: Node) -> str:
    if form.head.endswith("global"):
        return "global"
    if not form.head.endswith("func"):
        return "module"
    whole = any(item.kind == "list" and len(item.children) > 1 for item in form.children[2:])
    return "function" if whole else "declaration"


def _detail(form: Node, text: str) -> str:
    """How a function is called, a type's text: what stands behind the name."""
    items = form.children[2:]
    if form.head == "defn":
        parts = [item for item in items[:1] if item.kind == "vector"]
        if len(items) > 2 and items[1].text == "->":
            parts += items[1:3]
        return " ".join(text[part.start : part.end] for part in parts)
    if form.head in ("extern-fn", "deftype") and items:
        return text[items[0].start : items[0].end]
    return ""


def _type_text(attributes: Node, text: str) -> str:
    node = _value_of(attributes, ":function_type", ":type", ":global_type")
    return text[node.start : node.end] if node is not None else ""


def _value_of(map_: Node, *keys: str) -> Node | None:
    for key, value in zip(map_.children[::2], map_.children[1::2], strict=False):
        if key.text in keys:
            return value
    return None


def _note_dialects(form: Node, made: Outline) -> None:
    for item in form.children[1:]:
        if item.kind == "symbol":
            made.dialects[item.text] = item.text
        elif item.kind == "vector" and item.children:
            name = item.children[0].text
            made.dialects[name] = name
            if len(item.children) == 3:
                made.dialects[item.children[2].text] = name


def _note_files(form: Node, made: Outline) -> None:
    for item in form.children[1:]:
        if item.kind == "vector" and len(item.children) == 3:
            made.files[item.children[2].text] = item.children[0]
