"""MLIR's verifier on a lowered program, its findings told in the words of the language."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pharos import ir
from pharos.core.errors import ErrorList, UserError, nearest
from pharos.lisp.problems import Problems

# What to do about a message of the verifier, by a pattern in it.
_HINTS = (
    (
        r"block with no terminator|empty block|must end with a terminator",
        "end the block in its terminator: (func.return ...), (scf.yield ...), (cf.br ^label ...)",
    ),
    (r"requires attribute '([\w.]+)'", r"write :\1 in the attribute map"),
    (r"requires one result|expected \d+ results?|requires \d+ results?", "say its type: :result T"),
    (r"requires zero results", "leave out :result"),
    (
        r"attribute '[\w.]+' failed to satisfy constraint: (\d+)-bit signless integer",
        r"a bare number is an i64: write (: N i\1)",
    ),
    (
        r"mismatched types|type of operand|operand type mismatch|same type for all operands",
        "convert one of the values, or write a number as (: N type)",
    ),
    (
        r"cannot be used as a (dimension|symbol) id|must be valid (dimension|symbol)",
        "affine takes constants, arguments, variables of affine loops and what affine.apply makes "
        "of them; memref.load, memref.store and scf.for take any index",
    ),
    (
        r"LLVM dialect-compatible type",
        "C takes integers, f32, f64 and pointers: cast an index with arith.index_cast",
    ),
)
_CURRENT = "see current operation: "
_OPERATION = re.compile(r", has %.*", re.DOTALL)
_UNKNOWN_NAME = re.compile(r"'([\w.$-]+)' does not reference a valid function")


def verify(module: Any, functions: Iterable[str]) -> None:
    """Raise what is wrong in ``module``: ErrorList when several functions have mistakes."""
    try:
        ir.verify(module)
    except UserError as error:
        problems = Problems()
        # MLIR stops at the first function with a mistake; the others may have some too.
        for operation in module.body.operations:
            with problems.gathered():
                ir.verify(operation)
        if not problems.errors:
            problems.add(error)
        for one in _each(problems.errors):
            _explain(one, list(functions))
        problems.report()


def _each(errors: list[UserError]) -> Iterable[UserError]:
    for error in errors:
        if isinstance(error, ErrorList):
            yield from error.errors
        else:
            yield error


def _explain(error: UserError, functions: list[str]) -> None:
    """Give ``error`` a hint, and take out the operation in MLIR's syntax: the place shows it."""
    error.message = _OPERATION.sub("", error.message)
    error.notes = tuple(n for n in error.notes if not n.message.startswith(_CURRENT))
    if error.hint:
        return
    unknown = _UNKNOWN_NAME.search(error.message)
    if unknown:
        error.hint = nearest(unknown[1], functions)
    for pattern, hint in _HINTS:
        found = re.search(pattern, error.message)
        if found:
            error.hint = found.expand(hint)
            return
