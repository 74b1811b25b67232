"""What the files of a program share about macros written in Lispier.

Apart from ``written_macros``, which does the work, so that a program without such macros does not
load it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pharos.core.errors import ErrorList, Note, UserError
from pharos.core.span import Span
from pharos.lisp.values import List, Map, String, Value

if TYPE_CHECKING:
    from pharos.lisp.functions import Function
    from pharos.lisp.macro_engine import MacroEngine, MacroUnit
    from pharos.lisp.macros.table import Macro


@dataclass
class State:
    """What outlives one call: how many names were made up, and why a macro refused its call."""

    made: int = 0
    failure: str | None = None


@dataclass(frozen=True)
class Expansion:
    """One use of a macro: where it is called, and where its function is written."""

    call: Span
    name: str
    macro: Span | None


@dataclass
class Written:
    """The macro functions of a program, and what they have in common."""

    engine: MacroEngine | None = None
    state: State = field(default_factory=State)
    # What the files so far define at their top, by name, and the strings behind globals.
    known: dict[str, Value] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    # Names whose definitions failed.
    failed: set[str] = field(default_factory=set)
    libraries: list[str] = field(default_factory=list)
    expansions: list[Expansion] = field(default_factory=list)
    # Functions of macros that are not compiled yet.
    waiting: dict[str, Function] = field(default_factory=dict)
    # The unit that each function was compiled in, by the identity of its form.
    units: dict[int, MacroUnit] = field(default_factory=dict)
    calls: int = 0
    # The macros that a file of macros defines, and its defmacros that stand before the function.
    defined: dict[str, Macro] = field(default_factory=dict)
    deferred: list[List] | None = None
    packaged: bool = False

    def note(self, form: Value) -> None:
        """Take in an expanded form from the top of a file."""
        if isinstance(form, List) and len(form.items) > 1 and isinstance(form.items[1], Map):
            name = form.items[1].entries.get("sym_name")
            if isinstance(name, String):
                self.known[name.value] = form


def explained(error: UserError, expansions: Iterable[Expansion]) -> UserError:
    """``error``, with a note on every macro whose call it lies in."""
    known = list(expansions)
    for one in error.errors if isinstance(error, ErrorList) else [error]:
        inside = [e for e in known if one.span is not None and _contains(e.call, one.span)]
        notes = [
            Note(f"in the expansion of macro '{e.name}', written here", e.macro) for e in inside
        ]
        told = {(note.message, note.span) for note in one.notes}
        about = {f"the macro '{e.name}' is written here" for e in inside}
        if not any(message in about for message, _ in told):
            new = dict.fromkeys(note for note in notes if (note.message, note.span) not in told)
            one.notes = (*one.notes, *list(new)[:5])
    return error


def _contains(outer: Span, inner: Span) -> bool:
    return (
        outer.file == inner.file
        and (outer.line, outer.column) <= (inner.line, inner.column)
        and (inner.line, inner.column) < (outer.end_line, outer.end_column)
    )
