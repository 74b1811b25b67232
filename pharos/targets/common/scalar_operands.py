"""Numbers that a ``linalg.generic`` takes as operands are used by its body directly.

    linalg.generic ins(%x, %number : memref<4xf32>, f32) { ^bb0(%a, %n, %o): ... %n ... }
    ==>
    linalg.generic ins(%x : memref<4xf32>) { ^bb0(%a, %o): ... %number ... }

What a fill becomes when it is generalised, for instance. MLIR's own pass for this knows tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import mlir
from pharos.targets.common.nests.nest import generics


@dataclass(frozen=True)
class InlineScalars:
    """Take the operands that are no memrefs out of every ``linalg.generic`` on memrefs."""

    name: ClassVar[str] = "inline-scalars"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context:
            for operation in generics(module):
                kinds = [isinstance(v.type, mlir.MemRefType) for v in _inputs(operation)]
                if not all(kinds):
                    _inline(operation, [n for n, memref in enumerate(kinds) if not memref])
        return module


def _inputs(operation: Any) -> list[Any]:
    return list(operation.operands)[: operation.attributes["operandSegmentSizes"][0]]


def _inline(operation: Any, numbers: list[int]) -> None:
    body = operation.regions[0].blocks[0]
    for number in reversed(numbers):
        body.arguments[number].replace_all_uses_with(operation.operands[number])
        body.erase_argument(number)
    kept = [n for n in range(len(operation.operands)) if n not in numbers]
    inputs, outputs = operation.attributes["operandSegmentSizes"]
    attributes = {name: operation.attributes[name] for name in operation.attributes}
    maps = list(attributes["indexing_maps"])
    attributes["indexing_maps"] = mlir.ArrayAttr.get([maps[n] for n in kept])
    sizes = [inputs - len(numbers), outputs]
    attributes["operandSegmentSizes"] = mlir.DenseI32ArrayAttr.get(sizes)
    with mlir.InsertionPoint(operation), operation.location:
        generic = mlir.Operation.create(
            "linalg.generic",
            operands=[operation.operands[n] for n in kept],
            attributes=attributes,
            regions=1,
        )
    body.append_to(generic.regions[0])
    operation.erase()
