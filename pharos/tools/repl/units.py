"""Forms of the session to verified MLIR modules, one for each thing that is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pharos.lisp.lowering.module import Build, module_of
from pharos.lisp.lowering.verifier import verify
from pharos.lisp.problems import Problems
from pharos.lisp.program import Program
from pharos.lisp.values import Value
from pharos.tools.repl.definitions import Definition


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
    module, functions, errors = module_of(program, context, build)
    problems = Problems()
    problems.errors += errors
    problems.report()
    verify(module, functions)
    return module
