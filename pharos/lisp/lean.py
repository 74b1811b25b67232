"""A program without what only its macros needed, for code that runs where Pharos is not."""

from __future__ import annotations

from dataclasses import replace

from pharos.lisp.functions import function_of, referenced
from pharos.lisp.program import Program
from pharos.lisp.value_functions import VALUE_FUNCTIONS
from pharos.lisp.values import Value


def without_macros(program: Program) -> Program:
    """``program`` less the functions of its macros, and those that only macros can use.

    A function that something else calls stays, and so does ``main``; what of these calls a value
    function still needs Pharos.
    """
    uses: dict[str, set[str]] = {}
    others: set[str] = set()
    for form in program.forms:
        function = function_of(form)
        if function is not None and function.defined:
            uses[function.name] = referenced([form]) - {function.name}
        else:
            others |= referenced([form])
    dropped: set[str] = set()
    while True:
        kept = [names for name, names in uses.items() if name not in dropped]
        called = others.union(*kept) | {"main"}
        bound = dropped | (VALUE_FUNCTIONS.keys() - uses.keys())
        new = {
            name
            for name, names in uses.items()
            if name not in dropped | called and (name in program.macros or names & bound)
        }
        if not new:
            break
        dropped |= new
    forms = [form for form in program.forms if _name(form) not in dropped]
    return replace(program, forms=forms)


def _name(form: Value) -> str | None:
    function = function_of(form)
    return function.name if function is not None and function.defined else None
