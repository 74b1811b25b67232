"""Arithmetic that the host function does on numbers that are known: indices and sizes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.core.artifact import DTYPE_BYTES
from pharos.targets.common.gpu.launches import Number


@dataclass(frozen=True)
class Known:
    """A number of type ``dtype`` ("index", "i32", "f32", ...) that is known now."""

    dtype: str
    value: int | float


_BINARY: Mapping[str, Callable[[int, int], int]] = {
    "arith.addi": lambda a, b: a + b,
    "arith.subi": lambda a, b: a - b,
    "arith.muli": lambda a, b: a * b,
    "arith.floordivsi": lambda a, b: a // b,
    "arith.ceildivsi": lambda a, b: -(-a // b),
    "arith.divsi": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "arith.remsi": lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1),
    "arith.minsi": min,
    "arith.maxsi": max,
}
_CASTS = ("arith.index_cast", "arith.extsi")
# arith.cmpi's predicates by number: eq, ne, slt, sle, sgt, sge (the unsigned ones are refused).
_COMPARED: Sequence[Callable[[int, int], bool]] = (
    lambda a, b: a == b,
    lambda a, b: a != b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
)
_FLOATS = {"f64": "<d", "f32": "<f", "f16": "<e"}


def evaluated(operation: Any, values: Sequence[Any]) -> Known | None:
    """The result of ``operation`` on ``values``; None when it is not computed here."""
    name = operation.name
    if name == "arith.constant":
        return _constant(operation)
    if not values or not all(isinstance(value, Known) for value in values):
        return None
    numbers = [value.value for value in values]
    dtype = str(operation.results[0].type) if len(operation.results) == 1 else ""
    if name in _BINARY and not (("div" in name or "rem" in name) and numbers[1] == 0):
        return _fitting(dtype, _BINARY[name](*numbers))
    if name in _CASTS:
        return _fitting(dtype, numbers[0])
    if name == "arith.select":
        return Known(dtype, numbers[1] if numbers[0] else numbers[2])
    if name == "arith.cmpi":
        predicate = operation.attributes["predicate"].value
        if predicate < len(_COMPARED):
            return Known("i1", int(_COMPARED[predicate](*numbers)))
    return None


def number(known: Known) -> Number:
    """``known`` as the bytes that a kernel is passed."""
    if known.dtype in _FLOATS:
        return Number(known.dtype, struct.pack(_FLOATS[known.dtype], known.value).hex())
    if known.dtype == "bf16":
        # Exact: the constant was a bf16, whose bits are the upper half of the f32's.
        return Number("bf16", struct.pack("<f", known.value)[2:].hex())
    size = DTYPE_BYTES[known.dtype]
    low = int(known.value) & ((1 << 8 * size) - 1)
    return Number(known.dtype, low.to_bytes(size, "little").hex())


def _constant(operation: Any) -> Known | None:
    dtype = str(operation.results[0].type)
    if dtype not in DTYPE_BYTES:
        return None
    value = operation.attributes["value"].value
    return Known(dtype, int(value) if isinstance(value, bool) else value)


def _fitting(dtype: str, value: int | float) -> Known | None:
    """``value`` unless it overflows ``dtype``."""
    bits = 8 * DTYPE_BYTES.get(dtype, 0)
    fits = bits and -(1 << bits - 1) <= value < 1 << bits - 1
    return Known(dtype, value) if fits else None
