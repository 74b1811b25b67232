"""A program to one verified MLIR module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pharos import ir
from pharos.core.errors import UserError
from pharos.ir.bindings import mlir
from pharos.lisp.expand import deep_recursion
from pharos.lisp.functions import all_functions, without_repeats
from pharos.lisp.lowering import affine, arithmetic, branches, calls, forms, linalg
from pharos.lisp.lowering.declarations import with_declarations
from pharos.lisp.lowering.lowering import Lowering
from pharos.lisp.lowering.scope import Env, Scope
from pharos.lisp.lowering.verifier import verify
from pharos.lisp.problems import Problems
from pharos.lisp.program import Program

Build = Callable[[Lowering, Any], None]
"""Adds to a module that is being made."""

# What these modules register in the tables makes the language; naming them keeps the imports.
_FILL_THE_TABLES = (affine, arithmetic, branches, calls, forms, linalg)


def lower(program: Program, context: Any = None) -> Any:
    """The verified module of ``program``; every operation carries the place of its form.

    Raises UserError, or ErrorList when there are several independent mistakes.
    """
    with program.explaining():
        module, functions = _made(program, context or ir.new_context())
        verify(module, functions)
    return module


def draft(program: Program) -> tuple[Any, UserError | None]:
    """The module of ``program`` as it is, and what MLIR's verifier finds wrong in it.

    Raises UserError, or ErrorList, when a form cannot be lowered at all.
    """
    with program.explaining():
        module, functions = _made(program, ir.new_context())
    try:
        with program.explaining():
            verify(module, functions)
    except UserError as error:
        return module, error
    return module, None


def _made(program: Program, context: Any) -> tuple[Any, Iterable[str]]:
    """The module of ``program``, not verified, and the names of its functions."""
    module, functions, errors = module_of(program, context)
    problems = Problems()
    problems.errors += errors
    problems.report()
    return module, functions


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
        lowering = Lowering(context, functions, nested, program.failed)
        lowering.problems.errors += clashes
        scope = Scope()
        for form in written:
            env = Env(module.body, scope, {}, None, [], {})
            with lowering.problems.gathered(), deep_recursion(form.span):
                lowering.statements(env, [form])
        if build is not None:
            with lowering.problems.gathered(), deep_recursion():
                build(lowering, module)
    return module, functions, lowering.problems.errors
