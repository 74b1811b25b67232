"""Putting an operation at the end of a block."""

from __future__ import annotations

from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.ir.bindings import mlir
from pharos.lisp.lowering.scope import Env


def insert(env: Env, name: str, location: Any, span: Span | None, **parts: Any) -> Any:
    """A new operation ``name`` at the end of the block of ``env``.

    ``parts`` are the arguments of MLIR's ``Operation.create``. Raises UserError when the block
    has ended already.
    """
    point = mlir.InsertionPoint(env.block)
    try:
        return mlir.Operation.create(name, loc=location, ip=point, **parts)
    except IndexError:
        last = list(env.block.operations)[-1].operation.name
        raise UserError(
            f"nothing can follow {last}, which ends its block, got {name}", span=span
        ) from None
