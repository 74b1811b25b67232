"""The private functions of a module in the LLVM dialect, and who calls them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import mlir

LARGE = 10_000
"""Operations from which a module is large: LLVM's optimisations of its IR are left out, whose time
grows faster than the module, and stages do what little of them is worth it. Only deep networks are
so large."""


_RUN_AT_START_OR_END = {"llvm.mlir.global_ctors": "ctors", "llvm.mlir.global_dtors": "dtors"}


class PrivateFunctions:
    """The functions of ``module`` that have a body and are called by name from inside it only.

    ``operations`` is the number of all operations in the module.
    """

    def __init__(self, module: Any) -> None:
        self.operations = 0
        self._calls: dict[str, list[Any]] = defaultdict(list)
        self._named: Counter[str] = Counter()
        module.operation.walk(self._visit)
        found = [operation.operation for operation in module.body.operations]
        self.functions = [op for op in found if _private(op) and not self._named[symbol(op)]]

    def _visit(self, operation: Any) -> Any:
        self.operations += 1
        if operation.name == "llvm.call" and "callee" in operation.attributes:
            self._calls[operation.attributes["callee"].value].append(operation)
        elif operation.name == "llvm.mlir.addressof":
            self._named[operation.attributes["global_name"].value] += 1
        elif operation.name in _RUN_AT_START_OR_END:
            for function in operation.attributes[_RUN_AT_START_OR_END[operation.name]]:
                self._named[function.value] += 1
        return mlir.WalkResult.ADVANCE

    def calls(self, function: Any) -> list[Any]:
        """The calls of ``function``."""
        return list(self._calls[symbol(function)])

    def replace(self, call: Any, function: Any, operands: Sequence[Any]) -> None:
        """Let ``function`` be called with ``operands`` instead of ``call``."""
        names = [item if isinstance(item, str) else item.name for item in call.attributes]
        attributes = {name: call.attributes[name] for name in names}
        attributes["callee"] = mlir.FlatSymbolRefAttr.get(symbol(function))
        attributes["operandSegmentSizes"] = mlir.DenseI32ArrayAttr.get([len(operands), 0])
        with mlir.InsertionPoint(call), call.location:
            made = mlir.Operation.create(
                "llvm.call",
                results=[result.type for result in call.results],
                operands=list(operands),
                attributes=attributes,
            )
        for old, new in zip(call.results, made.results, strict=True):
            old.replace_all_uses_with(new)
        self._calls[call.attributes["callee"].value].remove(call)
        self._calls[symbol(function)].append(made)
        call.erase()

    def erase(self, function: Any) -> None:
        """Remove ``function``, and forget the calls in its body."""

        def forget(operation: Any) -> Any:
            if operation.name == "llvm.call" and "callee" in operation.attributes:
                self._calls[operation.attributes["callee"].value].remove(operation)
            return mlir.WalkResult.ADVANCE

        function.walk(forget)
        function.erase()


def symbol(function: Any) -> str:
    """The name of ``function``."""
    return str(function.attributes["sym_name"].value)


def set_parameters(function: Any, types: Sequence[Any]) -> None:
    """Declare that ``function`` takes ``types``; its block says the same already."""
    text = str(function.attributes["function_type"].value)
    result = text[len("!llvm.func<") : _opening(text)]
    joined = f"!llvm.func<{result}({', '.join(map(str, types))})>"
    function.attributes["function_type"] = mlir.TypeAttr.get(mlir.Type.parse(joined))


def _opening(text: str) -> int:
    """Where the parentheses around the parameters begin: the last ones of the type."""
    depth = 0
    for at in range(text.rindex(")"), -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if not depth:
            return at
    raise AssertionError(f"a function type without parameters: {text}")


def _private(operation: Any) -> bool:
    if operation.name != "llvm.func" or not len(operation.regions[0].blocks):
        return False
    if "..." in str(operation.attributes["function_type"].value):
        return False
    if "sym_visibility" in operation.attributes:
        return bool(operation.attributes["sym_visibility"].value == "private")
    return "internal" in str(operation.attributes["linkage"])
