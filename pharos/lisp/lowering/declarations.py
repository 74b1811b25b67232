"""Functions declared where the program does not: C's that built-in macros call, and the value
functions (sections 7.7 and 8.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pharos.core.span import Span
from pharos.lisp.functions import Function, function_of
from pharos.lisp.lowering.scope import Env, Scope
from pharos.lisp.macros.table import Template
from pharos.lisp.program import Program
from pharos.lisp.values import String, Symbol, Value, Vector

if TYPE_CHECKING:
    from pharos.lisp.lowering.lowering import Lowering

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
_DPRINTF = Template(
    """
    (llvm.func {:sym_name "dprintf" :function_type !llvm.func<i32 (i32, ptr, ...)>
                :linkage "#llvm.linkage<external>"} (region))
    """
)
_EXIT = Template(
    """
    (func.func {:sym_name "exit" :function_type (-> [i32] []) :sym_visibility "private"} (region))
    """
)
_FFLUSH = Template(
    """
    (func.func {:sym_name "fflush" :function_type (-> [!llvm.ptr] [i32])
                :sym_visibility "private"} (region))
    """
)
_DECLARATIONS = {
    "dprintf": _DPRINTF,
    "exit": _EXIT,
    "fflush": _FFLUSH,
    "malloc": _MALLOC,
    "printf": _PRINTF,
}
_VALUE_FUNCTION = Template(
    """
    (func.func {:sym_name ~name :function_type (-> ~inputs ~outputs) :sym_visibility "private"}
      (region))
    """
)


def value_function(lowering: Lowering, env: Env, name: str) -> Function | None:
    """The value function ``name``, declared in the module around ``env``; None for no such one."""
    if not name.startswith("value_"):
        return None
    from pharos.lisp.value_functions import VALUE_FUNCTIONS

    known = VALUE_FUNCTIONS.get(name)
    if known is None:
        return None
    types = [Vector([Symbol(type_) for type_ in side]) for side in known.signature]
    form = _VALUE_FUNCTION.fill(None, name=String(name), inputs=types[0], outputs=types[1])
    function = function_of(form)
    if function is not None:
        lowering.functions[name] = function
        module = Env(_outermost(env.block), Scope(), {}, None, [], {})
        lowering.statements(module, [form])
    return function


def _outermost(block: Any) -> Any:
    """The body of the module around ``block``."""
    operation = block.owner
    while operation.parent is not None:
        operation = operation.parent
    return operation.regions[0].blocks[0]


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
