"""Copies between buffers of a device, and between buffers and arrays of the host."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer
from pharos.runtime.dtypes import numpy_dtype
from pharos.runtime.immediate import check_alike
from pharos.targets.common.gpu.host.runs import pieces

if TYPE_CHECKING:
    from pharos.targets.common.gpu.host.device import GpuDevice


def moves(source: Buffer, target: Buffer) -> list[tuple[int, int, int]]:
    """The copies of memory without gaps that copy ``source`` to ``target``: (to, from, bytes)."""
    check_alike(source, target)
    size = numpy_dtype(source.dtype).itemsize
    if not all(source.shape):
        return []
    one, froms = pieces(source.shape, source.strides, "the source of the copy")
    other, tos = pieces(target.shape, target.strides, "the target of the copy")
    length = math.gcd(one, other)
    froms = [start + n for start in froms for n in range(0, one, length)]
    tos = [start + n for start in tos for n in range(0, other, length)]
    return [
        (target.address + to * size, source.address + start * size, length * size)
        for to, start in zip(tos, froms, strict=True)
    ]


class GpuCopy:
    """A copy between two buffers of a device, as work. UserError for other devices' buffers."""

    scratch = 0

    def __init__(self, device: GpuDevice, source: Buffer, target: Buffer) -> None:
        for one in (source, target):
            check_home(device.name, one)
        check_alike(source, target)
        self.buffers = (source, target)
        self._device = device

    def ready(self, stream: Any = None) -> None:
        """It needs nothing."""

    def enqueue(self, stream: Any = None) -> None:
        """Copy in the order of the stream's work."""
        handle = (stream or self._device.default).handle
        for to, start, size in moves(*self.buffers):
            self._device.driver.move(to, start, size, handle)


def check_home(device: str, buffer: Buffer) -> None:
    """UserError for a buffer of another device."""
    if buffer.device != device:
        raise UserError(
            f"expected memory of device '{device}', found memory of '{buffer.device}'",
            hint="copy it over: device.upload(other.download(buffer))",
        )


def to_device(device: GpuDevice, source: np.ndarray[Any, Any], target: Buffer, stream: Any) -> None:
    """Copy an array of the host, which may be changed when this returns."""
    check_alike(source, target)
    dense = np.ascontiguousarray(source)
    size = dense.itemsize
    write: Callable[..., None] = device.driver.write
    for to, start, length in _against(target):
        write(to, dense.ctypes.data + start * size, length * size, stream.handle)


def to_host(device: GpuDevice, source: Buffer, target: np.ndarray[Any, Any], stream: Any) -> None:
    """Copy to an array of the host, and wait."""
    check_alike(source, target)
    if not target.flags.writeable:
        raise UserError("the target of the copy is read-only", hint="pass an array of your own")
    dense = target if target.flags.c_contiguous else np.empty(target.shape, target.dtype)
    size = dense.itemsize
    for start, to, length in _against(source):
        device.driver.read(dense.ctypes.data + to * size, start, length * size, stream.handle)
    if dense is not target:
        target[...] = dense


def _against(buffer: Buffer) -> Sequence[tuple[int, int, int]]:
    """The pieces of ``buffer``: address, first element in row-major order, elements."""
    if not all(buffer.shape):
        return []
    size = numpy_dtype(buffer.dtype).itemsize
    length, starts = pieces(buffer.shape, buffer.strides, "the buffer")
    return [(buffer.address + start * size, n * length, length) for n, start in enumerate(starts)]
