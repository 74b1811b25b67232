"""Memory on a device: every buffer has one owner, and nobody uses it after it was freed."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from pharos.core.artifact import DTYPE_BYTES
from pharos.core.errors import UserError
from pharos.runtime.dtypes import numpy_dtype

_HOST = (1, 0)  # DLPack's number of memory that the CPU reaches
ALIGNMENT = 64  # bytes; a cache line, and the widest vector a CPU target loads


class _Memory:
    """One allocation, shared by its owner and the owner's views."""

    def __init__(self, nbytes: int, release: Callable[[], None], storage: Any) -> None:
        self.nbytes = nbytes
        self.storage = storage
        self.freed = False
        self.pins = 0
        self.dlpack: tuple[int, int] | None = None
        self.settle: Callable[[], None] = _nothing
        # Runs when free() is called, or else when the last view is collected; never twice.
        self.release = weakref.finalize(self, release)


def _nothing() -> None:
    """What has ended is not waited for."""


class Buffer:
    """An array on a device: ``shape`` and ``strides`` count elements, ``dtype`` is a name.

    Made by ``Device.allocate``. Freed by ``free()``, by leaving a ``with`` block, or when
    nothing refers to it any more. A view borrows: it cannot free, and is refused after its
    owner was freed.
    """

    def __init__(
        self,
        device: str,
        address: int,
        shape: Sequence[int],
        dtype: str,
        release: Callable[[], None],
        storage: Any = None,
    ) -> None:
        """Own the memory at ``address``; ``release()`` returns it.

        ``storage`` is an object with numpy's buffer interface over that memory when the host
        can reach it, None otherwise.
        """
        self.device = device
        self.shape = checked_shape(shape)
        self.dtype = dtype
        self.strides = row_major(self.shape)
        self._address = address
        self._offset = 0
        nbytes = math.prod(self.shape) * numpy_dtype(dtype).itemsize
        self._memory = _Memory(nbytes, release, storage)
        self._owns = True

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take (without gaps between them)."""
        return math.prod(self.shape) * DTYPE_BYTES[self.dtype]

    @property
    def freed(self) -> bool:
        """Whether the memory is gone."""
        return self._memory.freed

    @property
    def storage(self) -> Any:
        """The host's object over the whole memory; None where the host does not reach it."""
        return self._memory.storage

    @property
    def address(self) -> int:
        """Where the first element lies on the device. Refused after ``free``."""
        self._refuse_freed("use")
        return self._address + self._offset

    def view(
        self,
        shape: Sequence[int],
        *,
        dtype: str | None = None,
        offset: int = 0,
        strides: Sequence[int] | None = None,
    ) -> Buffer:
        """A buffer on part of this one's memory, from ``offset`` elements on.

        ``offset`` and ``strides`` count elements of ``dtype`` (default: this buffer's), strides
        default to row-major. Refused when any element would lie outside the memory.
        """
        self._refuse_freed("view")
        dtype = dtype or self.dtype
        size = numpy_dtype(dtype).itemsize
        shape = checked_shape(shape)
        steps = row_major(shape) if strides is None else tuple(strides)
        if len(steps) != len(shape) or any(step < 0 for step in steps):
            raise UserError(
                f"a view of rank {len(shape)} takes {len(shape)} strides of at least 0, "
                f"found {list(steps)}"
            )
        start = self._offset + offset * size
        end = start + size * (
            1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True)) if all(shape) else 0
        )
        if offset < 0 or end > self._memory.nbytes:
            raise UserError(
                f"view of bytes {start} to {end} of a buffer of {self._memory.nbytes} bytes"
            )
        other = object.__new__(Buffer)
        other.device, other.shape, other.dtype, other.strides = self.device, shape, dtype, steps
        other._address, other._offset = self._address, start
        other._memory, other._owns = self._memory, False
        return other

    def __dlpack_device__(self) -> tuple[int, int]:
        """The device as DLPack numbers it. UserError where frameworks do not know it."""
        if self._memory.dlpack is None:
            raise UserError(f"memory of device '{self.device}' cannot be lent by DLPack")
        return self._memory.dlpack

    def __dlpack__(self, *, stream: Any = None, **wishes: Any) -> Any:
        """Lend the memory to another framework: ``torch.from_dlpack(buffer)``. No copy.

        Work that was given to the device has ended. The buffer cannot be freed before the other
        framework lets go.
        """
        from pharos.runtime.dlpack import capsule

        if wishes.get("copy"):
            raise BufferError("a buffer is lent, not copied; copy what you took")
        self._refuse_freed("lend")
        where = self.__dlpack_device__()
        self._memory.settle()
        return capsule(self, where)

    def lendable(self, dlpack: tuple[int, int], settle: Callable[[], None]) -> Buffer:
        """Say what DLPack calls the device, and how to wait for its work; itself."""
        self._memory.dlpack, self._memory.settle = dlpack, settle
        return self

    def reshaped(self, shape: Sequence[int], strides: Sequence[int]) -> Buffer:
        """The same memory, owned, as an array of another shape; this buffer is used no more."""
        other = self.view(shape, strides=strides)
        other._owns, self._owns = True, False
        return other

    def numpy(self) -> np.ndarray[Any, Any]:
        """The elements as a numpy array on the same memory, no copy.

        Only for memory that the host can reach. The array keeps the memory from being returned,
        so it stays valid after ``free``.
        """
        self._refuse_freed("read")
        storage = self._memory.storage
        if storage is None:
            raise UserError(
                f"memory of device '{self.device}' cannot be seen from the host",
                hint="copy it with device.download(buffer)",
            )
        dtype = numpy_dtype(self.dtype)
        steps = tuple(step * dtype.itemsize for step in self.strides)
        return np.ndarray(self.shape, dtype, storage, self._offset, steps)

    def free(self) -> None:
        """Return the memory. Refused for views, twice, and while a bound call uses it."""
        if not self._owns:
            raise UserError("a view cannot free memory it borrows", hint="free its owner instead")
        self._refuse_freed("free")
        if self._memory.pins:
            raise UserError(
                f"the buffer is still used by {self._memory.pins} bound call(s)",
                hint="close them first",
            )
        self._memory.freed = True
        self._memory.storage = None
        self._memory.release()

    def pin(self) -> Callable[[], None]:
        """Refuse ``free`` until the returned function is called."""
        self._refuse_freed("use")
        memory = self._memory
        memory.pins += 1

        def unpin() -> None:
            memory.pins -= 1

        return unpin

    def __enter__(self) -> Buffer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.freed:
            self.free()

    def __repr__(self) -> str:
        state = "freed, " if self.freed else "" if self._owns else "view, "
        return f"Buffer({state}{self.device}, {self.dtype}, {list(self.shape)})"

    def _refuse_freed(self, verb: str) -> None:
        if self._memory.freed:
            raise UserError(
                f"cannot {verb} a freed buffer ({self.dtype}, shape {list(self.shape)})"
            )


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements of a dense array whose last dimension varies fastest."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """``shape`` as a tuple of ints, each at least 0."""
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes):
        raise UserError(f"expected sizes of at least 0, found shape {list(sizes)}")
    return sizes


def host_buffer(device: str, shape: Sequence[int], dtype: str) -> Buffer:
    """A buffer in host memory, aligned to 64 bytes, not initialised."""
    nbytes = math.prod(checked_shape(shape)) * numpy_dtype(dtype).itemsize
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    storage = raw[skip : skip + nbytes]
    # Not storage's own address: numpy makes one up for an empty array.
    made = Buffer(device, raw.ctypes.data + skip, shape, dtype, _nothing, storage)
    return made.lendable(_HOST, _nothing)


def registered(device: str, array: np.ndarray[Any, Any]) -> Buffer:
    """The memory of ``array`` as a buffer of a device that reaches all memory of the host.

    UserError for an array with gaps.
    """
    from pharos.runtime.dtypes import name_of

    dtype = name_of(array.dtype)
    if dtype is None:
        raise UserError(f"no element type for arrays of {array.dtype}")
    if not array.flags.c_contiguous or not array.flags.writeable:
        raise UserError(
            f"expected a dense array that may be written, found strides of "
            f"{list(array.strides)} bytes" + ("" if array.flags.writeable else ", read-only"),
            hint="register a copy: x.copy()",
        )
    raw = array.reshape(-1).view(np.uint8)
    made = Buffer(device, array.ctypes.data, array.shape, dtype, _nothing, raw)
    return made.lendable(_HOST, _nothing)
