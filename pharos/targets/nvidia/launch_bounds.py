"""How many blocks of a kernel a multiprocessor is to hold at least: one.

Told nothing, ptxas aims at a number of its own, and spills a few registers for it.
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir

_MINIMUM = "nvvm.minctasm"


def ask_for_one_block(module: Any) -> None:
    """Mark the kernels (llvm.func) in ``module`` that do not say it themselves, in place."""
    with module.context:
        one = mlir.IntegerAttr.get(mlir.IntegerType.get_signless(32), 1)
        for operation in module.body.operations:
            attributes = operation.operation.attributes
            if "nvvm.kernel" in attributes and _MINIMUM not in attributes:
                attributes[_MINIMUM] = one
