"""The arguments of a kernel as they lie in memory, and the global memory that they are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from pharos.core.errors import UserError
from pharos.simt import types
from pharos.simt.build import ARGUMENT_BYTES
from pharos.simt.regions import Region

Argument: TypeAlias = "int | float | np.ndarray | np.generic | bytes | bytearray"


def packed_arguments(
    kernel: str, wanted: Sequence[str], arguments: Sequence[Argument]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The arguments as the entry reads them, and the arrays that must live as long.

    ``wanted`` are the types of the kernel's parameters. UserError for a wrong number of arguments
    and for one that does not fit.
    """
    if len(arguments) != len(wanted):
        raise UserError(
            f"kernel {kernel} takes {len(wanted)} arguments, {len(arguments)} were given"
        )
    packed = np.zeros(ARGUMENT_BYTES * max(1, len(wanted)), np.uint8)
    kept: list[np.ndarray] = []
    for index, (type, value) in enumerate(zip(wanted, arguments, strict=True)):
        try:
            given = _argument(type, value, kept)
        except (TypeError, ValueError, struct.error) as error:
            raise UserError(
                f"kernel {kernel}, argument {index}: expected {type}, found {value!r}"
            ) from error
        at = index * ARGUMENT_BYTES
        packed[at : at + len(given)] = np.frombuffer(given, np.uint8)
    return packed, kept


def argument_regions(
    wanted: Sequence[str], kept: Sequence[np.ndarray]
) -> tuple[Region, ...] | None:
    """The arrays among the arguments; None when there are pointers of other kinds."""
    pointers = [type for type in wanted if types.address_space(type) is not None]
    if len(kept) < len(pointers):
        return None
    return tuple(Region(f"argument {i}", a.ctypes.data, a.nbytes) for i, a in enumerate(kept))


def _argument(type: str, value: Any, kept: list[np.ndarray]) -> bytes:
    """One argument as it lies in memory."""
    if types.address_space(type) is not None:
        if isinstance(value, np.ndarray):
            kept.append(value)
            value = value.ctypes.data
        elif isinstance(value, (bytes, bytearray)):
            copied = np.frombuffer(bytes(value) + bytes(64), np.uint8)
            kept.append(copied)
            value = copied.ctypes.data
        return struct.pack("<Q", int(value))
    size = types.size_of(type)
    if types.is_float(type):
        if type == "bfloat":
            return struct.pack("<f", float(value))[2:]
        return struct.pack({2: "<e", 4: "<f", 8: "<d"}[size], float(value))
    if isinstance(value, float):
        raise TypeError(type)
    return (int(value) & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
