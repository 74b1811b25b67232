"""Which functions a GPU's artifact offers, and that every size in the payload is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pharos.core.artifact import Argument, EntryPoint
from pharos.ir import CompileError, span_of
from pharos.ir.bindings import mlir
from pharos.targets.common.effects import has_body
from pharos.targets.common.signatures import (
    entry_points,
    functions,
    protect_tensors,
    public_functions,
    uncallable,
)


def prepare(module: Any) -> dict[str, Any]:
    """The entry points of ``module``, before it is lowered; its tensor arguments are protected.

    Arrays may come with any strides: the device copies them. CompileError at the first operation
    or argument with a size that is known only at run time.
    """
    for function in functions(module):
        if has_body(function):
            _refuse_dynamic(function.operation)
    with module.context:
        for function in public_functions(module):
            protect_tensors(function)
    found = entry_points(module)
    refused = {entry.name: why for entry in found if (why := _strided(entry))}
    entries = tuple(_any_strides(entry) for entry in found if entry.name not in refused)
    return {"entries": entries, "metadata": {"uncallable": {**uncallable(module), **refused}}}


def _strided(entry: EntryPoint) -> str:
    """Why ``entry`` cannot be called; "" when it can: the device holds arrays row-major."""
    for number, argument in enumerate(entry.arguments):
        if argument.kind == "pointer":
            return f"argument {number} is a pointer, which means nothing on a device"
        if argument.kind == "memref" and argument.strides is not None:
            return f"argument {number} has strides {list(argument.strides)} in its type"
    return ""


def _any_strides(entry: EntryPoint) -> EntryPoint:
    return replace(entry, arguments=tuple(map(_loosened, entry.arguments)))


def _loosened(argument: Argument) -> Argument:
    if argument.kind != "memref":
        return argument
    return replace(argument, strides=(-1,) * len(argument.shape))


def _refuse_dynamic(function: Any) -> None:
    for name, location, kind in _values(function):
        if isinstance(kind, mlir.ShapedType) and not _is_static(kind):
            error = CompileError(
                f"GPU targets take payloads of static shape, found {kind}",
                span=span_of(location),
                hint="write the sizes into the payload's types",
            )
            error.operation = name
            raise error


def _is_static(kind: Any) -> bool:
    return bool(kind.has_rank and kind.has_static_shape)


def _values(function: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every value inside ``function``: who makes it, where, and its type."""
    for region in function.regions:
        for block in region.blocks:
            for argument in block.arguments:
                yield function.name, argument.location, argument.type
            for operation in block.operations:
                inner = operation.operation
                for result in inner.results:
                    yield inner.name, inner.location, result.type
                yield from _values(inner)
