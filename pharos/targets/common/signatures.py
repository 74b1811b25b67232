"""Which functions of a module can be called from outside, and how, on any target.

Everything here reads the module before it is lowered: afterwards a memref is a handful of
integers and nobody can tell what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pharos.core.artifact import Argument, EntryPoint
from pharos.ir.bindings import mlir
from pharos.targets.common.effects import Effects, has_body, is_dense

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


class NotCallable(Exception):
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


def protect_tensors(function: Any) -> None:
    """Mark the tensor arguments of ``function`` read-only for bufferisation: the caller's array is
    a value and stays as it was."""
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


def _signatures(module: Any) -> dict[str, EntryPoint | str]:
    effects = Effects(module)
    return {f.sym_name.value: _signature(f, effects) for f in public_functions(module)}


def _signature(function: Any, effects: Effects) -> EntryPoint | str:
    """How to call ``function``, or why nobody can."""
    try:
        return _entry(function, effects)
    except NotCallable as reason:
        return str(reason)


def _entry(function: Any, effects: Effects) -> EntryPoint:
    kinds = function.type
    written = effects.written(function)
    arguments = []
    for index, kind in enumerate(kinds.inputs):
        argument = described(kind, f"{_PASSED} {index}", _argument_name(function, index))
        if argument.kind == "memref":
            unique = index in effects.unique(function)
            argument = replace(argument, written=written[index], unique=unique)
        arguments.append(argument)
    results = [described(kind, f"result {i}", "") for i, kind in enumerate(kinds.results)]
    return EntryPoint(function.sym_name.value, tuple(arguments), tuple(results))


def described(kind: Any, where: str, name: str) -> Argument:
    if isinstance(kind, mlir.RankedTensorType):
        if kind.encoding is not None:
            raise NotCallable(f"{where} is a tensor with an encoding, {kind}")
        return Argument("memref", _element(kind.element_type, where), _shape(kind), name=name)
    if isinstance(kind, mlir.MemRefType):
        if kind.memory_space is not None:
            raise NotCallable(f"{where} is in a memory space of its own, {kind}")
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
        raise NotCallable(f"{where} has type {kind}")
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
        raise NotCallable(f"{where} has a layout that is not strided, {kind}") from None
    dynamic = mlir.ShapedType.get_dynamic_stride_or_offset()
    if offset not in (0, dynamic) and where.startswith(_PASSED):
        # Code relies on the offset in the type; arrays are passed with their first element's
        # address and none. What code returns says where it starts.
        raise NotCallable(f"{where} has a fixed offset, {kind}")
    return tuple(-1 if stride == dynamic else stride for stride in strides)


def _argument_name(function: Any, index: int) -> str:
    location = function.operation.regions[0].blocks[0].arguments[index].location
    return location.name_str if isinstance(location, mlir.NameLoc) else ""
