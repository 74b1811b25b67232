"""Which functions of a module can be called from outside, and how.

Everything here reads the module before it is lowered: afterwards a memref is a handful of
integers and nobody can tell what it was.
"""

from __future__ import annotations

from typing import Any

from pharos.core.errors import UserError
from pharos.ir import span_of
from pharos.ir.bindings import mlir
from pharos.targets.common.effects import has_body, is_memref
from pharos.targets.common.signatures import (
    NotCallable,
    described,
    entry_points,
    functions,
    protect_tensors,
    public_functions,
    uncallable,
)

_C_INTERFACE = "llvm.emit_c_interface"
__all__ = [
    "drop_results",
    "drop_strange_result",
    "entry_points",
    "functions",
    "public_functions",
    "request_wrappers",
    "require_main",
    "uncallable",
]


def request_wrappers(module: Any) -> None:
    """Ask for C interface wrappers, and protect the caller's tensors.

    Wrappers are asked for on functions with a body, and on declarations that take memrefs
    (the wrapper then calls the C function ``_mlir_ciface_NAME``); a declared C function without
    memrefs is called by its own name. Tensor arguments of public functions are marked read-only
    for bufferisation: the caller's array is a value and stays as it was.
    """
    with module.context:
        unit = mlir.UnitAttr.get()
        for function in functions(module):
            takes_memref = any(is_memref(kind) for kind in function.type.inputs)
            if has_body(function) or takes_memref:
                function.attributes[_C_INTERFACE] = unit
        for function in public_functions(module):
            protect_tensors(function)


def require_main(module: Any) -> None:
    """Raise UserError unless ``module`` has a function main that a program can start with."""
    for function in functions(module):
        if function.sym_name.value != "main":
            continue
        kinds = [str(kind) for kind in function.type.inputs]
        if kinds not in ([], ["i32", "!llvm.ptr"], ["i64", "!llvm.ptr"]):
            raise UserError(
                f"main takes nothing, or (i32 or i64, !llvm.ptr) for the program's arguments; "
                f"found ({', '.join(kinds)})",
                span=span_of(function.operation.location),
            )
        return
    raise UserError("the program has no function main", hint="define one, or name an entry")


def drop_strange_result(module: Any) -> str:
    """Let main return nothing where it returns what no caller can take, such as a vector.

    What it returned, as text; "" when it stays as it is. A main that the program itself calls
    stays as it is.
    """
    for function in functions(module):
        if function.sym_name.value == "main" and has_body(function):
            kinds = list(function.type.results)
            if all(map(_can_be_returned, kinds)) or _is_called(module, "main"):
                return ""
            drop_results(function)
            return ", ".join(map(str, kinds))
    return ""


def drop_results(function: Any) -> None:
    """Let ``function``, which nothing in its module calls, return nothing."""
    with function.context:
        kind = mlir.FunctionType.get(function.type.inputs, [])
        function.attributes["function_type"] = mlir.TypeAttr.get(kind)
        if "res_attrs" in function.attributes:
            del function.attributes["res_attrs"]
        for block in function.operation.regions[0].blocks:
            last = block.operations[len(block.operations) - 1].operation
            if last.name == "func.return":
                point = mlir.InsertionPoint(last)
                mlir.Operation.create("func.return", loc=last.location, ip=point)
                last.erase()


def _can_be_returned(kind: Any) -> bool:
    try:
        described(kind, "result", "")
    except NotCallable:
        return False
    return True


def _is_called(module: Any, name: str) -> bool:
    found = False

    def look(operation: Any) -> Any:
        nonlocal found
        attributes = operation.attributes
        values = (attributes[key] for key in attributes)
        uses = (value for value in values if isinstance(value, mlir.FlatSymbolRefAttr))
        found = found or any(use.value == name for use in uses)
        return mlir.WalkResult.INTERRUPT if found else mlir.WalkResult.ADVANCE

    module.operation.walk(look)
    return found
