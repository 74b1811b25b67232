"""Tensor maps are passed by value, in the memory of a kernel's parameters.

CUDA C++ Programming Guide, "Using TMA to transfer multi-dimensional arrays": a map is a
``__grid_constant__`` parameter of 128 bytes, aligned to 64.
"""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.gpu.kernels import DESCRIBED

_BY_VALUE = "{llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}"


def pass_maps_by_value(module: Any) -> None:
    """Mark the described arguments of the kernels (llvm.func) in ``module``, in place."""
    with module.context:
        for operation in module.body.operations:
            attributes = operation.operation.attributes
            if operation.operation.name == "llvm.func" and DESCRIBED in attributes:
                marks = [mark.value for mark in attributes[DESCRIBED]]
                if any(marks):
                    attributes["arg_attrs"] = _arguments(attributes, marks)


def _arguments(attributes: Any, marks: list[str]) -> Any:
    """The attributes of all arguments: those with a mark are maps."""
    by_value = mlir.Attribute.parse(_BY_VALUE)
    others = [mlir.DictAttr.get({})] * len(marks)
    if "arg_attrs" in attributes:
        others = list(attributes["arg_attrs"])
    return mlir.ArrayAttr.get(
        [by_value if mark else other for mark, other in zip(marks, others, strict=True)]
    )
