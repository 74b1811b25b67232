"""Arrays of other frameworks as buffers and buffers as theirs, without a copy: DLPack.

Source: dlpack.h, version 0.8 (``DLManagedTensor`` in a capsule named "dltensor", which whoever
takes it renames to "used_dltensor" and releases through its deleter).
"""

from __future__ import annotations

import ctypes
from typing import Any

from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer, row_major
from pharos.runtime.dtypes import numpy_dtype

CPU = 1
_INT, _UINT, _FLOAT, _BFLOAT, _BOOL = 0, 1, 2, 4, 6
_TYPES = {
    "f64": (_FLOAT, 64), "f32": (_FLOAT, 32), "f16": (_FLOAT, 16), "bf16": (_BFLOAT, 16),
    "i64": (_INT, 64), "i32": (_INT, 32), "i16": (_INT, 16), "i8": (_INT, 8), "i1": (_BOOL, 8),
    "index": (_INT, 64),
}  # fmt: skip
_NAMES = {kind: name for name, kind in reversed(_TYPES.items())} | {
    (_UINT, bits): f"i{bits}" for bits in (8, 16, 32, 64)
}
_FRESH, _USED = b"dltensor", b"used_dltensor"


class _Tensor(ctypes.Structure):
    """DLTensor"""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device", ctypes.c_int32),
        ("rank", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)), ("offset", ctypes.c_uint64),
    )  # fmt: skip


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    """DLManagedTensor"""

    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


# What was handed out, until its deleter is called: the record, its arrays, and the buffer.
_lent: dict[int, Any] = {}


@_Deleter
def _delete(address: int) -> None:
    entry = _lent.pop(address, None)
    if entry is not None:
        entry[-1]()


def _function(name: str, result: Any, *kinds: Any) -> Any:
    return ctypes.PYFUNCTYPE(result, *kinds)((name, ctypes.pythonapi))


_new = _function("PyCapsule_New", ctypes.py_object, *[ctypes.c_void_p] * 3)
_pointer = _function("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_rename = _function("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_void_p)
# By address: a capsule that is going away must not be referred to again.
_is_valid = _function("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_dying = _function("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)


@_Deleter
def _drop(capsule: int) -> None:
    """The end of a capsule that nobody took."""
    if _is_valid(capsule, _FRESH):
        _delete(_dying(capsule, _FRESH))


# The capsule keeps the address of its name.
_NAME, _TAKEN = ctypes.create_string_buffer(_FRESH), ctypes.create_string_buffer(_USED)


def capsule(buffer: Buffer, device: tuple[int, int]) -> Any:
    """``buffer``, in memory of the DLPack ``device``, as a capsule; it cannot be freed before who
    takes the capsule lets go of it."""
    rank = len(buffer.shape)
    shape = (ctypes.c_int64 * max(1, rank))(*buffer.shape)
    strides = (ctypes.c_int64 * max(1, rank))(*buffer.strides)
    code, bits = _TYPES[buffer.dtype]
    tensor = _Tensor(buffer.address, *device, rank, code, bits, 1, shape, strides, 0)
    managed = _Managed(tensor, None, ctypes.cast(_delete, ctypes.c_void_p))
    address = ctypes.addressof(managed)
    _lent[address] = (managed, shape, strides, buffer, buffer.pin())
    made: Any = _new(address, ctypes.addressof(_NAME), ctypes.cast(_drop, ctypes.c_void_p))
    return made


class Borrowed:
    """An array of another framework: where it is, its shape, strides (in elements) and type.
    ``release`` gives it back."""

    def __init__(self, array: Any, stream: int | None = None) -> None:
        """Take ``array``, which has ``__dlpack__``, for work on ``stream`` of its device.

        UserError for element types that there are not here.
        """
        self._address = 0
        if not hasattr(array, "__dlpack__"):
            raise UserError(
                f"expected an array with __dlpack__ (torch, jax, cupy, numpy), found "
                f"{type(array).__name__}"
            )
        made = array.__dlpack__() if stream is None else array.__dlpack__(stream=stream)
        self._address = _pointer(made, _FRESH)
        # From here on it is ours to give back, also when it is refused.
        _rename(made, ctypes.addressof(_TAKEN))
        managed = _Managed.from_address(self._address)
        tensor = managed.tensor
        name = _NAMES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
        if name is None:
            raise UserError(
                f"no element type for DLPack's type {tensor.code} of {tensor.bits} bits"
            )
        self.dtype = name
        self.device = (int(tensor.device_type), int(tensor.device))
        self.shape = tuple(tensor.shape[axis] for axis in range(tensor.rank))
        self.strides = row_major(self.shape)
        if tensor.strides:
            self.strides = tuple(tensor.strides[axis] for axis in range(tensor.rank))
        self.address = int(tensor.data or 0) + int(tensor.offset)

    def release(self) -> None:
        """Give it back. Harmless when done twice."""
        address, self._address = self._address, 0
        if address:
            deleter = _Managed.from_address(address).deleter
            if deleter:
                _Deleter(deleter)(address)

    @property
    def extent(self) -> int:
        """Bytes from the first element to the end of the last."""
        if not all(self.shape):
            return 0
        last = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        return (last + 1) * numpy_dtype(self.dtype).itemsize

    def buffer(self, device: str, lent: Any = None, *, visible: bool = False) -> Buffer:
        """Its memory as a buffer of ``device``; ``lent()`` is called when it is given back.

        Memory that is ``visible`` to the host goes back when no numpy array is on it any more.
        UserError for negative strides.
        """
        if any(step < 0 for step in self.strides):
            self.release()
            raise UserError(f"expected strides of at least 0, found {list(self.strides)}")

        def release() -> None:
            if lent is not None:
                lent()
            if not visible:
                self.release()

        storage = None
        if visible:
            storage = (ctypes.c_char * self.extent).from_address(self.address)
            storage._owner = self  # type: ignore[attr-defined]
        count = self.extent // numpy_dtype(self.dtype).itemsize
        whole = Buffer(device, self.address, (count,), self.dtype, release, storage)
        return whole.reshaped(self.shape, self.strides)

    def __del__(self) -> None:
        self.release()
