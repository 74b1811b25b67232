"""Arguments that cannot be used where they are: arrays of the host, arrays with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pharos.core.artifact import EntryPoint
from pharos.runtime.buffer import Buffer
from pharos.runtime.device import Checked, Memory
from pharos.runtime.dtypes import numpy_dtype
from pharos.targets.common.gpu import launches
from pharos.targets.common.gpu.host.arrays import seen
from pharos.targets.common.gpu.host.runs import is_dense, pieces

if TYPE_CHECKING:
    from pharos.targets.common.gpu.host.driver import Driver

ALIGNMENT = 64  # bytes; what kernels may rely on, of the widest of the targets


def usable(value: Checked) -> bool:
    """Whether an argument is memory of the device that kernels can work on where it is."""
    return (
        isinstance(value, Memory)
        and isinstance(value.source, Buffer)
        and value.address % ALIGNMENT == 0
        and is_dense(value.shape, value.strides)
    )


def in_place(value: Checked) -> int:
    """The address of a ``usable`` argument."""
    assert isinstance(value, Memory)
    return value.address


@dataclass(frozen=True)
class Staged:
    """An argument that is copied for a call. ``buffers`` of the launch description are it
    (``numbers``; the same array may be passed twice); ``buffer`` is the first."""

    name: str
    memory: Memory
    dtype: str
    written: bool
    numbers: tuple[int, ...]

    @property
    def buffer(self) -> int:
        """The buffer that has room in the layout, for all of them."""
        return self.numbers[0]

    @staticmethod
    def title(entry: EntryPoint, values: Sequence[Checked], number: int) -> tuple[str, bool]:
        """What the argument ``number`` is called, and whether the code may write to its memory."""
        argument, key = entry.arguments[number], _key(values[number])
        same = [entry.arguments[n].written for n, other in enumerate(values) if _key(other) == key]
        name = f"argument {number}" + (f" '{argument.name}'" if argument.name else "")
        return name, any(same)

    def bring(self, driver: Driver, address: int, stream: Any) -> None:
        """Copy the elements to ``address``, row-major."""
        memory, size = self.memory, numpy_dtype(self.dtype).itemsize
        if isinstance(memory.source, Buffer):
            length, starts = pieces(memory.shape, memory.strides, self.name)
            for n, start in enumerate(starts if all(memory.shape) else ()):
                at, source = address + n * length * size, memory.address + start * size
                driver.move(at, source, length * size, stream.handle)
            return
        array = np.ascontiguousarray(seen(memory, self.dtype))
        if array.nbytes:
            driver.write(address, array.ctypes.data, array.nbytes, stream.handle)

    def spread(self, driver: Driver, address: int, stream: Any) -> None:
        """Copy what a kernel left to the device's array with gaps; nothing for the host's."""
        memory, size = self.memory, numpy_dtype(self.dtype).itemsize
        if not self.written or not isinstance(memory.source, Buffer):
            return
        length, starts = pieces(memory.shape, memory.strides, self.name)
        for n, start in enumerate(starts if all(memory.shape) else ()):
            at, source = memory.address + start * size, address + n * length * size
            driver.move(at, source, length * size, stream.handle)

    def take_back(self, driver: Driver, address: int, stream: Any) -> None:
        """Copy what a kernel left to the host's array, and wait."""
        if not self.written or isinstance(self.memory.source, Buffer):
            return
        array = seen(self.memory, self.dtype)
        dense = array if array.flags.c_contiguous else np.empty(array.shape, array.dtype)
        if dense.nbytes:
            driver.read(dense.ctypes.data, address, dense.nbytes, stream.handle)
        if dense is not array:
            array[...] = dense


def staged_arguments(
    entry: EntryPoint, program: launches.Program, values: Sequence[Checked]
) -> list[Staged]:
    """The array arguments that are not ``usable``, each array once."""
    groups: dict[Any, list[int]] = {}
    for number, memory in enumerate(program.buffers):
        if memory.kind == launches.ARGUMENT and not usable(values[memory.number]):
            groups.setdefault(_key(values[memory.number]), []).append(number)
    found = []
    for numbers in groups.values():
        argument = program.buffers[numbers[0]].number
        value = values[argument]
        assert isinstance(value, Memory)
        name, written = Staged.title(entry, values, argument)
        dtype = entry.arguments[argument].dtype
        found.append(Staged(name, value, dtype, written, tuple(numbers)))
    return found


def _key(value: Checked) -> Any:
    if isinstance(value, Memory):
        return value.address, value.shape, value.strides
    return id(value)
