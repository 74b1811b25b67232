"""The bytes of constant arrays (``memref.global``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pharos.core.artifact import DTYPE_BYTES
from pharos.core.errors import InternalError, UserError
from pharos.ir.bindings import mlir
from pharos.runtime.dtypes import numpy_dtype

Bytes = Callable[[], bytes]


def globals_of(module: Any) -> dict[str, tuple[Any, Bytes | None]]:
    """The type of each global of ``module``, and what makes its bytes; None without a value."""
    found: dict[str, tuple[Any, Bytes | None]] = {}
    for operation in module.body.operations:
        attributes = operation.operation.attributes
        if operation.operation.name != "memref.global":
            continue
        value = attributes.get("initial_value")
        known = value is not None and not isinstance(value, mlir.UnitAttr)
        kind = attributes["type"].value
        name = attributes["sym_name"].value
        found[name] = (kind, partial(bytes_of, value, kind) if known else None)
    return found


def bytes_of(value: Any, kind: Any) -> bytes:
    """The elements of the attribute ``value``, of the memref type ``kind``, as memory holds them.

    i1 takes a byte each, bf16 two.
    """
    name = str(kind.element_type)
    count = int(np.prod(kind.shape))
    if not isinstance(value, mlir.DenseElementsAttr):
        raise UserError(f"expected a constant array as dense<...>, found {str(value)[:40]}")
    if value.is_splat:
        one = np.asarray([value.get_splat_value().value]).astype(numpy_dtype(name))
        data: bytes = one.tobytes() * count
    elif name == "bf16":
        data = _halves(str(value))
    elif name == "i1":
        data = bytes(map(int, value))
    else:
        data = np.ascontiguousarray(np.array(value)).astype(numpy_dtype(name)).tobytes()
    if len(data) != count * DTYPE_BYTES[name]:
        raise InternalError(f"read {len(data)} bytes of a constant of type {kind}")
    return data


def _halves(text: str) -> bytes:
    """The elements of an array of bf16 by its text: numpy's buffer interface has no bf16.

    Many elements are printed as their bytes, few as numbers, NaNs and infinities as bits.
    """
    whole = re.match(r'dense<"0x([0-9A-F]*)">', text)
    if whole:
        return bytes.fromhex(whole[1])
    words = re.findall(r"0x[0-9A-F]{4}|-?\d[\d.]*(?:[eE][-+]?\d+)?", text.rpartition(" : ")[0])
    bits = [
        int(word, 16) if word.startswith("0x") else int(_bf16(float(word)).view(np.uint16))
        for word in words
    ]
    return np.asarray(bits, np.uint16).tobytes()


def _bf16(number: float) -> Any:
    return np.asarray(number, numpy_dtype("bf16"))
