"""The pipeline step: copies and fills of the host that wait for nobody get a stream to wait for.

    gpu.memcpy %to, %from   ==>   %a = gpu.wait async
                                  %b = gpu.memcpy async [%a] %to, %from
                                  gpu.wait [%b]

MLIR's conversion of the host (gpu-to-llvm) leaves the form on the left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir

_COPIES = ("gpu.memcpy", "gpu.memset")


@dataclass(frozen=True)
class WaitingCopies:
    """Rewrite every copy and fill that gives no token."""

    name: ClassVar[str] = "waiting-copies"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        found = [
            operation for operation in operations(module, *_COPIES) if not len(operation.results)
        ]
        with module.context:
            for operation in found:
                _wait_for(operation)
        return module


def _wait_for(operation: Any) -> None:
    token = mlir.Type.parse("!gpu.async.token")
    with mlir.InsertionPoint(operation), operation.location:
        start = mlir.Operation.create("gpu.wait", [token])
        copied = mlir.Operation.create(
            operation.name, [token], [start.results[0], *operation.operands]
        )
        mlir.Operation.create("gpu.wait", operands=[copied.results[0]])
    operation.erase()
