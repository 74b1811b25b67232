"""What a call returns: as arrays of the host, or where it is on the device."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer, row_major
from pharos.runtime.dtypes import numpy_dtype
from pharos.targets.common.gpu import launches
from pharos.targets.common.gpu.host.driver import Driver, Place
from pharos.targets.common.gpu.host.staging import usable

if TYPE_CHECKING:
    from pharos.targets.common.gpu.host.call import GpuCall


def fetched(
    driver: Driver, stream: Any, result: launches.Result, place: Place
) -> np.ndarray[Any, Any]:
    """A copy of a result that is in ``place``, once the work of ``stream`` has ended."""
    return read_array(
        driver,
        stream,
        place.address + result.pointer.offset,
        result.shape,
        result.strides,
        result.dtype,
    )


def read_array(
    driver: Driver, stream: Any, address: int, shape: Any, strides: Any, dtype: str
) -> np.ndarray[Any, Any]:
    """A copy of an array on the device. ``strides`` count elements and are not negative."""
    kind = numpy_dtype(dtype)
    if not all(shape):
        return np.empty(shape, kind)
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    raw = np.empty(extent, kind)
    driver.read(raw.ctypes.data, address, raw.nbytes, stream)
    if extent == math.prod(shape) and strides == row_major(shape):
        return raw.reshape(shape)
    steps = tuple(step * kind.itemsize for step in strides)
    return np.ndarray(shape, kind, raw, 0, steps).copy()


def output(call: GpuCall, result: launches.Result) -> Buffer:
    """The memory of a result as a buffer. UserError for one that is in an array of the host."""
    memory = call.program.buffers[result.pointer.buffer]
    size = numpy_dtype(result.dtype).itemsize
    if memory.kind == launches.CONSTANT:
        raise UserError(
            f"{call.entry.name} returns a constant, which is no memory that work writes",
            hint="call it, and read the result",
        )
    if memory.kind == launches.SCRATCH:
        owner, start = call.owned(result.pointer.buffer), result.pointer.offset
    else:
        source = call.values[memory.number].source
        if not usable(call.values[memory.number]):
            raise UserError(
                f"{call.entry.name} returns argument {memory.number}, which is not a dense array "
                f"in memory of the device",
                hint="copy it over first: device.upload(array)",
            )
        owner, start = source, result.pointer.offset
    return owner.view(
        result.shape, dtype=result.dtype, offset=start // size, strides=result.strides
    )
