"""Constants of an imported module: small ones as text, large ones as arguments."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import torch

from pharos.ingress.torch.memory import as_torch
from pharos.ir import operations
from pharos.ir.bindings import mlir


def literal(kind: Any, array: np.ndarray[Any, Any], element: Any) -> Any:
    """A ``torch.vtensor.literal`` of type ``kind`` (elements of the type ``element``) at the
    insertion point, with the elements in the attribute itself."""
    shape = list(array.shape)
    if array.dtype == np.bool_:
        bits = np.packbits(array.reshape(-1), bitorder="little")
        attribute = mlir.DenseElementsAttr.get(bits, type=element, shape=shape)
    else:
        flat = np.ascontiguousarray(array)
        if array.dtype == ml_dtypes.bfloat16:
            flat = flat.view(np.uint16)
        attribute = mlir.DenseElementsAttr.get(flat, type=element, shape=shape)
    operation = mlir.Operation.create(
        "torch.vtensor.literal", results=[kind], attributes={"value": attribute}
    )
    return operation.result


def lift_constants(function: Any, largest: int) -> list[torch.Tensor]:
    """Turn each tensor constant above ``largest`` elements into a further argument of ``function``;
    the arguments' values in order."""
    found = [
        operation
        for operation in operations(function, "arith.constant")
        if _is_large(operation, largest)
    ]
    values = [_value(operation) for operation in found]
    block = function.operation.regions[0].blocks[0]
    for operation in found:
        argument = block.add_argument(operation.results[0].type, operation.location)
        operation.results[0].replace_all_uses_with(argument)
        operation.erase()
    if found:
        with function.context:
            inputs = [argument.type for argument in block.arguments]
            kind = mlir.FunctionType.get(inputs, function.type.results)
            function.attributes["function_type"] = mlir.TypeAttr.get(kind)
    return values


def _is_large(operation: Any, largest: int) -> bool:
    kind = operation.results[0].type
    if not isinstance(kind, mlir.RankedTensorType):
        return False
    value = operation.attributes["value"]
    if isinstance(value, mlir.DenseElementsAttr) and value.is_splat:
        return False
    return bool(np.prod(kind.shape, dtype=np.int64) > largest)


def _value(operation: Any) -> torch.Tensor:
    """The elements of a constant as a tensor of its own."""
    kind = mlir.RankedTensorType(operation.results[0].type)
    array = np.array(operation.attributes["value"]).reshape(kind.shape)
    if str(kind.element_type) == "bf16":
        array = array.view(ml_dtypes.bfloat16)
    return as_torch(array)
