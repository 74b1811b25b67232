"""A transposition that only moves dimensions of size 1 is a reshape: no element moves.

    linalg.generic {maps (i, j, k) -> (i, k, j), (i, j, k) -> (i, j, k)}
        ins(%x : tensor<4x1x8xf32>) outs(%e : tensor<4x8x1xf32>) { yield in }
      ==>
    tensor.expand_shape (tensor.collapse_shape %x : tensor<4x8xf32>) : tensor<4x8x1xf32>

``torch.einsum`` makes such transpositions of its results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir
from pharos.transform.generics import index_maps, input_count, loop_kinds


@dataclass(frozen=True)
class MovedUnits:
    """Copies of tensors that move only dimensions of size 1  ==>  reshapes."""

    name: ClassVar[str] = "moved-units"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place; tensors of unknown sizes are left."""
        with module.context:
            for generic in operations(module, "linalg.generic"):
                if _copies(generic) and _same_order(generic):
                    _replace(generic)
        return module


def _copies(generic: Any) -> bool:
    """Whether each element of the result is one of the only operand, which has as many."""
    if len(generic.results) != 1 or input_count(generic) != 1 or "reduction" in loop_kinds(generic):
        return False
    source, result = generic.operands[0].type, generic.results[0].type
    if not isinstance(source, mlir.RankedTensorType) or source.element_type != result.element_type:
        return False
    block = generic.regions[0].blocks[0]
    operations = list(block.operations)
    same = len(operations) == 1 and operations[0].operation.operands[0] == block.arguments[0]
    return same and source.has_static_shape and result.has_static_shape


def _same_order(generic: Any) -> bool:
    """Whether both operands have the loops that run more than once in the same order, and the
    result moves along each loop."""
    orders = []
    for operand, map_ in zip(generic.operands, index_maps(generic), strict=True):
        if not all(isinstance(e, mlir.AffineDimExpr) for e in map_.results):
            return False
        shape = operand.type.shape
        orders.append([e.position for e, n in zip(map_.results, shape, strict=True) if n != 1])
    return orders[0] == orders[1] and len(set(orders[0])) == len(orders[0]) > 0


def _replace(generic: Any) -> None:
    value, result = generic.operands[0], generic.results[0]
    element, tensor = result.type.element_type, dialect("tensor")
    long = [size for size in result.type.shape if size != 1]
    with mlir.InsertionPoint(generic), generic.location:
        plain = mlir.RankedTensorType.get(long, element)
        if value.type != plain:
            value = tensor.collapse_shape(plain, value, _groups(value.type.shape))
        if value.type != result.type:
            shape = list(result.type.shape)
            value = tensor.expand_shape(result.type, value, _groups(shape), [], shape)
    result.replace_all_uses_with(value)
    generic.erase()


def _groups(shape: Sequence[int]) -> list[list[int]]:
    """Dimensions in one group for each that is longer than 1; the others join a neighbour."""
    groups: list[list[int]] = [[]]
    for dim, size in enumerate(shape):
        if size != 1 and any(shape[d] != 1 for d in groups[-1]):
            groups.append([])
        groups[-1].append(dim)
    return groups
