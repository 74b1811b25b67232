"""The most work-items that a block of a kernel may have whose blocks have no fixed sizes."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir

_FIXED = ("gpu.known_block_size", "rocdl.reqd_work_group_size")
_LIMITS = ("rocdl.max_flat_work_group_size", "rocdl.flat_work_group_size")


def allow_any_block(module: Any, most: int) -> None:
    """Mark the kernels (llvm.func) in ``module`` that say nothing themselves, in place.

    MLIR would take 256 for the most, and the device refuse larger blocks.
    """
    with module.context:
        limit = mlir.IntegerAttr.get(mlir.IntegerType.get_signless(32), most)
        for operation in module.body.operations:
            attributes = operation.operation.attributes
            if "rocdl.kernel" in attributes and not any(
                name in attributes for name in (*_FIXED, *_LIMITS)
            ):
                attributes[_LIMITS[0]] = limit
