"""A fused operation in a function of its own, and back.

    %o = linalg.generic {pharos.attention} ...  <==>  %o = call @pharos.attention_0(%q, %k, %v, %e)

Passes that fuse elementwise operations into what reads them would else put the operations that make
an operand into the body, where no kernel looks for them.
"""

from __future__ import annotations

from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir

APART = "pharos.attention_apart"


def put_apart(operation: Any, module: Any, name: str) -> None:
    """Move ``operation`` into the new private function ``name`` and call that."""
    captured = captured_by(operation)
    values = [*operation.operands, *captured]
    func = dialect("func")
    with operation.location:
        with mlir.InsertionPoint(operation):
            results = [value.type for value in operation.results]
            call = func.CallOp(results, name, values)
        operation.results[0].replace_all_uses_with(call.results[0])
        with mlir.InsertionPoint(module.body):
            made = func.FuncOp(name, ([v.type for v in values], results), visibility="private")
        made.attributes[APART] = mlir.UnitAttr.get()
        block = made.add_entry_block()
        with mlir.InsertionPoint(block):
            end = func.ReturnOp(operation.results)
        operation.move_before(end.operation)
    own = dict(zip(values, block.arguments, strict=True))
    _rewire(operation, own)


def put_back(module: Any) -> None:
    """Replace every call of a function that ``put_apart`` made by its operation."""
    functions = {
        one.operation.attributes["sym_name"].value: one.operation
        for one in module.body.operations
        if APART in one.operation.attributes
    }
    for call in operations(module, "func.call"):
        if call.attributes["callee"].value not in functions:
            continue
        block = functions[call.attributes["callee"].value].regions[0].blocks[0]
        with mlir.InsertionPoint(call):
            values: dict[Any, Any] = dict(zip(block.arguments, call.operands, strict=True))
            for inner in list(block.operations)[:-1]:
                made = inner.operation.clone()
                _rewire(made.operation, values)
                values.update(zip(inner.operation.results, made.operation.results, strict=True))
            end = list(block.operations)[-1].operation
            call.results[0].replace_all_uses_with(values[end.operands[0]])
        call.erase()
    for function in functions.values():
        function.erase()


def captured_by(operation: Any) -> list[Any]:
    """The values from outside that the body of ``operation`` uses; constants are moved in."""
    block = operation.regions[0].blocks[0]
    found: dict[Any, None] = {}
    for inner in list(block.operations):
        for number, value in enumerate(inner.operation.operands):
            owner = value.owner
            if isinstance(owner, mlir.Block):
                outside = owner != block
            else:
                outside = owner.operation.block != block
            if outside and not isinstance(owner, mlir.Block) and owner.name == "arith.constant":
                with mlir.InsertionPoint.at_block_begin(block):
                    inner.operation.operands[number] = owner.operation.clone().operation.results[0]
            elif outside:
                found[value] = None
    return list(found)


def _rewire(operation: Any, values: dict[Any, Any]) -> None:
    """Let ``operation`` and its body read what ``values`` has for what they read."""
    targets = [operation]
    for region in operation.regions:
        for block in region.blocks:
            targets += [inner.operation for inner in block.operations]
    for one in targets:
        for number, value in enumerate(one.operands):
            if value in values:
                one.operands[number] = values[value]
