"""A GPU over its driver's functions: buffers with one owner, copies, streams, graphs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer, checked_shape, registered
from pharos.runtime.device import Work
from pharos.runtime.dtypes import name_of, numpy_dtype
from pharos.targets.common.gpu.host import copies
from pharos.targets.common.gpu.host.arrays import host_array
from pharos.targets.common.gpu.host.driver import Driver
from pharos.targets.common.gpu.host.module import GpuModule
from pharos.targets.common.gpu.host.streams import GpuGraph, GpuStream


class GpuDevice:
    """Implements ``pharos.runtime.Device`` for every GPU, real or simulated."""

    def __init__(self, name: str, driver: Driver) -> None:
        """``name`` is the target's, such as "nvidia:sm_90a" or "nvidia:sm_90a:sim"."""
        self.name = name
        self.driver = driver
        self._default: GpuStream | None = None
        self._streams: list[GpuStream] = []

    @property
    def default(self) -> GpuStream:
        """The stream of whatever is not given to another one."""
        if self._default is None:
            self._default = GpuStream(self.driver)
        return self._default

    def load(self, artifact: Artifact) -> GpuModule:
        """Bring the code to the device. Needs no MLIR. UserError for another target's artifact."""
        self._check_target(artifact)
        return GpuModule(self, artifact)

    def _check_target(self, artifact: Artifact) -> None:
        if artifact.target != self.name:
            raise UserError(
                f"the device {self.name} runs code for {self.name}, found code for "
                f"{artifact.target}",
                hint=f"compile it for this device: --target {self.name}",
            )

    def allocate(self, shape: Sequence[int], dtype: str) -> Buffer:
        """Device memory that nobody wrote."""
        size = math.prod(checked_shape(shape)) * numpy_dtype(dtype).itemsize
        driver = self.driver
        address = driver.allocate(max(size, 1))

        def release() -> None:
            driver.free(address)

        made = Buffer(self.name, address, shape, dtype, release, driver.visible(address, size))
        return made.lendable(driver.dlpack, partial(self._lend, address, size))

    def upload(self, array: np.ndarray[Any, Any]) -> Buffer:
        """A new buffer with the elements of ``array``."""
        dtype = name_of(array.dtype)
        if dtype is None:
            raise UserError(f"no element type for arrays of {array.dtype}")
        buffer = self.allocate(array.shape, dtype)
        copies.to_device(self, array, buffer, self.default)
        return buffer

    def download(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        """A copy of the elements of ``buffer``, once the work before it has ended."""
        array = np.empty(buffer.shape, numpy_dtype(buffer.dtype))
        self.copy(buffer, array)
        return array

    def copy(self, source: Any, target: Any, stream: Any = None) -> None:
        """Copy elements between buffers and numpy arrays of the same shape and type."""
        stream = stream or self.default
        for one in (source, target):
            if isinstance(one, Buffer):
                copies.check_home(self.name, one)
        if not isinstance(target, Buffer):
            if not isinstance(source, Buffer):
                raise UserError("one side of a copy is a buffer of the device, found two arrays")
            copies.to_host(self, source, target, stream)
        elif isinstance(source, Buffer):
            copies.GpuCopy(self, source, target).enqueue(stream)
        else:
            copies.to_device(self, source, target, stream)

    def copying(self, source: Buffer, target: Buffer) -> Work:
        """The copy from one buffer to another as work, for streams and graphs."""
        return copies.GpuCopy(self, source, target)

    def register(self, array: np.ndarray[Any, Any]) -> Buffer:
        """The memory of ``array``, reached by the device where it is."""
        known = registered(self.name, array)
        if not array.size:
            raise UserError("an array without elements has no memory to register")
        driver, start = self.driver, array.ctypes.data
        address = driver.register(start, array.nbytes)

        def release() -> None:
            driver.unregister(start)

        return Buffer(self.name, address, array.shape, known.dtype, release, known.storage)

    def from_dlpack(self, array: Any) -> Buffer:
        """``array`` (a tensor of any framework) as a buffer: its own memory where that is memory
        of this device, else a copy."""
        from pharos.runtime.dlpack import CPU, Borrowed

        device = array.__dlpack_device__() if hasattr(array, "__dlpack_device__") else None
        here = device is not None and (int(device[0]), int(device[1])) == self.driver.dlpack
        taken = Borrowed(array, self.driver.stream_number(self.default.handle) if here else None)
        if here:
            lent = self.driver.borrow(taken.address, taken.extent) if taken.extent else None
            made = taken.buffer(self.name, lent)
            return made.lendable(self.driver.dlpack, self.synchronize)
        try:
            if taken.device[0] != CPU:
                raise UserError(
                    f"expected an array in memory of {self.name} or of the host, found DLPack's "
                    f"device {taken.device}",
                    hint="move it first: x.cpu()",
                )
            return self.upload(host_array(taken))
        finally:
            taken.release()

    def _lend(self, address: int, size: int) -> None:
        """Before another framework uses memory: work on it has ended."""
        self.synchronize()
        self.driver.lend(address, size)

    def stream(self, other: Any = None) -> GpuStream:
        """A new stream, or one of another library (PyTorch, cuda-core, CuPy) to work on."""
        made = GpuStream(self.driver, other)
        self._streams = [one for one in self._streams if one.open] + [made]
        return made

    def capture(self, work: Sequence[Work]) -> GpuGraph:
        """``work`` in order as a graph."""
        return GpuGraph(self.driver, work, self.default)

    def synchronize(self) -> None:
        """Wait until everything that was given to the device has ended."""
        for stream in (self.default, *self._streams):
            if stream.open:
                stream.synchronize()
