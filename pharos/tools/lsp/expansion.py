"""What the macro call at a place becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pharos.core.errors import UserError
from pharos.lisp.expand import deep_recursion
from pharos.lisp.format import format_text
from pharos.lisp.problems import Problems
from pharos.lisp.reader import read
from pharos.lisp.values import List, Value, Vector, to_text
from pharos.tools.lsp.loading import editor_loader

_MOST = 2000


def expanded_at(path: str, texts: Mapping[str, str], line: int, column: int) -> str | None:
    """The expansion of the list that starts at that line and column (from 1) of the file ``path``.

    None when there is none, or when the text cannot be read or expanded.
    """
    file = editor_loader(path, texts, Problems()).file("")
    try:
        with deep_recursion():
            for form in read(texts[path], path):
                call = next((c for c in _lists(form) if _starts(c, line, column)), None)
                if call is not None:
                    return _text(to_text(file.expander.expand(file.expander.with_types(call))))
                for _ in file.expander.top_level(form):
                    pass
    except UserError:
        return None
    return None


def _lists(value: Value) -> Iterator[List]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, List):
            yield item
        if isinstance(item, List | Vector):
            waiting += item.items


def _starts(value: List, line: int, column: int) -> bool:
    span = value.span
    return span is not None and (span.line, span.column) == (line, column)


def _text(expansion: str) -> str:
    shown = format_text(expansion, "<expansion>").rstrip()
    return shown if len(shown) <= _MOST else shown[:_MOST] + " ..."
