"""C functions that built-in macros call, declared where the program does not (section 7.7)."""

from __future__ import annotations

from pharos.core.span import Span
from pharos.lisp.functions import function_of
from pharos.lisp.macros.table import Template
from pharos.lisp.program import Program
from pharos.lisp.values import Value

_PRINTF = Template(
    """
    (llvm.func {:sym_name "printf" :function_type !llvm.func<i32 (ptr, ...)>
                :linkage "#llvm.linkage<external>"} (region))
    """
)
_MALLOC = Template(
    """
    (func.func {:sym_name "malloc" :function_type (-> [i64] [!llvm.ptr])
                :sym_visibility "private"} (region))
    """
)
_DECLARATIONS = {"printf": _PRINTF, "malloc": _MALLOC}


def with_declarations(program: Program) -> list[Value]:
    """The forms of ``program``, with what they need declared.

    A program that prints and declares printf without ``...`` gets the variadic declaration
    instead: there is one printf in C.
    """
    needed = set(program.needed)
    forms: list[Value] = []
    for form in program.forms:
        function = function_of(form)
        if function is not None and function.name in needed:
            if function.name == "printf" and not function.defined and not function.variadic:
                continue
            needed.discard(function.name)
        forms.append(form)
    start = Span(program.name, 1, 1)
    return [*(_DECLARATIONS[name].fill(start) for name in sorted(needed)), *forms]
