"""Names that the session has in memory already become addresses in a new module.

Each line is compiled by itself. Functions and globals of earlier lines are linked and lie
somewhere; a module that uses them calls and reads them there::

    %r = llvm.call @f(%x)            %p = llvm.inttoptr (address of f)
                                ==>  %r = llvm.call %p(%x)
    %g = llvm.mlir.addressof @x ==>  %g = llvm.inttoptr (address of x)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pharos.ir.bindings import mlir

# Attributes of a call that say which function it calls.
_OF_THE_CALLEE = frozenset({"callee", "operandSegmentSizes"})


def bind(module: Any, addresses: Mapping[str, int]) -> None:
    """Replace every use of the names in ``addresses``, and drop their symbols from ``module``.

    ``module`` has only LLVM dialect operations. It is changed in place.
    """
    with module.context:
        for operation in list(_operations(module.operation)):
            if operation.name == "llvm.mlir.addressof":
                address = addresses.get(_reference(operation, "global_name"))
                if address is not None:
                    _replace_address(operation, address)
            elif operation.name == "llvm.call":
                address = addresses.get(_reference(operation, "callee"))
                if address is not None:
                    _replace_call(operation, address)
        for operation in list(module.body.operations):
            name = operation.operation.attributes.get("sym_name")
            if name is not None and name.value in addresses:
                operation.operation.erase()


def tell_addresses(module: Any, name: str, wanted: Sequence[str], table: int) -> None:
    """Add the function ``name`` that writes the addresses of ``wanted`` to memory, in order.

    ``table`` is the address of that many words. ``module`` has only LLVM dialect operations.
    """
    with module.context, mlir.Location.unknown():
        function = mlir.Operation.create(
            "llvm.func",
            attributes={
                "sym_name": mlir.StringAttr.get(name),
                "function_type": mlir.TypeAttr.get(mlir.Type.parse("!llvm.func<void ()>")),
                "linkage": mlir.Attribute.parse("#llvm.linkage<external>"),
            },
            regions=1,
            ip=mlir.InsertionPoint(module.body),
        )
        block = function.regions[0].blocks.append()
        pointer = mlir.Type.parse("!llvm.ptr")
        end = mlir.Operation.create("llvm.return", ip=mlir.InsertionPoint(block))
        with mlir.InsertionPoint(end):
            for number, symbol in enumerate(wanted):
                found = mlir.Operation.create(
                    "llvm.mlir.addressof",
                    results=[pointer],
                    attributes={"global_name": mlir.FlatSymbolRefAttr.get(symbol)},
                )
                place = _pointer(end, table + 8 * number)
                mlir.Operation.create("llvm.store", operands=[found.results[0], place])


def _operations(operation: Any) -> Iterator[Any]:
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield inner.operation
                yield from _operations(inner.operation)


def _reference(operation: Any, key: str) -> str:
    attribute = operation.attributes.get(key)
    return mlir.FlatSymbolRefAttr(attribute).value if attribute is not None else ""


def _pointer(operation: Any, address: int) -> Any:
    """A pointer constant, in front of ``operation``."""
    point, place = mlir.InsertionPoint(operation), operation.location
    word = mlir.IntegerType.get_signless(64)
    if address >= 1 << 63:
        address -= 1 << 64
    number = mlir.Operation.create(
        "llvm.mlir.constant",
        results=[word],
        attributes={"value": mlir.IntegerAttr.get(word, address)},
        loc=place,
        ip=point,
    )
    cast = mlir.Operation.create(
        "llvm.inttoptr",
        results=[mlir.Type.parse("!llvm.ptr")],
        operands=[number.results[0]],
        loc=place,
        ip=point,
    )
    return cast.results[0]


def _replace_address(operation: Any, address: int) -> None:
    operation.results[0].replace_all_uses_with(_pointer(operation, address))
    operation.erase()


def _replace_call(operation: Any, address: int) -> None:
    operands = [_pointer(operation, address), *operation.operands]
    attributes = {
        name: operation.attributes[name]
        for name in operation.attributes
        if name not in _OF_THE_CALLEE
    }
    attributes["operandSegmentSizes"] = mlir.DenseI32ArrayAttr.get([len(operands), 0])
    call = mlir.Operation.create(
        "llvm.call",
        results=[result.type for result in operation.results],
        operands=operands,
        attributes=attributes,
        loc=operation.location,
        ip=mlir.InsertionPoint(operation),
    )
    for old, new in zip(operation.results, call.results, strict=True):
        old.replace_all_uses_with(new)
    operation.erase()
