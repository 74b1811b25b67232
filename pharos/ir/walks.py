"""The operations inside an operation, by name.

A walk in Python costs about a microsecond an operation, in which the binding makes a Python object
of it: walk once for all the names that are wanted, and keep what was found.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pharos.ir.bindings import mlir


def operations(
    root: Any, *names: str, outer_first: bool = False, skip: Collection[str] = ()
) -> list[Any]:
    """Those of the operations ``names`` in ``root``, itself included; all, if no name is given.

    In the order of the text, but each after what is in its regions, or before it with
    ``outer_first``. Operations named in ``skip`` are left out with what is in them (``outer_first``
    is then meant). The walk is over when this returns: what was found may be changed and erased.
    """
    found: list[Any] = []
    advance, leave = mlir.WalkResult.ADVANCE, mlir.WalkResult.SKIP

    def visit(operation: Any) -> Any:
        name = operation.name
        if name in skip:
            return leave
        if not names or name in names:
            found.append(operation)
        return advance

    order = mlir.WalkOrder.PRE_ORDER if outer_first or skip else mlir.WalkOrder.POST_ORDER
    root.operation.walk(visit, order)
    return found


def at_least(root: Any, count: int) -> bool:
    """Whether ``root`` has ``count`` operations or more, itself among them."""
    seen = 0

    def look(operation: Any) -> Any:
        nonlocal seen
        seen += 1
        return mlir.WalkResult.ADVANCE if seen < count else mlir.WalkResult.INTERRUPT

    root.operation.walk(look)
    return seen >= count


def contains(root: Any, *names: str) -> bool:
    """Whether ``root`` is, or has in it, one of the operations ``names``."""
    found = False

    def look(operation: Any) -> Any:
        nonlocal found
        found = operation.name in names
        return mlir.WalkResult.INTERRUPT if found else mlir.WalkResult.ADVANCE

    root.operation.walk(look)
    return found
