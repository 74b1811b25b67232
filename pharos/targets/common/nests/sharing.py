"""Which arrays may be the same memory.

A caller may pass the very same array for two arguments. Arrays that overlap in part are refused at
the call (``runtime/checks``), and so is passing twice what a function calls ``restrict``. So two
arguments of a function that is called from outside are one array, or have nothing in common; and
they can be one array only where their types agree. A function that is called from inside the
module with two views of one array knows nothing about its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import operations
from pharos.ir.bindings import mlir
from pharos.targets.common.effects import Effects
from pharos.targets.common.nests.memory import memory
from pharos.targets.common.signatures import functions

# On a function: the arguments whose memory has no other name, by number.
UNIQUE = "pharos.unique"
# On a function: its arguments may overlap in any way.
OVERLAPPING = "pharos.overlapping"
_GLOBAL = "memref.get_global"


@dataclass(frozen=True)
class NoteSharing:
    """Before bufferization: write down which arguments are called ``restrict``, and the functions
    that are called with two views of one array."""

    name: ClassVar[str] = "note-sharing"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Mark the functions of ``module``, in place."""
        effects = Effects(module)
        found = {f.attributes["sym_name"].value: f for f in functions(module)}
        with module.context:
            for function in found.values():
                unique = sorted(effects.unique(function))
                if unique:
                    function.attributes[UNIQUE] = mlir.DenseI64ArrayAttr.get(unique)
            uses = operations(module, "func.constant", "func.call")
            calls = [use for use in uses if use.name == "func.call"]
            for constant in (use for use in uses if use.name == "func.constant"):
                _mark(found.get(constant.attributes["value"].value))
            # A mark may make others necessary.
            while True in [_marked_by(call, found) for call in calls]:
                pass
        return module


def forget_sharing(module: Any) -> None:
    """Remove what ``note-sharing`` wrote. The last stage that asks does this."""
    for function in functions(module):
        for name in (UNIQUE, OVERLAPPING):
            if name in function.attributes:
                del function.attributes[name]


def may_share(a: Any, b: Any) -> bool:
    """Whether arrays ``a`` and ``b`` may have memory in common."""
    return same_memory(behind(a), behind(b))


def behind(array: Any) -> Any:
    """The memory behind ``array``: an allocation, a global or an argument of the function. None
    where it may be one of several, or overlap another one."""
    found = memory(array)
    return None if found is None or _overlapping(found) else found


def same_memory(a: Any, b: Any) -> bool:
    """Whether two memories, as ``behind`` gives them, may be one."""
    if a is None or b is None or a == b:
        return True
    if not isinstance(a.owner, mlir.Block) or not isinstance(b.owner, mlir.Block):
        return _same_global(a.owner, b.owner)
    if not _may_be_one(a.type, b.type):
        return False
    attributes = a.owner.owner.operation.attributes
    unique = set(mlir.DenseI64ArrayAttr(attributes[UNIQUE])) if UNIQUE in attributes else set()
    return a.arg_number not in unique and b.arg_number not in unique


def _same_global(a: Any, b: Any) -> bool:
    """Whether both owners of memory ask for the same global."""
    if isinstance(a, mlir.Block) or isinstance(b, mlir.Block):
        return False
    # ``name`` of such an operation itself is that of the global.
    if not a.operation.name == b.operation.name == _GLOBAL:
        return False
    return bool(a.attributes["name"] == b.attributes["name"])


def _may_be_one(a: Any, b: Any) -> bool:
    """Whether one array may be of both types."""
    if a == b or not isinstance(a, mlir.MemRefType) or not isinstance(b, mlir.MemRefType):
        return True
    dynamic = mlir.ShapedType.get_dynamic_size()
    return (
        a.element_type == b.element_type
        and a.rank == b.rank
        and all(m == n or dynamic in (m, n) for m, n in zip(a.shape, b.shape, strict=True))
    )


def _marked_by(call: Any, functions: Mapping[str, Any]) -> bool:
    """Mark what ``call`` calls, where two arguments may overlap without being the same array.
    Whether that is news."""
    arrays = list(dict.fromkeys(value for value in call.operands if _is_memory(value)))
    found = [behind(array) for array in arrays]
    whole = [own is not None and array == own for array, own in zip(arrays, found, strict=True)]
    overlap = any(
        same_memory(found[i], found[j]) and not (whole[i] and whole[j])
        for i in range(len(arrays))
        for j in range(i)
    )
    return overlap and _mark(functions.get(call.attributes["callee"].value))


def _mark(function: Any) -> bool:
    if function is None or OVERLAPPING in function.attributes:
        return False
    function.attributes[OVERLAPPING] = mlir.UnitAttr.get()
    return True


def _overlapping(array: Any) -> bool:
    """Whether ``array`` is an argument that may overlap others in any way."""
    owner = array.owner
    return isinstance(owner, mlir.Block) and OVERLAPPING in owner.owner.operation.attributes


def _is_memory(value: Any) -> bool:
    return isinstance(value.type, (mlir.MemRefType, mlir.UnrankedMemRefType))
