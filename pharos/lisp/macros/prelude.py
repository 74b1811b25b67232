"""The macros of ``prelude.lisp``, under their names; the file is read when one is first used."""

from __future__ import annotations

import functools
from pathlib import Path

from pharos.lisp.grammar import many
from pharos.lisp.macros.table import Call, Macro, macro, misuse
from pharos.lisp.values import Value

PRELUDE = Path(__file__).parent.parent / "prelude.lisp"
# What the file defines. Naming it here leaves the file alone in programs that use none of it.
NAMES = ("inc", "not", "while", "for", "<f", "<=f", ">f", ">=f", "=f", "!=f")


def _from_prelude(name: str) -> None:
    @macro(name, many("arguments"))
    def expand(call: Call, arguments: list[Value]) -> Value:
        """Written in the prelude."""
        function = call.expander.names.written.known.get(name)
        if function is not None:
            raise misuse(
                call,
                "this program has a function of that name",
                hint=f"to call the function, write (call TYPE {name} ...) or (call! {name} ...)",
            )
        return prelude()[name].handler(call, arguments)


for _name in NAMES:
    _from_prelude(_name)


@functools.cache
def prelude() -> dict[str, Macro]:
    """The macros that the prelude defines, by name."""
    from pharos.lisp.expansions import Written
    from pharos.lisp.written_macros import macro_file

    text = PRELUDE.read_text(encoding="utf-8")
    return macro_file(text, str(PRELUDE), Written(), None)
