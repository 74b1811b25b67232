"""Which functions of a module can be called from outside, and how.

Everything here reads the module before it is lowered: afterwards a memref is a handful of
integers and nobody can tell what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pharos.core.artifact import Argument, EntryPoint
from pharos.core.errors import UserError
from pharos.ir import span_of
from pharos.ir.bindings import mlir
from pharos.targets.cpu.effects import Effects, has_body, is_dense, is_memref

_ELEMENTS = {
    "f64": "f64",
    "f32": "f32",
    "f16": "f16",
    "bf16": "bf16",
    "i64": "i64",
    "i32": "i32",
    "i16": "i16",
    "i8": "i8",
    "i1": "i1",
    "index": "index",
}
_PASSED = "argument"
_C_INTERFACE = "llvm.emit_c_interface"


class _NotCallable(Exception):
    """A type that cannot cross a call boundary; the text says why."""


def entry_points(module: Any) -> tuple[EntryPoint, ...]:
    """The signature of every public function with a body that can be called from outside.

    ``module`` still has func.func with tensors or memrefs. Tensors are passed as row-major
    arrays that the code does not write to.
    """
    return tuple(s for s in _signatures(module).values() if isinstance(s, EntryPoint))


def uncallable(module: Any) -> dict[str, str]:
    """Why each remaining public function with a body cannot be called from outside."""
    return {name: s for name, s in _signatures(module).items() if isinstance(s, str)}


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
            _protect_tensors(function)


def functions(module: Any) -> Iterator[Any]:
    """Every func.func at the top of ``module``."""
    for operation in module.body.operations:
        if operation.operation.name == "func.func":
            yield operation


def public_functions(module: Any) -> Iterator[Any]:
    """Every func.func at the top of ``module`` that has a body and is not private."""
    for function in functions(module):
        visibility = function.attributes.get("sym_visibility")
        if has_body(function) and (visibility is None or visibility.value == "public"):
            yield function


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
        _argument(kind, "result", "")
    except _NotCallable:
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


def _signatures(module: Any) -> dict[str, EntryPoint | str]:
    effects = Effects(module)
    return {f.sym_name.value: _signature(f, effects) for f in public_functions(module)}


def _signature(function: Any, effects: Effects) -> EntryPoint | str:
    """How to call ``function``, or why nobody can."""
    try:
        return _entry(function, effects)
    except _NotCallable as reason:
        return str(reason)


def _entry(function: Any, effects: Effects) -> EntryPoint:
    kinds = function.type
    written = effects.written(function)
    arguments = []
    for index, kind in enumerate(kinds.inputs):
        argument = _argument(kind, f"{_PASSED} {index}", _argument_name(function, index))
        if argument.kind == "memref":
            unique = index in effects.unique(function)
            argument = replace(argument, written=written[index], unique=unique)
        arguments.append(argument)
    results = [_argument(kind, f"result {i}", "") for i, kind in enumerate(kinds.results)]
    return EntryPoint(function.sym_name.value, tuple(arguments), tuple(results))


def _argument(kind: Any, where: str, name: str) -> Argument:
    if isinstance(kind, mlir.RankedTensorType):
        if kind.encoding is not None:
            raise _NotCallable(f"{where} is a tensor with an encoding, {kind}")
        return Argument("memref", _element(kind.element_type, where), _shape(kind), name=name)
    if isinstance(kind, mlir.MemRefType):
        if kind.memory_space is not None:
            raise _NotCallable(f"{where} is in a memory space of its own, {kind}")
        shape = _shape(kind)
        return Argument(
            "memref", _element(kind.element_type, where), shape, _strides(kind, where), name=name
        )
    if str(kind) == "!llvm.ptr":
        return Argument("pointer", "index", name=name)
    return Argument("scalar", _element(kind, where), name=name)


def _element(kind: Any, where: str) -> str:
    name = _ELEMENTS.get(str(kind))
    if name is None:
        raise _NotCallable(f"{where} has type {kind}")
    return name


def _shape(kind: Any) -> tuple[int, ...]:
    return tuple(
        -1 if kind.is_dynamic_dim(axis) else kind.get_dim_size(axis) for axis in range(kind.rank)
    )


def _strides(kind: Any, where: str) -> tuple[int, ...] | None:
    """None for row-major, else strides in elements with -1 for dynamic ones."""
    if is_dense(kind):
        return None
    try:
        strides, offset = kind.get_strides_and_offset()
    except (ValueError, RuntimeError):
        raise _NotCallable(f"{where} has a layout that is not strided, {kind}") from None
    dynamic = mlir.ShapedType.get_dynamic_stride_or_offset()
    if offset not in (0, dynamic) and where.startswith(_PASSED):
        # Code relies on the offset in the type; arrays are passed with their first element's
        # address and none. What code returns says where it starts.
        raise _NotCallable(f"{where} has a fixed offset, {kind}")
    return tuple(-1 if stride == dynamic else stride for stride in strides)


def _argument_name(function: Any, index: int) -> str:
    location = function.operation.regions[0].blocks[0].arguments[index].location
    return location.name_str if isinstance(location, mlir.NameLoc) else ""


def _protect_tensors(function: Any) -> None:
    kinds = list(function.type.inputs)
    if not any(isinstance(kind, mlir.RankedTensorType) for kind in kinds):
        return
    old = function.attributes.get("arg_attrs")
    attributes = []
    for index, kind in enumerate(kinds):
        entries = {a.name: a.attr for a in old[index]} if old is not None else {}
        if isinstance(kind, mlir.RankedTensorType):
            entries.setdefault("bufferization.writable", mlir.BoolAttr.get(False))
        attributes.append(mlir.DictAttr.get(entries))
    function.attributes["arg_attrs"] = mlir.ArrayAttr.get(attributes)
