"""What the editor shows over a word: types, documentation, expansions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pharos.tools.language.outline import Outline
from pharos.tools.language.tree import Node
from pharos.tools.lsp.documents import Document, Find
from pharos.tools.lsp.references import Meaning, meaning

Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Types:
    """The types of the forms of one text, by place: what the last analysis of it found."""

    text: str
    by_place: Mapping[tuple[int, int, int, int], tuple[str, tuple[str, ...]]]

    @staticmethod
    def of(text: str, found: list[dict[str, Any]]) -> Types:
        """From the data of an analysis. Of several operations at one place the last one with a
        value counts: a macro's expansion ends in its value."""
        table: dict[tuple[int, int, int, int], tuple[str, tuple[str, ...]]] = {}
        for one in found:
            place = tuple(one["place"])
            if one["types"] or place not in table:
                table[place] = one["operation"], tuple(one["types"])
        return Types(text, table)


async def hover(
    document: Document, node: Node, find: Find, types: Types | None, ask: Ask
) -> str | None:
    """Markdown about ``node``; None when there is nothing to say."""
    if types is not None and types.text != document.text:
        types = None  # places have moved
    known = meaning(node, document, find)
    if known is not None and known.local is not None:
        return _local(known, types)
    if known is not None and known.defined is not None:
        return _defined(known)
    if node.kind not in ("symbol", "colon"):
        return None
    return await _word(document, node, types, ask)


def _local(known: Meaning, types: Types | None) -> str:
    local = known.local
    assert local is not None
    text = known.document.text
    if local.type is not None:
        return _code(f"{local.name} : {text[local.type.start : local.type.end]}")
    if local.told:
        return _code(f"{local.name} : {local.told}")
    found = _types_of(local.value, known.document, types) if local.value is not None else None
    if not found:
        return _code(local.name)
    target = local.node.parent
    several = target is not None and target.kind == "vector" and target.parent is not None
    position = local.node.index if several and not _in_let_pairs(local.node) else 0
    return _code(f"{local.name} : {found[min(position, len(found) - 1)]}")


def _in_let_pairs(node: Node) -> bool:
    """Whether the vector around ``node`` is that of a let, not one of several names."""
    vector = node.parent
    form = vector.parent if vector is not None else None
    return form is not None and form.head == "let" and form.children[1] is vector


def _types_of(node: Node, document: Document, types: Types | None) -> tuple[str, ...] | None:
    if types is None:
        return None
    found = types.by_place.get(document.place_of(node))
    if found is not None:
        return found[1]
    if node.head == ":" and len(node.children) == 3:
        type_ = node.children[2]
        return (document.text[type_.start : type_.end],)
    if node.head == "let" and len(node.children) > 2:
        return _types_of(node.children[-1], document, types)
    return None


def _defined(known: Meaning) -> str:
    made = known.defined
    assert made is not None
    detail = f" {made.detail}" if made.detail else ""
    place = f"{known.document.path}:{known.document.positions.line_of(made.node.start)[0] + 1}"
    comment = _comment_above(known.document, made.form)
    lines = [_code(f"{made.name}{detail}"), f"*{made.kind}* in {place}"]
    return "\n\n".join([*lines, comment] if comment else lines)


def _comment_above(document: Document, form: Node) -> str:
    """The comment on the lines right above a definition."""
    lines = document.text[: form.start].split("\n")[:-1]
    comment: list[str] = []
    while lines and lines[-1].lstrip().startswith(";"):
        comment.insert(0, lines.pop().strip().lstrip(";").strip())
    return "\n".join(comment)


async def _word(document: Document, node: Node, types: Types | None, ask: Ask) -> str | None:
    """An operation, macro or special form: its documentation, the type of its value."""
    found = await ask(do="document", name=full_name(node.text, document.outline))
    if found is None:
        return None
    parts = []
    call = node.parent
    if call is not None and call.kind == "list" and node.index == 0:
        given = _types_of(call, document, types)
        if given:
            parts.append(_code(f"value : {', '.join(given)}"))
    parts.append(_code(found["form"]))
    parts.append(f"*{found['kind']}*")
    parts.append(found["text"])
    if found["kind"] == "macro" and call is not None and call.kind == "list":
        line, column, _, _ = document.place_of(call)
        texts = {document.path: document.text}
        expansion = await ask(
            do="expand", path=document.path, texts=texts, line=line, column=column
        )
        if isinstance(expansion, str):
            parts.append(f"expands to\n{_code(expansion)}")
    return "\n\n".join(parts)


def full_name(text: str, outline: Outline) -> str:
    """``a/addi`` and ``a.addi`` as ``arith.addi``, where ``a`` is an alias of arith."""
    for mark in ("/", "."):
        alias, found, rest = text.partition(mark)
        if found and rest and alias in outline.dialects:
            return f"{outline.dialects[alias]}.{rest}"
    return text


def _code(text: str) -> str:
    return f"```lispier\n{text}\n```"
