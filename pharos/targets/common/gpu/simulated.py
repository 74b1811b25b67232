"""A simulated GPU: its kernels run on this machine's CPU, work-item by work-item (pharos.simt)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer
from pharos.runtime.device import Checked, Memory, Scalar
from pharos.runtime.dtypes import FLOATS, numpy_dtype
from pharos.targets.common.gpu import archive, launches
from pharos.targets.common.gpu.device_memory import Region, brought, poisoned, region, taken_back
from pharos.targets.common.gpu.engine import Engine, Simulation
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import GpuKind

if TYPE_CHECKING:
    import numpy as np


class SimulatedDevice:
    """Implements ``pharos.runtime.Device``.

    It has memory of its own: arrays of the host are copied to it for a call, whatever their
    strides, and those that the code writes are copied back. Memory that nobody wrote holds NaN.
    """

    def __init__(self, name: str, kind: GpuKind, facts: GpuFacts) -> None:
        """``name`` is the target's, such as "nvidia:sm_90a:sim"."""
        self.name = name
        self.kind = kind
        self.facts = facts
        self.simulation = Simulation.from_settings()

    def load(self, artifact: Artifact) -> SimulatedModule:
        """Read the kernels; they are compiled when they first run. Needs no MLIR.

        UserError for another target's artifact. One for the real chip runs too: it is the same
        LLVM IR.
        """
        if artifact.target.removesuffix(":sim") != self.name.removesuffix(":sim"):
            raise UserError(
                f"the device {self.name} runs code for {self.name.removesuffix(':sim')}, real or "
                f"simulated; found code for {artifact.target}"
            )
        return SimulatedModule(self, artifact)

    def allocate(self, shape: Sequence[int], dtype: str) -> Buffer:
        """Device memory that nobody wrote."""
        return poisoned(self.name, shape, dtype)

    def upload(self, array: np.ndarray[Any, Any]) -> Buffer:
        """A new buffer with the elements of ``array``."""
        from pharos.runtime.dtypes import name_of

        dtype = name_of(array.dtype)
        if dtype is None:
            raise UserError(f"no element type for arrays of {array.dtype}")
        buffer = self.allocate(array.shape, dtype)
        buffer.numpy()[...] = array
        return buffer

    def download(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        """A copy of the elements of ``buffer``."""
        return buffer.numpy().copy()

    def synchronize(self) -> None:
        """Calls return when they have ended; there is nothing to wait for."""


class SimulatedModule:
    """The kernels of an artifact, and what its functions do with them."""

    def __init__(self, device: SimulatedDevice, artifact: Artifact) -> None:
        self.artifact = artifact
        self.device = device
        files = archive.unpack(artifact)
        text = files[archive.LLVM_IR].decode()
        self.engine = Engine(text, device.kind.meanings, device.facts, device.simulation)
        self._files = files
        self._constants: dict[int, Region] = {}

    def prepare(self, entry: EntryPoint, values: Sequence[Checked]) -> SimulatedCall:
        """A call of ``entry`` with ``values``."""
        data = self.artifact.metadata[launches.LAUNCHES][entry.name]
        return SimulatedCall(self, entry, launches.from_data(data), values)

    def constant(self, number: int) -> Region:
        """The memory of a constant array."""
        if number not in self._constants:
            name = archive.constant_name(number)
            data = self._files[name]
            self._constants[number] = region(f"constant {number}", len(data), data, writable=False)
        return self._constants[number]


class SimulatedCall:
    """A function with its arguments; holds them alive."""

    def __init__(
        self,
        module: SimulatedModule,
        entry: EntryPoint,
        program: launches.Program,
        values: Sequence[Checked],
    ) -> None:
        self._module = module
        self._entry = entry
        self._program = program
        self._values = list(values)

    def __call__(self) -> tuple[Any, ...]:
        """Run the steps in order: the results as arrays."""
        regions = self._regions()
        for step in self._program.steps:
            self._run(step, regions)
        for number, memory in enumerate(self._program.buffers):
            if memory.kind == launches.ARGUMENT and regions[number].writable:
                argument = self._entry.arguments[memory.number]
                value = self._values[memory.number]
                assert isinstance(value, Memory)
                taken_back(regions[number], value, argument.dtype)
        return tuple(_array(result, regions) for result in self._program.results)

    def update(self, index: int, value: Checked) -> None:
        """Replace one argument."""
        self._values[index] = value

    def _regions(self) -> list[Region]:
        """The memory of each buffer; arguments that are the same array share it."""
        found: list[Region] = []
        shared: dict[Any, Region] = {}
        for number, memory in enumerate(self._program.buffers):
            if memory.kind == launches.SCRATCH:
                found.append(region(f"scratch buffer {number}", memory.bytes))
            elif memory.kind == launches.CONSTANT:
                found.append(self._module.constant(memory.number))
            else:
                found.append(self._argument(memory.number, shared))
        return found

    def _argument(self, number: int, shared: dict[Any, Region]) -> Region:
        argument, value = self._entry.arguments[number], self._values[number]
        assert isinstance(value, Memory)
        key = (value.address, value.shape, value.strides)
        if key not in shared:
            name = f"argument {number}" + (f" '{argument.name}'" if argument.name else "")
            same = [
                self._entry.arguments[n].written
                for n, other in enumerate(self._values)
                if isinstance(other, Memory) and (other.address, other.shape, other.strides) == key
            ]
            shared[key] = brought(name, value, argument.dtype, any(same))
        return shared[key]

    def _run(self, step: launches.Step, regions: Sequence[Region]) -> None:
        if isinstance(step, launches.Launch):
            everything = list(regions)
            operands = [self._operand(one, everything) for one in step.operands]
            self._module.engine.run(step, operands, everything)
        elif isinstance(step, launches.Copy):
            data, known = regions[step.source.buffer].taken(step.source.offset, step.bytes)
            regions[step.target.buffer].put(step.target.offset, data, known)
        else:
            regions[step.target.buffer].put(step.target.offset, bytes.fromhex(step.raw))

    def _operand(self, operand: launches.Operand, regions: list[Region]) -> int | float:
        """What the kernel is passed: an address or a number. A description is one more region."""
        if isinstance(operand, launches.Described):
            address = regions[operand.pointer.buffer].address + operand.pointer.offset
            data = self._module.device.kind.describe(json.loads(operand.data), address)
            regions.append(region("description of an array", len(data), data, writable=False))
            return regions[-1].address
        if isinstance(operand, launches.Pointer):
            return regions[operand.buffer].address + operand.offset
        if isinstance(operand, launches.Number):
            return _number(bytes.fromhex(operand.raw), operand.dtype)
        value = self._values[operand.number]
        assert isinstance(value, Scalar)
        return _number(value.raw, self._entry.arguments[operand.number].dtype)


def _number(raw: bytes, dtype: str) -> int | float:
    import numpy as np

    value = np.frombuffer(raw, numpy_dtype(dtype), 1)[0]
    return float(value) if dtype in FLOATS else int(value)


def _array(result: launches.Result, regions: Sequence[Region]) -> Any:
    from pharos.targets.common.gpu.device_memory import seen

    address = regions[result.pointer.buffer].address + result.pointer.offset
    memory = Memory(address, result.shape, result.strides, None)
    array = seen(memory, result.dtype)
    return array.copy() if array.size else numpy_dtype(result.dtype).type(0) * array
