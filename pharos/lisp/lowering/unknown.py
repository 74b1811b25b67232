"""The error for an operation that MLIR does not know, with what may have been meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pharos.core.errors import UserError, nearest
from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.segments import operations_of
from pharos.lisp.lowering.tables import FORMS
from pharos.lisp.macros import BUILT_IN
from pharos.lisp.problems import Consequence

if TYPE_CHECKING:
    from pharos.lisp.lowering.lowering import Lowering

# Dialects that an unqualified name is looked for in, the likeliest first.
_DIALECTS = (
    "arith", "func", "memref", "scf", "math", "llvm", "linalg", "cf", "tensor", "vector",
    "index", "affine", "complex", "gpu", "bufferization",
)  # fmt: skip


def unknown_operation(lowering: Lowering, made: Draft) -> UserError:
    """The error for ``made``, whose name is no operation, macro or special form."""
    if made.name.partition("/")[0] in lowering.failed:
        return Consequence(f"'{made.name}' has mistakes", span=made.span)
    if made.head.name in lowering.functions:
        name = made.head.text
        return UserError(
            f"unknown operation '{name}'",
            span=made.head.span or made.span,
            hint=f"to call the function, write (call TYPE {name} ...) or (call! {name} ...)",
        )
    dialect, dot, _ = made.name.partition(".")
    if not dot:
        return UserError(
            f"unknown operation or macro '{made.name}'",
            span=made.head.span or made.span,
            hint=_plain_hint(lowering, made.name),
        )
    names = operations_of(dialect)
    if not names:
        return UserError(
            f"unknown operation '{made.name}': there is no dialect '{dialect}'",
            span=made.head.span or made.span,
            hint=nearest(dialect, _DIALECTS),
        )
    return UserError(
        f"unknown operation '{made.name}'",
        span=made.head.span or made.span,
        hint=nearest(made.name, names),
    )


def _plain_hint(lowering: Lowering, name: str) -> str | None:
    for dialect in _DIALECTS:
        if lowering.context.is_registered_operation(f"{dialect}.{name}"):
            return f"did you mean '{dialect}.{name}'?"
    return nearest(name, [*BUILT_IN, *FORMS])
