"""A function with its arguments on a device: the steps of its launch description, in order.

Buffers of the device are used where they are. Arrays of the host are copied to scratch memory for
the call, and those that the code writes are copied back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pharos.core.artifact import EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer
from pharos.runtime.device import Checked
from pharos.runtime.device import Scalar as Number
from pharos.targets.common.gpu import launches
from pharos.targets.common.gpu.host.driver import Address, Description, Parameter, Place, Scalar
from pharos.targets.common.gpu.host.results import fetched, output
from pharos.targets.common.gpu.host.scratch import Layout, layout, touched
from pharos.targets.common.gpu.host.staging import Staged, in_place, staged_arguments, usable

if TYPE_CHECKING:
    from pharos.targets.common.gpu.host.module import GpuModule

_Step = Callable[[Any], None]


class GpuCall:
    """Implements ``pharos.runtime.device.PreparedCall``."""

    def __init__(
        self,
        module: GpuModule,
        entry: EntryPoint,
        program: launches.Program,
        values: Sequence[Checked],
    ) -> None:
        self.module = module
        self.entry = entry
        self.program = program
        self.values = list(values)
        self._device = module.device
        self._driver = module.device.driver
        self._owned: dict[int, Buffer] = {}
        self._settle()

    def _settle(self) -> None:
        """Decide where everything lies, for the arguments that there are now."""
        self._staged = staged_arguments(self.entry, self.program, self.values)
        whole = {one.buffer: self.program.buffers[one.buffer].bytes for one in self._staged}
        self._layout: Layout = layout(self.program, whole, self._results_kept(), self._driver.gap)
        self._base = -1
        self._steps: list[_Step] = []

    def update(self, index: int, value: Checked) -> None:
        """Replace one argument."""
        old, self.values[index] = self.values[index], value
        same = isinstance(value, Number) or (usable(old) and usable(value))
        if same:
            self._steps = []
        else:
            self._settle()

    @property
    def buffers(self) -> list[Buffer]:
        """The arguments that are buffers."""
        return [v.source for v in self.values if isinstance(v.source, Buffer)]

    @property
    def scratch(self) -> int:
        """Bytes that it takes of a stream's scratch memory."""
        return self._layout.size

    def ready(self, stream: Any = None) -> None:
        """Bring constants to the device, and take memory for the results; for ``stream``, pack all
        launches."""
        for number, memory in enumerate(self.program.buffers):
            if memory.kind == launches.CONSTANT:
                self.module.constant(memory.number)
            elif number in self._results_kept():
                self.owned(number)
        if stream is not None:
            self._pack(stream)

    def enqueue(self, stream: Any = None) -> None:
        """Give the steps to ``stream`` without waiting. UserError for arrays of the host."""
        for one in self._staged:
            if not isinstance(one.memory.source, Buffer):
                raise UserError(
                    f"{self.entry.name}: {one.name} is an array of the host; what a stream or a "
                    f"graph is given works on memory of the device '{self._device.name}'",
                    hint="copy it over first: device.upload(array)",
                )
        self._give(stream or self._device.default)

    def __call__(self) -> tuple[Any, ...]:
        """Run the steps in order, and wait: the results as arrays."""
        stream = self._device.default
        self.ready()
        self._give(stream)
        results = tuple(
            fetched(self._driver, stream.handle, result, self._place(result.pointer.buffer))
            for result in self.program.results
        )
        for one in self._staged:
            one.take_back(self._driver, self._base + self._layout.offsets[one.buffer], stream)
        stream.synchronize()
        return results

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        """The results where they are on the device."""
        self.ready()
        return tuple(output(self, result) for result in self.program.results)

    def owned(self, number: int) -> Buffer:
        """The memory of the scratch buffer ``number``, which results are in."""
        if number not in self._owned:
            size = self.program.buffers[number].bytes
            self._owned[number] = self._device.allocate((size,), "i8")
        return self._owned[number]

    # Steps ------------------------------------------------------------------------------------

    def _give(self, stream: Any) -> None:
        base, handle = self._pack(stream), stream.handle
        for one in self._staged:
            one.bring(self._driver, base + self._layout.offsets[one.buffer], stream)
        for step in self._steps:
            step(handle)
        for one in self._staged:
            one.spread(self._driver, base + self._layout.offsets[one.buffer], stream)

    def _pack(self, stream: Any) -> int:
        """Make the steps for the stream's scratch memory, where they are not: its address."""
        base: int = stream.reserve(self._layout.size)
        if base != self._base or not self._steps:
            self._base = base
            self._steps = self._made()
        return base

    def _made(self) -> list[_Step]:
        """The steps as calls of the driver, which lack their stream."""
        driver = self._driver
        made: list[_Step] = []
        first: dict[int, list[int]] = {0: sorted(self._results_kept())}
        for buffer, number in self._layout.first.items():
            first.setdefault(number, []).append(buffer)
        for number, step in enumerate(self.program.steps):
            if driver.forgets:
                made += map(self._forgetting, first.get(number, ()))
            made.append(self._step(step))
        return made

    def _forgetting(self, number: int) -> _Step:
        place = self._place(number)
        return partial(self._driver.forget, place.address, place.size)

    def _step(self, step: launches.Step) -> _Step:
        driver = self._driver
        if isinstance(step, launches.Copy):
            source, target = self._address(step.source), self._address(step.target)
            return partial(driver.move, target, source, step.bytes)
        if isinstance(step, launches.Write):
            return partial(driver.put, self._address(step.target), bytes.fromhex(step.raw))
        values = [self._parameter(one) for one in step.operands]
        places = [self._place(number) for number in touched(step)]
        return partial(driver.launch, driver.packed(self.module.code, step, values, places))

    def _parameter(self, operand: launches.Operand) -> Parameter:
        if isinstance(operand, launches.Described):
            address = self._address(operand.pointer)
            return Description(self._driver.describe(json.loads(operand.data), address))
        if isinstance(operand, launches.Pointer):
            return Address(self._address(operand))
        if isinstance(operand, launches.Number):
            return Scalar(bytes.fromhex(operand.raw), operand.dtype)
        value = self.values[operand.number]
        assert isinstance(value, Number)
        return Scalar(value.raw, self.entry.arguments[operand.number].dtype)

    def _address(self, pointer: launches.Pointer) -> int:
        return self._place(pointer.buffer).address + pointer.offset

    def _place(self, number: int) -> Place:
        memory = self.program.buffers[number]
        if memory.kind == launches.CONSTANT:
            return self.module.constant(memory.number)
        if memory.kind == launches.ARGUMENT:
            return self._argument(number, memory)
        name = f"scratch buffer {number}"
        if number in self._results_kept():
            return Place(name, self.owned(number).address, memory.bytes)
        return Place(name, self._base + self._layout.offsets[number], memory.bytes)

    def _argument(self, number: int, memory: launches.Memory) -> Place:
        one = next((s for s in self._staged if number in s.numbers), None)
        name, written = Staged.title(self.entry, self.values, memory.number)
        if one is not None:
            address = self._base + self._layout.offsets[one.buffer]
            return Place(name, address, memory.bytes, written)
        return Place(name, in_place(self.values[memory.number]), memory.bytes, written)

    def _results_kept(self) -> set[int]:
        """The scratch buffers that results are in."""
        found = {result.pointer.buffer for result in self.program.results}
        return {b for b in found if self.program.buffers[b].kind == launches.SCRATCH}
