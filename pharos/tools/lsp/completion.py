"""What may be written at the cursor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lsprotocol import types as lsp

from pharos.tools.language.scopes import visible
from pharos.tools.language.tree import Node
from pharos.tools.lsp.documents import Document, Find, required
from pharos.tools.lsp.hover import Ask, full_name

_TYPES = (
    "i1", "i8", "i16", "i32", "i64", "index", "f16", "bf16", "f32", "f64", "!llvm.ptr",
    "memref<", "tensor<", "vector<",
)  # fmt: skip
# Those that programs require, for (require-dialect ...).
DIALECTS = (
    "affine", "arith", "bufferization", "cf", "complex", "func", "gpu", "index", "linalg", "llvm",
    "math", "memref", "scf", "tensor", "ub", "vector",
)  # fmt: skip
_Kind = lsp.CompletionItemKind
_KINDS = {
    "function": _Kind.Function,
    "declaration": _Kind.Function,
    "struct": _Kind.Struct,
    "field": _Kind.Field,
    "type": _Kind.TypeParameter,
    "macro": _Kind.Keyword,
    "value": _Kind.Variable,
    "global": _Kind.Variable,
}
_WORDS = ("symbol", "bad", "keyword", "colon")


async def completions(
    document: Document, node: Node, offset: int, find: Find, ask: Ask
) -> list[lsp.CompletionItem]:
    """The items whose names go on from what is typed before the cursor at ``offset``."""
    typed = document.text[node.start : offset] if node.kind in _WORDS else ""
    place = document.range(offset - len(typed), offset)
    around = node.parent if typed and node.parent is not None else node
    names = await _candidates(document, node, around, typed, find, ask)
    return [
        lsp.CompletionItem(
            label=name,
            kind=kind,
            detail=detail or None,
            text_edit=lsp.TextEdit(place, name),
            filter_text=name,
        )
        for name, (kind, detail) in sorted(names.items())
        if name.startswith(typed)
    ]


_Found = dict[str, tuple[lsp.CompletionItemKind, str]]


async def _candidates(
    document: Document, node: Node, around: Node, typed: str, find: Find, ask: Ask
) -> _Found:
    if any(outer.head in ("require-dialect", "use-dialect") for outer in around.up()):
        return dict.fromkeys(DIALECTS, (_Kind.Module, "dialect"))
    if typed.startswith(":"):
        return await _keys(document, around, ask)
    found: _Found = {}
    if typed.startswith("@"):
        return {f"@{name}": what for name, what in _globals(document, find)}
    if _is_head(around, node, typed):
        found.update(await _operations(document, ask))
    else:
        found.update(dict.fromkeys(_TYPES, (_Kind.TypeParameter, "type")))
        # The innermost of several bindings counts, and it comes first.
        for local in reversed(list(visible(node if typed else _last_before(around, node)))):
            found[local.name] = (_Kind.Variable, _written_type(document, local.type))
    found.update(_globals(document, find))
    return found


def _last_before(around: Node, node: Node) -> Node:
    return around.children[-1] if around.children else node


def _is_head(around: Node, node: Node, typed: str) -> bool:
    """Whether the cursor is where the name of an operation or macro stands."""
    if around.kind != "list":
        return False
    return node.index == 0 if typed else not around.children


def _written_type(document: Document, node: Node | None) -> str:
    return document.text[node.start : node.end] if node is not None else ""


async def _operations(document: Document, ask: Ask) -> _Found:
    """Macros, forms, and the operations of the dialects that the text requires, also by alias."""
    dialects = document.outline.dialects
    known: Any = await ask(do="names", dialects=sorted(set(dialects.values())))
    found: _Found = dict.fromkeys(known["words"], (_Kind.Keyword, ""))
    for name in known["operations"]:
        found[name] = (_Kind.Operator, "operation")
        dialect, _, rest = name.partition(".")
        for alias, full in dialects.items():
            if full == dialect and alias != full:
                found[f"{alias}/{rest}"] = (_Kind.Operator, name)
    return found


async def _keys(document: Document, around: Node, ask: Ask) -> _Found:
    """The attributes of the operation whose map this is."""
    form = next((outer for outer in around.up() if outer.kind == "list"), None)
    if form is None:
        return {}
    names: Any = await ask(do="attributes", name=full_name(form.head, document.outline))
    found: _Found = {f":{name}": (_Kind.Property, form.head) for name in names}
    found[":result"] = (_Kind.Property, "the type of its value")
    return found


def _globals(document: Document, find: Find) -> Iterator[tuple[str, Any]]:
    for made in document.outline.definitions:
        yield made.name, (_KINDS.get(made.kind, _Kind.Variable), made.detail)
    for alias, other in required(document, find):
        for made in other.outline.definitions:
            yield f"{alias}/{made.name}", (_KINDS.get(made.kind, _Kind.Variable), made.detail)
