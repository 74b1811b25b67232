"""Fusing by hand: second products of attentions in, fused operations out, or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import span_of
from pharos.payload.attention import Form, attentions_of
from pharos.payload.graph import graph_of
from pharos.transform.attention.rewrite import fuse

NAME = "pharos.fuse_attention"


def fused(
    targets: list[Any], count: int | None, place: Any, erase: Callable[[Any], None]
) -> list[Any]:
    """Fuse the attention behind each of ``targets``, second products; the fused operations.

    UserError when there are not ``count`` of them, none at all, or one is no attention's end; it
    names the operation, its place and the reason. ``place`` is that of the transform op, ``erase``
    erases an operation.
    """
    if not targets:
        raise UserError(
            f"{NAME}: expected a handle to second products of attentions, found an empty one",
            span=place,
            hint="match linalg.batch_matmul or linalg.generic operations that multiply weights "
            "with values",
        )
    if count is not None and len(targets) != count:
        raise UserError(
            f"{NAME}: expected {count} operations, as count says, found {len(targets)}",
            span=place,
            hint="match fewer or more operations, or leave count out",
        )
    forms = [_form(target) for target in targets]
    return [fuse(form, _module_of(form.values.operation), erase) for form in forms]


def _form(target: Any) -> Form:
    """The attention that ``target`` is the end of."""
    function = _parent(target, "func.func")
    forms, misses = attentions_of(graph_of(function).nodes) if function is not None else ([], [])
    found = next((form for form in forms if form.values.operation == target), None)
    if found is not None and not found.obstacle:
        return found
    reasons = [found.obstacle] if found is not None else []
    reasons += [miss.reason for miss in misses if miss.values.operation == target]
    reason = reasons[0] if reasons else "it is no product of a softmax and values"
    raise UserError(
        f"{NAME}: '{target.name}' is not the second product of an attention: {reason}",
        span=span_of(target.location),
        hint="pharos explain FILE says what of a payload is attention, and why other parts are not",
    )


def _parent(operation: Any, name: str) -> Any:
    parent = operation.parent
    while parent is not None and parent.name != name:
        parent = parent.operation.parent
    return None if parent is None else parent.operation


def _module_of(operation: Any) -> Any:
    """The module that holds ``operation``, as something with a body."""
    module = _parent(operation, "builtin.module")
    return module.opview if hasattr(module, "opview") else module
