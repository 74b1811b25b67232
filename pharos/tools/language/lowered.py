"""A program to a module, for tools that want what there is even when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.lisp.expand import deep_recursion
from pharos.lisp.functions import all_functions, without_repeats
from pharos.lisp.lowering import module as lowering_module
from pharos.lisp.lowering.declarations import with_declarations
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env, Scope
from pharos.lisp.program import Program

Build = Callable[[Lowering, Any], None]
# Importing it fills the tables of forms and operations.
_TABLES = lowering_module


def module_of(
    program: Program, context: Any, build: Build | None = None
) -> tuple[Any, Iterable[str], list[UserError]]:
    """The module of ``program``, not verified; the names of its functions; what is wrong.

    Forms with a mistake are left out of the module. ``build(lowering, module)`` may add to it.
    """
    written, functions, clashes = without_repeats(with_declarations(program))
    nested = {function.name for function in all_functions(written)}
    with context, mlir.Location.file(program.name, 1, 1):
        module = mlir.Module.create()
        lowering = Lowering(context, functions, nested)
        lowering.problems.errors += clashes
        scope = Scope()
        for form in written:
            with lowering.problems.gathered(), deep_recursion(form.span):
                lowering.statements(Env(module.body, scope, {}, None, [], {}), [form])
        if build is not None:
            with lowering.problems.gathered(), deep_recursion():
                build(lowering, module)
    return module, functions, lowering.problems.errors
