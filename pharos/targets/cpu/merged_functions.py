"""Functions that differ only in numbers become one function that takes them.

    llvm.func internal @a(...) { ... constant(64) ... }     called as  @a(%x)
    llvm.func internal @b(...) { ... constant(96) ... }                @b(%y)
    ==>
    llvm.func internal @a(..., %n: i64) { ... %n ... }                 @a(%x, 64), @a(%y, 96)

A deep network has hundreds of kernels that do the same to tensors of other sizes: each would be
translated to machine code anew. Constants make faster code than arguments only where LLVM's
optimisations run, which are left out for modules as large as those that this stage changes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import mlir
from pharos.targets.cpu.private_functions import LARGE, PrivateFunctions, set_parameters

_NAME = re.compile(r"@[\w.$-]+\(")
_NUMBER = re.compile(r"(llvm\.mlir\.constant\()-?\d+( : (?:index|i64)\))")
# Arguments beyond the sixth or so travel over the stack.
_MOST = 48


@dataclass(frozen=True)
class MergeFunctions:
    """Private functions with the same code but for 64-bit constants  ==>  one with parameters.

    Modules of fewer than ``least`` operations are left as they are.
    """

    name: ClassVar[str] = "merge-functions"
    least: int = LARGE

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module``, in the LLVM dialect, in place."""
        with module.context:
            private = PrivateFunctions(module)
            if private.operations < self.least:
                return module
            groups = defaultdict(list)
            for function in private.functions:
                groups[_shape(function)].append(function)
            for members in groups.values():
                if len(members) > 1:
                    _merge(members, private)
        return module


def _shape(function: Any) -> str:
    """The text of ``function`` without its name and its numbers."""
    text = function.get_asm(use_local_scope=True)
    return _NUMBER.sub(r"\1\2", _NAME.sub("(", text, count=1))


def _merge(members: Sequence[Any], private: PrivateFunctions) -> None:
    constants = [_constants(function) for function in members]
    values = [[_value(constant) for constant in one] for one in constants]
    columns = list(zip(*values, strict=True))
    # Numbers that agree in every member among themselves are one parameter.
    differing = list(dict.fromkeys(column for column in columns if len(set(column)) > 1))
    if len(differing) > _MOST:
        return
    first = members[0]
    parameters = dict(zip(differing, _add_parameters(first, len(differing)), strict=True))
    for constant, column in zip(constants[0], columns, strict=True):
        if column in parameters:
            constant.results[0].replace_all_uses_with(parameters[column])
            constant.erase()
    for number, function in enumerate(members):
        for call in private.calls(function):
            more = _numbers(call, [column[number] for column in differing])
            private.replace(call, first, [*call.operands, *more])
        if number:
            private.erase(function)


def _add_parameters(function: Any, count: int) -> list[Any]:
    """``count`` more parameters of 64 bits at the end of those of ``function``."""
    block = function.regions[0].blocks[0]
    word = mlir.IntegerType.get_signless(64)
    added = [block.add_argument(word, function.location) for _ in range(count)]
    set_parameters(function, [argument.type for argument in block.arguments])
    if "arg_attrs" in function.attributes:
        given = list(function.attributes["arg_attrs"])
        empty = mlir.DictAttr.get({})
        function.attributes["arg_attrs"] = mlir.ArrayAttr.get([*given, *[empty] * count])
    return added


def _numbers(call: Any, numbers: Sequence[int]) -> list[Any]:
    """``numbers`` as constants before ``call``."""
    word = mlir.IntegerType.get_signless(64)
    with mlir.InsertionPoint(call), call.location:
        return [
            mlir.Operation.create(
                "llvm.mlir.constant",
                results=[word],
                attributes={"value": mlir.IntegerAttr.get(word, number)},
            ).results[0]
            for number in numbers
        ]


def _constants(function: Any) -> list[Any]:
    """The 64-bit integer constants in ``function``, in order."""
    found: list[Any] = []

    def visit(operation: Any) -> Any:
        if operation.name == "llvm.mlir.constant" and str(operation.results[0].type) == "i64":
            found.append(operation)
        return mlir.WalkResult.ADVANCE

    function.walk(visit)
    return found


def _value(constant: Any) -> int:
    return int(mlir.IntegerAttr(constant.attributes["value"]).value)
