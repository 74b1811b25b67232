"""The bytes of constant arrays (``memref.global``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pharos.core.artifact import DTYPE_BYTES
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
    if value.is_splat:
        one = np.asarray([value.get_splat_value().value]).astype(numpy_dtype(name))
        return one.tobytes() * count
    if name in ("bf16", "i1"):
        # numpy's buffer interface has neither.
        items = [element.value for element in value] if name == "bf16" else list(value)
        return np.asarray(items).astype(numpy_dtype(name)).tobytes()
    dense = np.ascontiguousarray(np.array(value)).astype(numpy_dtype(name), copy=False)
    data: bytes = dense.tobytes()
    assert len(data) == count * DTYPE_BYTES[name]
    return data
