"""Questions about the class of a float that MLIR's own lowering leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir

# Bits of LLVM's is.fpclass (LLVM Language Reference): infinities are 2 and 9, normals 3 and 8.
_CLASSES = {"math.isinf": 1 << 2 | 1 << 9, "math.isnormal": 1 << 3 | 1 << 8}


@dataclass(frozen=True)
class FloatClass:
    """``math.isinf`` and ``math.isnormal``  ==>  ``llvm.intr.is.fpclass``."""

    name: ClassVar[str] = "float-class"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        found = operations(module, *_CLASSES)
        with module.context:
            word = mlir.IntegerType.get_signless(32)
            for operation in found:
                mask = mlir.IntegerAttr.get(word, _CLASSES[operation.name])
                result = operation.results[0]
                with mlir.InsertionPoint(operation), operation.location:
                    value = dialect("llvm").intr_is_fpclass(
                        result.type, operation.operands[0], mask
                    )
                result.replace_all_uses_with(value)
                operation.erase()
        return module
