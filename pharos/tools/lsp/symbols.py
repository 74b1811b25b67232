"""The definitions of a text, for the editor's outline."""

from __future__ import annotations

from lsprotocol import types as lsp

from pharos.tools.language.outline import Defined
from pharos.tools.lsp.documents import Document

_Kind = lsp.SymbolKind
_KINDS = {
    "function": _Kind.Function,
    "declaration": _Kind.Interface,
    "struct": _Kind.Struct,
    "field": _Kind.Field,
    "type": _Kind.TypeParameter,
    "macro": _Kind.Operator,
    "global": _Kind.Variable,
    "value": _Kind.Constant,
    "module": _Kind.Module,
}


def symbols(document: Document) -> list[lsp.DocumentSymbol]:
    """The top-level definitions in the order of the text; fields are inside their struct."""
    found: list[lsp.DocumentSymbol] = []
    for made in document.outline.definitions:
        symbol = _symbol(document, made)
        if made.kind == "field" and found:
            found[-1].children = [*(found[-1].children or []), symbol]
        else:
            found.append(symbol)
    return found


def _symbol(document: Document, made: Defined) -> lsp.DocumentSymbol:
    name = made.name.partition("/")[2] if made.kind == "field" else made.name
    whole = made.node if made.kind == "field" else made.form
    return lsp.DocumentSymbol(
        name=name or made.name,
        kind=_KINDS.get(made.kind, _Kind.Variable),
        range=document.range_of(whole),
        selection_range=document.range_of(made.node),
        detail=made.detail or None,
    )
