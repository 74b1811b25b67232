"""Which dialect or file a symbol names (section 3.1 of the language reference)."""

from __future__ import annotations

from itertools import pairwise

from pharos.core.errors import UserError, nearest
from pharos.core.span import Span
from pharos.lisp.grammar import (
    KEYWORD,
    STRING,
    SYMBOL,
    Grammar,
    literal,
    one_of,
    some,
    vector,
)
from pharos.lisp.values import List, Symbol


class Namespaces:
    """The dialects and files that a file has required so far, by name and alias.

    A ``lenient`` one takes every prefix for a dialect: for the templates of macros and for text
    that this program printed.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.dialects: dict[str, str] = {}
        self.files: set[str] = set()
        self._lenient = lenient
        self._resolved: dict[str, str] = {}

    def resolve(self, text: str, span: Span | None) -> str:
        """The full name of the symbol written ``text``; UserError for an unknown dialect."""
        full = self._resolved.get(text)
        if full is None:
            full = self._resolved[text] = self._look_up(text, span)
        return full

    def _look_up(self, text: str, span: Span | None) -> str:
        if text[0] == "!" or text == "...":
            return text
        bare = outside_brackets(text)
        alias, slash, name = bare.partition("/")
        if slash and alias:
            dialect = self.dialects.get(alias)
            return f"{dialect}.{text[len(alias) + 1 :]}" if dialect and name else text
        prefix, dot, _ = bare.partition(".")
        if not dot:
            return text
        rest = text[len(prefix) + 1 :]
        if prefix in self.dialects:
            return f"{self.dialects[prefix]}.{rest}"
        if prefix in self.files:
            return f"{prefix}/{rest}"
        if self._lenient:
            return text
        raise self._unknown_dialect(prefix, text, span)

    def _unknown_dialect(self, prefix: str, text: str, span: Span | None) -> UserError:
        close = nearest(prefix, [*self.dialects, *self.files])
        remedy = f"did you forget (require-dialect {prefix})?"
        if not prefix.isidentifier():
            remedy = "a name without a dialect cannot contain a dot"
        return UserError(f"unknown dialect '{prefix}' in '{text}'", span=span, hint=close or remedy)

    def note(self, form: List) -> None:
        """Take in ``form`` if it is a require; it holds for what is read after it."""
        handler = _REQUIRES.get(form.head or "")
        if handler is not None:
            handler(self, form)
            self._resolved.clear()

    def _require_dialects(self, form: List) -> None:
        (items,) = DIALECTS.parse(form, "require-dialect")
        for item in items:
            if isinstance(item, Symbol):
                self.dialects[item.text] = item.text
            else:
                dialect, _, alias = item
                self.dialects[dialect.text] = self.dialects[alias.text] = dialect.text

    def _require_files(self, form: List) -> None:
        (items,) = FILES.parse(form, "require")
        self.files.update(alias.text for _, _, alias in items)


DIALECTS = Grammar(some("dialect", one_of(SYMBOL, vector(SYMBOL, literal(KEYWORD, "as"), SYMBOL))))
FILES = Grammar(some("file", vector(STRING, literal(KEYWORD, "as"), SYMBOL)))
_REQUIRES = {
    "require-dialect": Namespaces._require_dialects,
    "use-dialect": Namespaces._require_dialects,
    "require": Namespaces._require_files,
}


def outside_brackets(text: str) -> str:
    """``text`` with what stands in angle brackets blanked out, so that offsets stay."""
    if "<" not in text[1:]:
        return text
    result, depth = [text[0]], 0
    for before, char in pairwise(text):
        depth += char == "<"
        result.append(" " if depth else char)
        depth -= char == ">" and before != "-" and depth > 0
    return "".join(result)
