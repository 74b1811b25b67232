"""The formatter: one way to set out a program, the same program."""

from __future__ import annotations

from pharos.core.errors import InternalError
from pharos.core.span import Span, register_source
from pharos.lisp.expand import deep_recursion
from pharos.lisp.format.layout import Layout
from pharos.lisp.format.lines import render
from pharos.lisp.format.tree import parse
from pharos.lisp.namespaces import Namespaces
from pharos.lisp.reader import read_values
from pharos.lisp.tokens import Source
from pharos.lisp.values import List, Value

__all__ = ["format_text"]

_MOST_ROUNDS = 5


def format_text(text: str, name: str = "<text>") -> str:
    """The program ``text`` set out as its formatter would; ``name`` is the file that errors give.

    The result reads as the same values, keeps every comment, and is its own result. Raises
    UserError, with its place, for text that cannot be read.
    """
    register_source(name, text)
    source = Source(text, name)
    values = _values(source)
    result = source.text
    with deep_recursion(None):
        for _ in range(_MOST_ROUNDS):
            before, result = result, _once(result, name)
            if result == before:
                break
    if result != text and _values(Source(result, name)) != values:
        raise InternalError(f"formatting {name} would change the program")
    return result


def _once(text: str, name: str) -> str:
    return render(Layout(parse(Source(text, name))).lines())


def _values(source: Source) -> list[Value]:
    return read_values(source, _AsWritten())


class _AsWritten(Namespaces):
    """Leaves symbols as they are written: a formatter need not know what a program requires."""

    def resolve(self, text: str, span: Span | None) -> str:
        return text

    def note(self, form: List) -> None:
        return
