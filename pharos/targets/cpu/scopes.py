"""Stack scopes inside loops become saves and restores of the stack pointer.

The conversion to OpenMP puts the body of each parallel loop in a ``memref.alloca_scope``, which
may hold one block only; the loops inside it become several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import contains, operations
from pharos.ir.bindings import dialect, mlir


@dataclass(frozen=True)
class AllocaScopes:
    """``alloca_scope { body }``  ==>  ``p = stacksave; body; stackrestore p``.

    The save and restore are left out where the body has no alloca.
    """

    name: ClassVar[str] = "alloca-scopes"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            for operation in operations(module, "memref.alloca_scope"):
                _flatten(operation)
        return module


def _flatten(scope: Any) -> None:
    *body, end = [inner.operation for inner in scope.regions[0].blocks[0].operations]
    allocates = _allocates(scope)
    with mlir.InsertionPoint(scope), scope.location:
        saved = dialect("llvm").intr_stacksave(mlir.Type.parse("!llvm.ptr")) if allocates else None
    for operation in body:
        operation.move_before(scope)
    if allocates:
        with mlir.InsertionPoint(scope), scope.location:
            dialect("llvm").intr_stackrestore(saved)
    for result, value in zip(scope.results, end.operands, strict=True):
        result.replace_all_uses_with(value)
    scope.erase()


def _allocates(scope: Any) -> bool:
    return contains(scope, "memref.alloca", "llvm.alloca")
