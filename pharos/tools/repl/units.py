"""Forms of the session to verified MLIR modules, one for each thing that is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pharos.ir.bindings import mlir
from pharos.lisp.expand import deep_recursion
from pharos.lisp.functions import all_functions, without_repeats
from pharos.lisp.lowering import module as lowering_module
from pharos.lisp.lowering.declarations import with_declarations
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env, Scope
from pharos.lisp.lowering.verifier import verify
from pharos.lisp.program import Program
from pharos.lisp.values import Value
from pharos.tools.repl.definitions import Definition

Build = Callable[[Lowering, Any], None]
# Importing it fills the tables of forms and operations.
_TABLES = lowering_module


def forms_of(
    names: Iterable[str], known: Mapping[str, Definition], *, bodies: Callable[[Definition], bool]
) -> list[Definition]:
    """The definitions that a module which mentions ``names`` must have.

    A function for which ``bodies`` is false is only declared, so that what its body mentions is
    not needed; all else comes whole.
    """
    found: dict[str, Definition] = {}
    waiting = [name for name in names if name in known]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = known[name]
        if known[name].function is None or bodies(known[name]):
            waiting += sorted(other for other in known[name].mentions if other in known)
    return list(found.values())


def written(definition: Definition, *, bodies: Callable[[Definition], bool]) -> Value:
    """The form of ``definition`` in a module: whole, or declared as ``bodies`` says."""
    whole = definition.function is None or bodies(definition)
    return definition.form if whole else definition.declaration()


def lower_forms(
    context: Any, forms: Sequence[Value], needed: set[str], build: Build | None = None
) -> Any:
    """The verified module of ``forms``, and of what ``build(lowering, module)`` adds to it.

    ``needed`` are C functions that are declared where ``forms`` do not. Raises UserError or
    ErrorList with the places of what is wrong.
    """
    program = Program("<repl>", forms=list(forms), needed=needed)
    kept, functions, clashes = without_repeats(with_declarations(program))
    nested = {function.name for function in all_functions(kept)}
    with context, mlir.Location.file(program.name, 1, 1), deep_recursion():
        module = mlir.Module.create()
        lowering = Lowering(context, functions, nested)
        lowering.problems.errors += clashes
        scope = Scope()
        for form in kept:
            lowering.statements(Env(module.body, scope, {}, None, [], {}), [form])
        if build is not None:
            with lowering.problems.gathered():
                build(lowering, module)
        lowering.problems.report()
    verify(module, functions)
    return module
