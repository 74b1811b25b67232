"""bf16 in kernels becomes the 16 bits that it is.

    %x = load bfloat, %p         %x = load i16, %p
    %b = bitcast bfloat %x to i16  ==>  (the same)

SPIR-V has bfloat16 only by an extension (SPV_KHR_bfloat16) that LLVM's back end asks for at every
value of the type. Before this, all arithmetic on it became arithmetic on f32 and on bits, so that
values are only moved and reinterpreted.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from pharos.core.errors import InternalError
from pharos.ir import operations
from pharos.ir.bindings import mlir

_MOVES = (
    "llvm.alloca",
    "llvm.bitcast",
    "llvm.br",
    "llvm.call",
    "llvm.cond_br",
    "llvm.extractelement",
    "llvm.extractvalue",
    "llvm.func",
    "llvm.getelementptr",
    "llvm.insertelement",
    "llvm.insertvalue",
    "llvm.load",
    "llvm.mlir.constant",
    "llvm.mlir.global",
    "llvm.mlir.poison",
    "llvm.mlir.undef",
    "llvm.mlir.zero",
    "llvm.select",
    "llvm.shufflevector",
    "llvm.store",
)
_TYPES = ("elem_type", "global_type", "function_type")


def bf16_as_bits(module: Any) -> None:
    """Rewrite ``module`` (LLVM dialect) in place. InternalError for arithmetic on bf16."""
    with mlir.Location.unknown():
        found = operations(module)
        for operation in found:
            _operation(operation)


def _operation(operation: Any) -> None:
    values = [*operation.results, *_arguments(operation)]
    if operation.name == "llvm.mlir.constant" and _bits_type(operation.results[0].type):
        operation.attributes["value"] = _constant(operation)
    for name in _TYPES:
        if name in operation.attributes:
            kind = _bits_type(mlir.TypeAttr(operation.attributes[name]).value)
            if kind is not None:
                operation.attributes[name] = mlir.TypeAttr.get(kind)
    for value in values:
        kind = _bits_type(value.type)
        if kind is None:
            continue
        if operation.name not in _MOVES:
            raise InternalError(f"bf16 arithmetic is left in a kernel: {operation.name}")
        value.set_type(kind)


def _arguments(operation: Any) -> list[Any]:
    return [a for region in operation.regions for block in region.blocks for a in block.arguments]


def _bits_type(kind: Any) -> Any | None:
    """``kind`` with i16 for bf16; None when it has none."""
    text = str(kind)
    return mlir.Type.parse(text.replace("bf16", "i16")) if "bf16" in text else None


def _constant(operation: Any) -> Any:
    attribute, kind = operation.attributes["value"], _bits_type(operation.results[0].type)
    i16 = mlir.IntegerType.get_signless(16)
    if isinstance(attribute, mlir.FloatAttr):
        return mlir.IntegerAttr.get(i16, _bits(attribute.value))
    dense = mlir.DenseElementsAttr(attribute)
    if dense.is_splat:
        value = mlir.FloatAttr(dense.get_splat_value()).value
        return mlir.DenseElementsAttr.get_splat(kind, mlir.IntegerAttr.get(i16, _bits(value)))
    return _listed(str(attribute), kind)


def _listed(text: str, kind: Any) -> Any:
    """A constant vector of different numbers; they are exact in the printed decimals or bits."""
    words = text[text.index("[") + 1 : text.index("]")].split(",")
    bits: Sequence[int] = [
        int(w, 16) if w.strip().startswith("0x") else _bits(float(w)) for w in words
    ]
    return mlir.Attribute.parse(f"dense<{list(bits)}> : {kind}")


def _bits(value: float) -> int:
    """The upper half of a float's bits, signed as the printer of integers wants it."""
    unsigned = struct.unpack("<I", struct.pack("<f", value))[0] >> 16
    return unsigned - (1 << 16) if unsigned >> 15 else unsigned
