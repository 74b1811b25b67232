"""The tables that say how forms and operations are lowered; the modules beside fill them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pharos.lisp.lowering.draft import Draft
from pharos.lisp.lowering.scope import Env
from pharos.lisp.values import List

if TYPE_CHECKING:
    from pharos.lisp.lowering.lowering import Lowering

# Both give the values of what they made.
FormHandler = Callable[["Lowering", Env, List], Sequence[Any]]
OperationHandler = Callable[["Lowering", Env, Draft], Sequence[Any]]

# Stands for every head written ``alias/name``.
ALIASED = "alias/name"

FORMS: dict[str, FormHandler] = {}
_OPERATIONS: dict[str, OperationHandler] = {}


def form(*names: str) -> Callable[[FormHandler], FormHandler]:
    """Register the decorated function as the meaning of the special forms ``names``."""

    def register(handler: FormHandler) -> FormHandler:
        FORMS.update(dict.fromkeys(names, handler))
        return handler

    return register


def operation(*names: str) -> Callable[[OperationHandler], OperationHandler]:
    """Register the decorated function for operations that need more than the generic treatment.

    ``names`` are names of operations, or a dialect with a dot for all that have no entry.
    """

    def register(handler: OperationHandler) -> OperationHandler:
        _OPERATIONS.update(dict.fromkeys(names, handler))
        return handler

    return register


def operation_handler(name: str) -> OperationHandler | None:
    """What makes the operation ``name``, or None for the generic way."""
    handler = _OPERATIONS.get(name)
    return handler or _OPERATIONS.get(name.partition(".")[0] + ".")
