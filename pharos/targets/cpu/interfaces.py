"""The code of a function with very many arrays goes into its C interface.

    func @_mlir_ciface_main(%x: ptr, ...) { %d = load %x; call @main(%d[0], ..., %d[4, 3], ...) }
    func @main(%x0, %x1, ..., %x10, ...) { use %x1 }
    ==>
    func @_mlir_ciface_main(%x: ptr, ...) { %1 = load %x[1]; use %1 }

An array is eleven words in a call, and one pointer to them in the interface. DenseNet-201's main
has 930 arrays, 4,860 words, and LLVM's time grew with the square of that: it took 24 s of 25.
Nobody calls a function with arrays by its own name.
"""

from __future__ import annotations

from typing import Any

from pharos.ir import operations
from pharos.ir.bindings import mlir

_PREFIX = "_mlir_ciface_"
_MANY = 200  # parameters


def join_interfaces(module: Any) -> None:
    """Rewrite ``module``, in the LLVM dialect, in place: functions of one block whose parameters
    are many, and mostly words of arrays, leave it."""
    functions = _functions(module)
    with module.context:
        for name, function in functions.items():
            interface = functions.get(_PREFIX + name)
            if interface is None or len(function.regions[0].blocks) != 1:
                continue
            body, outer = function.regions[0].blocks[0], interface.regions[0].blocks[0]
            calls = _calls(module, name)
            many = len(body.arguments) >= max(_MANY, 2 * len(outer.arguments))
            if many and len(calls) == 1 and calls[0].operation.parent == interface:
                _join(function, calls[0])


def _functions(module: Any) -> dict[str, Any]:
    """The functions of ``module`` with a body, by name."""
    return {
        function.attributes["sym_name"].value: function
        for function in operations(module, "llvm.func")
        if len(function.regions[0].blocks)
    }


def _calls(module: Any, name: str) -> list[Any]:
    """The operations of ``module`` that name the function ``name``."""
    found: list[Any] = []
    for operation in operations(module, "llvm.call", "llvm.mlir.addressof"):
        key = "callee" if operation.name == "llvm.call" else "global_name"
        if key in operation.attributes and operation.attributes[key].value == name:
            found.append(operation)
    return found


def _join(function: Any, call: Any) -> None:
    body = function.regions[0].blocks[0]
    passed = list(call.operands)
    values = dict(zip(body.arguments, passed, strict=True))
    *operations, end = [operation.operation for operation in body.operations]
    for operation in operations:
        operation.move_before(call)
        _pass(operation, values)
    _pass(end, values)
    for old, new in zip(call.results, end.operands, strict=True):
        old.replace_all_uses_with(new)
    call.erase()
    function.erase()
    for value in reversed(passed):
        _forget(value)


def _pass(operation: Any, values: dict[Any, Any]) -> None:
    """Give ``operation``, and what is inside it, what ``values`` has for its operands.

    Words are loaded where they are used: all at the start, they would wait on the stack."""
    words: dict[Any, Any] = {}
    for inner in operations(operation):
        for number, operand in enumerate(inner.operands):
            if operand in values:
                if operand not in words:
                    words[operand] = _word(values[operand], operation)
                inner.operands[number] = words[operand]


def _word(value: Any, user: Any) -> Any:
    """``value``; where it is a word of an array behind a pointer, that word, loaded before
    ``user``."""
    extract = None if isinstance(value.owner, mlir.Block) else value.owner.operation
    if extract is None or extract.name != "llvm.extractvalue":
        return value
    load = extract.operands[0].owner
    if isinstance(load, mlir.Block) or load.name != "llvm.load":
        return value
    pointer, place = load.operands[0], list(extract.attributes["position"])
    with mlir.InsertionPoint(user), user.location:
        at = mlir.Operation.create(
            "llvm.getelementptr",
            results=[pointer.type],
            operands=[pointer],
            attributes={
                "rawConstantIndices": mlir.DenseI32ArrayAttr.get([0, *place]),
                "elem_type": mlir.TypeAttr.get(extract.operands[0].type),
            },
        )
        return mlir.Operation.create(
            "llvm.load", results=[value.type], operands=[at.results[0]]
        ).results[0]


def _forget(value: Any) -> None:
    """Erase what made ``value`` where nobody uses it."""
    if isinstance(value.owner, mlir.Block) or any(True for _ in value.uses):
        return
    maker = value.owner.operation
    if maker.name not in ("llvm.extractvalue", "llvm.load"):
        return
    operands = list(maker.operands)
    maker.erase()
    for operand in operands:
        _forget(operand)
