"""Say the sizes of a function's arguments: a program for all sizes becomes one for some.

    func @f(%x: memref<?x?xf32>) { call @g(%x) }
    ==>
    func @f(%x: memref<4x8xf32>) { what @g does, on memref<4x8xf32> }

GPU targets take payloads of static shape; a model that reads its sizes from its arguments is made
one here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pharos.core.errors import UserError
from pharos.ir import export_only, operations, run_passes, span_of
from pharos.ir.bindings import dialect, mlir

Shape = Sequence[int]
# What is called is inlined, so that the sizes reach it; casts and sizes fold into what uses them.
_PASSES = "inline,symbol-dce,canonicalize,cse,canonicalize"


def give_shapes(
    module: Any,
    shapes: Mapping[str, Mapping[int, Shape]],
    numbers: Mapping[str, Mapping[int, int]] | None = None,
) -> None:
    """Give arguments of functions of ``module`` their shapes: by function, by number.

    A size of -1 stays what it was. ``numbers`` are the values of arguments that are an index; they
    stay arguments, and nothing looks at them. Only those functions stay; what they call becomes
    part of them. Raises UserError at a function that is missing, and at an argument that is no
    memref, or whose type says another size.
    """
    functions = {op.sym_name.value: op.operation for op in module.body.operations if _named(op)}
    with module.context, mlir.Location.unknown():
        for name, wanted in shapes.items():
            if name not in functions:
                raise UserError(f"expected a function '{name}', found none")
            for number, shape in wanted.items():
                _retype(functions[name], number, shape)
            for number, value in (numbers or {}).get(name, {}).items():
                _settle(functions[name], number, value)
            _update_signature(functions[name])
    export_only(module, tuple(shapes))
    run_passes(module, _PASSES)
    with module.context:
        casts = operations(module, "memref.cast")
        for cast in casts:
            _to_tensors(cast)
    if casts:
        run_passes(module, "canonicalize,cse")


def _named(operation: Any) -> bool:
    return bool(operation.operation.name == "func.func")


def _retype(function: Any, number: int, shape: Shape) -> None:
    """Give the argument its shape, and what used it the type that it had."""
    block = function.regions[0].blocks[0]
    argument = block.arguments[number]
    old = argument.type
    if isinstance(old, mlir.MemRefType) and len(old.shape) == len(shape):
        shape = [was if size == -1 else size for was, size in zip(old.shape, shape, strict=True)]
    if not isinstance(old, mlir.MemRefType) or not _fits(old.shape, shape):
        raise UserError(
            f"argument {number} of '{function.attributes['sym_name'].value}' is {old}, which has "
            f"no shape {list(shape)}",
            span=span_of(function.location),
        )
    new = mlir.MemRefType.get(list(shape), old.element_type, old.layout, old.memory_space)
    if new == old:
        return
    uses = [(use.owner.operation, use.operand_number) for use in argument.uses]
    argument.set_type(new)
    with mlir.InsertionPoint.at_block_begin(block), function.location:
        cast = dialect("memref").cast(old, argument)
    for owner, operand in uses:
        owner.operands[operand] = cast


def _settle(function: Any, number: int, value: int) -> None:
    """Let everything in ``function`` take ``value`` for the argument."""
    block = function.regions[0].blocks[0]
    argument = block.arguments[number]
    if not isinstance(argument.type, mlir.IndexType):
        raise UserError(
            f"argument {number} of '{function.attributes['sym_name'].value}' is {argument.type}, "
            f"expected an index that is to be {value}",
            span=span_of(function.location),
        )
    with mlir.InsertionPoint.at_block_begin(block), function.location:
        constant = dialect("arith").constant(argument.type, value)
    argument.replace_all_uses_with(constant)


def _to_tensors(cast: Any) -> None:
    """Let tensors that are read from or written to ``cast`` know the sizes of its source.

    to_tensor (memref.cast %m)  ==>  tensor.cast (to_tensor %m)
    """
    source = cast.operands[0]
    for use in list(cast.results[0].uses):
        owner = use.owner.operation
        with mlir.InsertionPoint(owner), owner.location:
            if owner.name == "bufferization.materialize_in_destination":
                owner.operands[use.operand_number] = source
            elif owner.name == "bufferization.to_tensor":
                old = owner.results[0]
                kind = mlir.MemRefType(source.type)
                wide = mlir.RankedTensorType.get(kind.shape, kind.element_type)
                attributes = {name: owner.attributes[name] for name in owner.attributes}
                made = mlir.Operation.create(
                    owner.name, results=[wide], operands=[source], attributes=attributes
                )
                old.replace_all_uses_with(dialect("tensor").cast(old.type, made.results[0]))
                owner.erase()


def _fits(old: Shape, new: Shape) -> bool:
    dynamic = mlir.ShapedType.get_dynamic_size()
    return len(old) == len(new) and all(
        was in (dynamic, size) for was, size in zip(old, new, strict=True)
    )


def _update_signature(function: Any) -> None:
    kind = function.attributes["function_type"].value
    inputs = [argument.type for argument in function.regions[0].blocks[0].arguments]
    made = mlir.FunctionType.get(inputs, kind.results)
    function.attributes["function_type"] = mlir.TypeAttr.get(made)
