"""What a name means: a macro, a special form or an operation, in a few lines of text."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from pharos.lisp.grammar import Grammar, Part, Repeated
from pharos.lisp.macros import BUILT_IN, Macro
from pharos.tools.language import operations, words
from pharos.tools.language.operations import Operation


@dataclass(frozen=True)
class Doc:
    """``kind`` of name, how it is written, and the text about it."""

    name: str
    kind: str
    form: str
    text: str

    def plain(self) -> str:
        """For a terminal."""
        return "\n".join(filter(None, (f"{self.name}: {self.kind}", self.form, self.text)))

    def markdown(self) -> str:
        """For an editor."""
        form = f"```lispier\n{self.form}\n```" if self.form else ""
        return "\n\n".join(filter(None, (form, f"*{self.kind}*", self.text)))


def document(name: str, macros: Mapping[str, Macro] = BUILT_IN) -> Doc | None:
    """What ``name`` means in the language; None when it means nothing by itself.

    ``macros`` are those in force.
    """
    if name in words.FORMS:
        return Doc(name, "special form", *words.FORMS[name])
    if name in words.MACROS and macros.get(name) is BUILT_IN.get(name):
        return Doc(name, "macro", *words.MACROS[name])
    if name in macros:
        return _macro(macros[name])
    found = operations.operation(name)
    return _operation(found) if found is not None else None


def known_names(macros: Mapping[str, Macro] = BUILT_IN) -> list[str]:
    """Every name that ``document`` knows besides the operations."""
    return sorted({*words.FORMS, *words.MACROS, *macros})


def _macro(macro: Macro) -> Doc:
    text = inspect.cleandoc(macro.handler.__doc__ or "")
    return Doc(macro.name, "macro", f"({macro.name}{_grammar(macro.grammar)})", text)


def _grammar(grammar: Grammar) -> str:
    return "".join(f" {_shown(part)}" for part in grammar.parts)


def _shown(part: Part | Repeated) -> str:
    if isinstance(part, Part):
        return _short(part.what)
    inside = part.name or _short(part.part.what)
    return f"{inside}..." if part.most is None else f"{inside}?"


def _short(what: str) -> str:
    for article in ("an ", "a "):
        what = what.removeprefix(article)
    return what.replace(" or ", "|").replace(" ", "-") if len(what) < 30 else what


def _operation(found: Operation) -> Doc:
    lines = []
    for title, parts in (
        ("operands", found.operands),
        ("attributes", found.attributes),
        ("results", found.results),
        ("regions", found.regions),
    ):
        if parts:
            lines.append(f"{title}: {', '.join(map(str, parts))}")
    if found.results and found.infers:
        lines[-1 - bool(found.regions)] += " (the type follows from the operands)"
    text = "\n".join(textwrap.fill(line, 100, subsequent_indent="  ") for line in lines)
    return Doc(found.name, "operation", found.form, f"{text}\n\n{found.description}".strip())
