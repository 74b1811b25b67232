"""Kernel functions: private functions that take arrays as pointers to their first elements.

    func @kernel(%low: index, %high: index, %x: memref<1099511627776xf32>) attributes {llvm.bareptr}
    call @kernel(%0, %n, reinterpret_cast %x : memref<8x64x56x56xf32> to memref<1099511627776xf32>)

An array whose shape, strides and offset are known needs no more than that pointer; handed over as
a descriptor it would be eleven words, to every kernel, and through every thread. Two kernels for
arrays of different shapes are also the same text but for numbers, see ``merged_functions``. Arrays
of unknown shape are handed over as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests.nest import DYNAMIC

LONG = 1 << 40
"""The nominal length of a flat array. Nobody looks at it: offsets come from the loops' bounds."""


def write_function(
    module: Any,
    name: str,
    types: Sequence[Any],
    build: Callable[[list[Any]], None],
    inline: bool = False,
) -> Any:
    """A private function that takes values of ``types``, arrays flat; ``build`` writes its body.

    Unless ``inline``, it stays a function: called from several places, it would otherwise be
    compiled several times.
    """
    func = dialect("func")
    types = list(map(flat_type, types))
    with mlir.InsertionPoint(module.body):
        made = func.FuncOp(name, (types, []), visibility="private")
        block = made.add_entry_block()
    if not inline:
        made.attributes["passthrough"] = mlir.Attribute.parse('["noinline"]')
    if not any(isinstance(type_, mlir.MemRefType) and not _known(type_) for type_ in types):
        made.attributes["llvm.bareptr"] = mlir.UnitAttr.get()
    with mlir.InsertionPoint(block):
        build(list(block.arguments))
        func.ReturnOp([])
    return made


def call(name: str, arguments: Sequence[Any]) -> None:
    """Call the kernel function ``name`` at the insertion point."""
    target = mlir.FlatSymbolRefAttr.get(name)
    dialect("func").CallOp([], target, [flat(value) for value in arguments])


def flat(value: Any) -> Any:
    """``value`` as a kernel function takes it: the memory of an array of known shape as one row,
    from the first element of its buffer on; anything else as it is."""
    return value if flat_type(value.type) == value.type else row(value)


def row(value: Any) -> Any:
    """The memory of the array ``value``, whose offset is known, as one row from the first element
    of its buffer on."""
    type_ = row_type(value.type.element_type, value.type.memory_space)
    cast = dialect("memref").ReinterpretCastOp
    return cast(type_, value, [], [], [], [0], [LONG], [1]).result


def flat_type(type_: Any) -> Any:
    """The type of ``flat`` of a value of ``type_``."""
    if not isinstance(type_, mlir.MemRefType) or not _known(type_):
        return type_
    return row_type(type_.element_type, type_.memory_space)


def row_type(element: Any, space: Any = None) -> Any:
    """The type of an array of ``element`` in memory ``space`` as a kernel function takes it."""
    return mlir.MemRefType.get([LONG], element, None, space)


def is_flat(type_: Any) -> bool:
    """Whether ``type_`` is that of an array as a kernel function takes it."""
    return isinstance(type_, mlir.MemRefType) and type_.rank == 1 and type_.shape[0] == LONG


def code_of(function: Any) -> str:
    """The text of ``function`` without its name: equal for functions with the same code.

    In a scope of its own: otherwise printing would number the values of the whole module. And
    without verifying it, which takes as long: its stage's result is verified.
    """
    text: str = function.operation.get_asm(use_local_scope=True, assume_verified=True)
    return text.replace(f"@{function.name.value}(", "@(", 1)


def _known(type_: Any) -> bool:
    """Whether shape, strides and offset of a memref type are numbers."""
    if not type_.has_static_shape:
        return False
    try:
        strides, offset = type_.get_strides_and_offset()
    except (ValueError, RuntimeError):
        return False
    return DYNAMIC not in (*strides, offset)
