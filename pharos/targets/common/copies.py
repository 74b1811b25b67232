"""Copies between memrefs with gaps become loops.

MLIR lowers them to a call of ``memrefCopy`` in its C runner library, which is not on this machine;
dense ones become memcpy, which is best for small ones: loops can be shared by threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.effects import is_dense


@dataclass(frozen=True)
class StridedCopies:
    """``memref.copy`` where a side has gaps  ==>  ``linalg.copy``, which is lowered to loops.

    So are dense ones of ``large`` elements or more (0: none).
    """

    name: ClassVar[str] = "strided-copies"
    large: int = 0

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        found = [
            operation
            for operation in operations(module, "memref.copy")
            if not self._becomes_memcpy(operation)
        ]
        with module.context:
            for operation in found:
                source, target = operation.operands
                with mlir.InsertionPoint(operation), operation.location:
                    dialect("linalg").copy(source, outs=[target])
                operation.erase()
        return module

    def _becomes_memcpy(self, operation: Any) -> bool:
        if not all(map(_is_plain, operation.operands)):
            return False
        kind = operation.operands[0].type
        if not self.large or not isinstance(kind, mlir.MemRefType) or not kind.has_static_shape:
            return True
        return math.prod(kind.shape) < self.large


def _is_plain(value: Any) -> bool:
    # Unranked memrefs have no linalg form; they keep the call, which our helpers answer.
    return not isinstance(value.type, mlir.MemRefType) or is_dense(value.type)
