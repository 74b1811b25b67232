"""A slice of a tensor without contents is another tensor without contents.

    %e = tensor.empty() : tensor<4x8xf32>; %s = tensor.extract_slice %e[0, 1] [4, 4] [1, 2]
    ==>
    %s = tensor.empty() : tensor<4x4xf32>

``eliminate-empty-tensors`` leaves such slices where the whole has found its memory and the slice
has not. After this it can be run again, and finds memory for the slice, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir


@dataclass(frozen=True)
class EmptySlices:
    """``tensor.extract_slice`` of ``tensor.empty``, of known sizes  ==>  ``tensor.empty``."""

    name: ClassVar[str] = "empty-slices"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            slices = operations(module, "tensor.extract_slice")
            for operation in [found for found in slices if _empty(found.operands[0])]:
                _replace(operation)
        return module


def _replace(operation: Any) -> None:
    type_ = operation.results[0].type
    if not type_.has_static_shape:
        return
    with mlir.InsertionPoint(operation), operation.location:
        empty = dialect("tensor").EmptyOp(list(type_.shape), type_.element_type)
    operation.results[0].replace_all_uses_with(empty.result)
    operation.erase()


def _empty(value: Any) -> bool:
    owner = value.owner
    return not isinstance(owner, mlir.Block) and owner.name == "tensor.empty"
