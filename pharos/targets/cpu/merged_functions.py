"""Kernel functions that differ only in numbers become one function that takes them.

    func private @a(...) { ... constant 64 ... }     called as  @a(%x)
    func private @b(...) { ... constant 96 ... }                @b(%y)
    ==>
    func private @a(..., %n: index) { ... %n ... }              @a(%x, 64), @a(%y, 96)

A deep network has hundreds of kernels that do the same to tensors of other sizes: each would go
through all that follows, and be translated to machine code, anew. Constants make faster code than
arguments only where LLVM's optimisations run, which are left out for modules as large as those
that this stage changes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import dialect, mlir

LEAST = 3_000
"""Operations, kernels written out, from which a module is large. Becomes some three times as many
in the LLVM dialect."""
_NUMBER = re.compile(r"(<\{value = )-?\d+( : index\}>)")
# Arguments beyond the sixth or so travel over the stack.
_MOST = 48


@dataclass(frozen=True)
class MergeFunctions:
    """Private functions with the same code but for index constants  ==>  one with parameters.

    Only functions whose arrays are passed as pointers, see ``kernels``: a kernel for arrays of
    unknown sizes has no sizes in it. Modules of fewer than ``least`` operations are left as they
    are.
    """

    name: ClassVar[str] = "merge-functions"
    least: int = LEAST

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module``, kernels called by ``func.call``, in place."""
        with module.context:
            kernels = _Kernels.of(module)
            if kernels.operations < self.least:
                return module
            # Callees first: then those who call what became one may become one.
            changed = set(kernels.functions)
            while changed:
                changed = _round(kernels, changed)
        return module


@dataclass
class _Kernels:
    """The private functions of a module by name, and the calls of each.

    ``operations`` is the number of all operations in the module.
    """

    operations: int = 0
    functions: dict[str, Any] = field(default_factory=dict)
    _bodies: dict[str, list[Any]] = field(default_factory=dict)
    calls: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, module: Any) -> _Kernels:
        """Those of ``module``."""
        every = operations(module)
        found = cls(len(every))
        start = 0
        for number, operation in enumerate(every):
            name = operation.name
            if name == "func.call":
                found.calls[operation.attributes["callee"].value].append(operation)
            elif name == "func.func":
                if _is_kernel(operation):
                    kernel = operation.attributes["sym_name"].value
                    found.functions[kernel] = operation
                    found._bodies[kernel] = every[start : number + 1]
                start = number + 1
        return found

    def callers(self, name: str) -> set[str]:
        """The kernels that call ``name``."""
        owners = {_owner(call) for call in self.calls[name]}
        return owners & set(self.functions)

    def body(self, name: str) -> list[Any]:
        """The operations of ``name``."""
        if name not in self._bodies:
            self._bodies[name] = operations(self.functions[name])
        return self._bodies[name]

    def changed(self, name: str) -> None:
        """Some operations of ``name`` are others now."""
        self._bodies.pop(name, None)

    def erase(self, name: str) -> None:
        """Remove ``name``, and forget the calls in its body."""
        for operation in self.body(name):
            if operation.name == "func.call":
                self.calls[operation.attributes["callee"].value].remove(operation)
        self.changed(name)
        self.functions.pop(name).erase()


def _round(kernels: _Kernels, names: set[str]) -> set[str]:
    """Merge what can be among all, where one of ``names`` takes part: the callers of what was
    merged, which may now be the same."""
    alike = defaultdict(list)
    for name in kernels.functions:
        if name in names:
            outline = tuple(operation.name for operation in kernels.body(name))
            alike[outline].append(name)
    groups = defaultdict(list)
    for members in alike.values():
        # Functions of the same shape are of the same operations, which is known at a tenth of what
        # printing costs; in a small module most are like no other.
        for name in members if len(members) > 1 else ():
            groups[_shape(kernels.functions[name])].append(name)
    changed: set[str] = set()
    for members in groups.values():
        if len(members) > 1 and _merge(members, kernels):
            changed |= kernels.callers(members[0])
    return changed & set(kernels.functions)


def _shape(function: Any) -> str:
    """The text of ``function`` without its name and its numbers."""
    # In the generic form values are not called after the constants that they are.
    text = function.get_asm(use_local_scope=True, print_generic_op_form=True)
    name = function.attributes["sym_name"].value
    return _NUMBER.sub(r"\1\2", text.replace(f'sym_name = "{name}"', "", 1))


def _merge(members: Sequence[str], kernels: _Kernels) -> bool:
    """Whether the functions ``members``, which have the same shape, became the first of them."""
    constants = [_constants(kernels.body(name)) for name in members]
    values = [[_value(constant) for constant in one] for one in constants]
    columns = list(zip(*values, strict=True))
    # Numbers that agree in every member among themselves are one parameter.
    differing = list(dict.fromkeys(column for column in columns if len(set(column)) > 1))
    if len(differing) > _MOST:
        return False
    added = _add_parameters(kernels.functions[members[0]], len(differing))
    parameters = dict(zip(differing, added, strict=True))
    kernels.changed(members[0])
    for constant, column in zip(constants[0], columns, strict=True):
        if column in parameters:
            constant.results[0].replace_all_uses_with(parameters[column])
            constant.erase()
    for number, name in enumerate(members):
        for call in list(kernels.calls[name]):
            more = _numbers(call, [column[number] for column in differing])
            _replace(call, members[0], [*call.operands, *more], kernels)
        if number:
            kernels.erase(name)
    return True


def _add_parameters(function: Any, count: int) -> list[Any]:
    """``count`` more index parameters at the end of those of ``function``."""
    block = function.regions[0].blocks[0]
    index = mlir.IndexType.get()
    added = [block.add_argument(index, function.location) for _ in range(count)]
    inputs = [argument.type for argument in block.arguments]
    function.attributes["function_type"] = mlir.TypeAttr.get(mlir.FunctionType.get(inputs, []))
    return added


def _replace(call: Any, name: str, operands: Sequence[Any], kernels: _Kernels) -> None:
    """Call ``name`` with ``operands`` instead of ``call``."""
    with mlir.InsertionPoint(call), call.location:
        made = dialect("func").CallOp([], mlir.FlatSymbolRefAttr.get(name), list(operands))
    kernels.changed(_owner(call))
    kernels.calls[call.attributes["callee"].value].remove(call)
    kernels.calls[name].append(made.operation)
    call.erase()


def _numbers(call: Any, numbers: Sequence[int]) -> list[Any]:
    """``numbers`` as constants before ``call``."""
    index = mlir.IndexType.get()
    with mlir.InsertionPoint(call), call.location:
        return [dialect("arith").ConstantOp(index, number).result for number in numbers]


def _constants(body: Sequence[Any]) -> list[Any]:
    """The index constants among the operations ``body``, in order."""
    index = mlir.IndexType.get()
    return [c for c in body if c.name == "arith.constant" and c.results[0].type == index]


def _value(constant: Any) -> int:
    return int(constant.attributes["value"].value)


def _owner(operation: Any) -> str:
    while operation.name != "func.func":
        operation = operation.parent
    return str(operation.attributes["sym_name"].value)


def _is_kernel(function: Any) -> bool:
    """Whether ``function`` takes arrays as pointers, and nobody can call it from outside."""
    attributes = function.attributes
    if "llvm.bareptr" not in attributes or "sym_visibility" not in attributes:
        return False
    return bool(attributes["sym_visibility"].value == "private")
