"""Results become parameters: the caller says where they go, and nothing is copied or freed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import operations, span_of
from pharos.ir.bindings import dialect, mlir

_RESHAPES = ("tensor.collapse_shape", "tensor.expand_shape")


def results_to_parameters(module: Any, name: str, names: Sequence[str] = ()) -> None:
    """Give the function ``name`` of ``module`` a memref parameter for each tensor it returns.

    func @f(%x: tensor<4xf32>) -> tensor<4xf32>  ==>
    func @f(%x: tensor<4xf32>, %y: memref<4xf32>)

    The parameters follow the function's own, in the order of the results, row-major, and carry
    ``names``. The function relies on their memory being nobody else's. Other results stay.
    Raises UserError for a function that is missing, is called inside the module, or returns from
    several places.
    """
    function = _function(module, name)
    block = function.regions[0].blocks[0]
    end = list(block.operations)[-1].operation
    with function.context:
        targets: list[tuple[Any, Any]] = []
        kept: list[Any] = []
        for value in list(end.operands):
            if isinstance(value.type, mlir.RankedTensorType):
                targets.append((value, _parameter(block, value, end, names[len(targets) :])))
            else:
                kept.append(value)
        _write(block, targets, end)
        with mlir.InsertionPoint(end), end.location:
            dialect("func").ReturnOp(kept)
        end.erase()
        kinds = [argument.type for argument in block.arguments]
        kind = mlir.FunctionType.get(kinds, [value.type for value in kept])
        function.attributes["function_type"] = mlir.TypeAttr.get(kind)
        _drop_result_attributes(function)


def _write(block: Any, targets: list[tuple[Any, Any]], end: Any) -> None:
    """Write each value to its parameter before ``end``.

    The memory is a tensor from the start, so that bufferisation sees who else computes in it.
    (With the memory as destination only, it once put two results in one parameter.) The second
    write keeps the first alive, and is a copy to itself that folds away.
    """
    bufferization = dialect("bufferization")
    with mlir.InsertionPoint.at_block_begin(block), end.location:
        targets = [reshaped(value, parameter) for value, parameter in targets]
        places = [
            bufferization.to_tensor(value.type, parameter, restrict=True, writable=True)
            for value, parameter in targets
        ]
    with mlir.InsertionPoint(end), end.location:
        written = [
            bufferization.materialize_in_destination(value.type, value, place)
            for (value, _), place in zip(targets, places, strict=True)
        ]
        for (_, parameter), tensor in zip(targets, written, strict=True):
            bufferization.materialize_in_destination(None, tensor, parameter, writable=True)


def reshaped(value: Any, parameter: Any) -> tuple[Any, Any]:
    """What ``value`` is a reshaped form of, and ``parameter`` in that shape.

    Bufferization copies a reshaped result; one that is computed in the right shape it does not.
    """
    while not isinstance(value.owner, mlir.Block) and value.owner.name in _RESHAPES:
        operation = value.owner.operation
        source = operation.operands[0]
        if not (source.type.has_static_shape and value.type.has_static_shape):
            break
        groups = [[int(n) for n in group] for group in operation.attributes["reassociation"]]
        kind = mlir.MemRefType.get(source.type.shape, source.type.element_type)
        memref, shape = dialect("memref"), list(source.type.shape)
        if operation.name == "tensor.expand_shape":
            parameter = memref.CollapseShapeOp(kind, parameter, groups).result
        else:
            parameter = memref.ExpandShapeOp(kind, parameter, groups, [], shape).result
        value = source
    return value, parameter


def _parameter(block: Any, value: Any, end: Any, names: Sequence[str]) -> Any:
    kind = value.type
    location = mlir.Location.name(names[0], end.location) if names else end.location
    with location:
        return block.add_argument(mlir.MemRefType.get(kind.shape, kind.element_type), location)


def _function(module: Any, name: str) -> Any:
    for operation in module.body.operations:
        function = operation.operation
        if function.name == "func.func" and function.attributes["sym_name"].value == name:
            if len(function.regions[0].blocks) != 1:
                raise UserError(
                    f"expected function '{name}' with one return, found "
                    f"{len(function.regions[0].blocks)} blocks",
                    span=span_of(function.location),
                )
            _refuse_calls(module, name)
            return function
    raise UserError(f"the module has no function '{name}'")


def _refuse_calls(module: Any, name: str) -> None:
    called = operations(module, "func.call")
    calls = [call for call in called if call.attributes["callee"].value == name]
    if calls:
        raise UserError(
            f"function '{name}' is called inside the module, which expects its results",
            span=span_of(calls[0].location),
        )


def _drop_result_attributes(function: Any) -> None:
    """Attributes of arguments get entries for the parameters; those of results go."""
    attributes = function.attributes
    if "res_attrs" in attributes:
        del attributes["res_attrs"]
    if "arg_attrs" in attributes:
        entries = list(attributes["arg_attrs"])
        missing = len(function.regions[0].blocks[0].arguments) - len(entries)
        entries += [mlir.DictAttr.get({})] * missing
        attributes["arg_attrs"] = mlir.ArrayAttr.get(entries)
