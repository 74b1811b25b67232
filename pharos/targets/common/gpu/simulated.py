"""A simulated GPU: its kernels run on this machine's CPU, work-item by work-item (pharos.simt)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.runtime.dtypes import FLOATS, numpy_dtype
from pharos.targets.common.gpu import archive
from pharos.targets.common.gpu.device_memory import DeviceMemory, Region, memory_of, region
from pharos.targets.common.gpu.engine import Engine, Simulation
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.host.device import GpuDevice
from pharos.targets.common.gpu.host.driver import Address, Description, Parameter, Place, Scalar
from pharos.targets.common.gpu.kind import GpuKind
from pharos.targets.common.gpu.launches import Launch

_HOST = 1  # DLPack's number of memory that the CPU reaches


class SimulatedDevice(GpuDevice):
    """A ``GpuDevice`` over ``SimulatedDriver``.

    It has memory of its own: arrays of the host are copied to it for a call, whatever their
    strides, and those that the code writes are copied back. Memory that nobody wrote holds NaN.
    """

    def __init__(self, name: str, kind: GpuKind, facts: GpuFacts) -> None:
        """``name`` is the target's, such as "nvidia:sm_90a:sim"."""
        self.simulation = Simulation.from_settings()
        driver = SimulatedDriver(kind, facts, self.simulation, memory_of(name))
        super().__init__(name, driver)

    def _check_target(self, artifact: Artifact) -> None:
        """UserError for another target's artifact. One for the real chip runs too: it is the same
        LLVM IR."""
        if artifact.target.removesuffix(":sim") != self.name.removesuffix(":sim"):
            raise UserError(
                f"the device {self.name} runs code for {self.name.removesuffix(':sim')}, real or "
                f"simulated; found code for {artifact.target}"
            )


@dataclass
class _Stream:
    """Runs what it is given at once, or notes it when a graph is made."""

    noted: list[Any] | None = field(default=None)

    def do(self, work: Any) -> None:
        if self.noted is None:
            work()
        else:
            self.noted.append(work)


class SimulatedDriver:
    """Implements ``host.driver.Driver``: streams do their work at once."""

    alignment = 256
    dlpack = (_HOST, 0)
    forgets = True
    sees_host = True
    granule = 1
    # An access a little beyond an array must not be one to the next.
    gap = 4096

    def __init__(
        self,
        kind: GpuKind,
        facts: GpuFacts,
        simulation: Simulation,
        memory: DeviceMemory | None = None,
    ) -> None:
        """Without ``memory`` it has its own."""
        self._kind = kind
        self._facts = facts
        self._simulation = simulation
        self.memory = memory or DeviceMemory()

    def summary(self) -> str:
        """What is simulated."""
        return f"{self._facts.chip}, simulated on the CPU"

    # Memory -----------------------------------------------------------------------------------

    def allocate(self, size: int) -> int:
        """Memory that holds NaN, and that nobody wrote."""
        return self.memory.allocate(size)

    def free(self, address: int) -> None:
        """Give it back."""
        self.memory.free(address)

    def visible(self, address: int, size: int) -> None:
        """Device memory is not the host's, as on a real device."""

    def register(self, address: int, size: int) -> int:
        """Memory of the host, which is taken as written."""
        self.memory.adopt(address, size)
        return address

    def unregister(self, address: int) -> None:
        """The end of ``register``."""
        self.memory.free(address)

    def borrow(self, address: int, size: int) -> Callable[[], None]:
        """Memory of the host is a simulated device's own."""
        if self.memory.holds(address, size):
            return _nothing
        self.memory.adopt(address, size)
        return partial(self.memory.free, address)

    def lend(self, address: int, size: int) -> None:
        """It counts as written."""
        self.memory.trust(address, size)

    def stream_number(self, stream: _Stream) -> None:
        """Memory of the host has no streams."""

    def write(self, target: int, source: int, size: int, stream: _Stream) -> None:
        """Copy from the host."""
        self.memory.write(target, source, size)

    def read(self, target: int, source: int, size: int, stream: _Stream) -> None:
        """Copy to the host."""
        self.memory.read(target, source, size)

    def move(self, target: int, source: int, size: int, stream: _Stream) -> None:
        """Copy, with what is known of each byte."""
        stream.do(partial(self.memory.move, target, source, size))

    def put(self, target: int, raw: bytes, stream: _Stream) -> None:
        """Write these bytes."""
        stream.do(partial(self.memory.put, target, raw))

    def forget(self, address: int, size: int, stream: _Stream) -> None:
        """Poison memory that is used for something new."""
        stream.do(partial(self.memory.forget, address, size))

    # Code -------------------------------------------------------------------------------------

    def load(self, files: Mapping[str, bytes]) -> Engine:
        """The kernels; they are compiled when they first run."""
        text = files[archive.LLVM_IR].decode()
        return Engine(text, self._kind.meanings, self._facts, self._simulation)

    def unload(self, module: Engine) -> None:
        """The engine goes with its last user."""

    def packed(
        self, module: Engine, launch: Launch, values: Sequence[Parameter], places: Sequence[Place]
    ) -> Any:
        """The launch with its operands as the simulator takes them."""
        described: list[Region] = []
        operands = [_operand(value, described) for value in values]
        return module, launch, operands, tuple(places), described

    def launch(self, packed: Any, stream: _Stream) -> None:
        """Run every block. SimulationFault where a kernel does wrong."""
        stream.do(partial(self._launch, *packed))

    def _launch(
        self,
        engine: Engine,
        launch: Launch,
        operands: Sequence[int | float],
        places: Sequence[Place],
        described: Sequence[Region],
    ) -> None:
        engine.run(launch, operands, [*map(self.memory.region, places), *described])

    def describe(self, data: Mapping[str, Any], address: int) -> bytes:
        """In our own encoding, which the simulated instructions read."""
        return self._kind.describe(data, address)

    # Streams, events, graphs ------------------------------------------------------------------

    def stream(self) -> _Stream:
        """A new stream."""
        return _Stream()

    def adopted(self, other: Any) -> _Stream:
        """UserError: no other library has such streams."""
        raise UserError(f"no streams of other libraries can be used here, found {other!r}")

    def close_stream(self, stream: _Stream) -> None:
        """There is nothing to give back."""

    def synchronize(self, stream: _Stream) -> None:
        """Its work has ended."""

    def record(self, stream: _Stream) -> float:
        """The time, in seconds."""
        return time.perf_counter()

    def wait(self, stream: _Stream, event: float) -> None:
        """It has happened."""

    def elapsed(self, earlier: float, later: float) -> float:
        """Milliseconds of this machine, which say nothing about a GPU."""
        return (later - earlier) * 1e3

    def wait_event(self, event: float) -> None:
        """It has happened."""

    def close_event(self, event: float) -> None:
        """There is nothing to give back."""

    def begin(self, stream: _Stream) -> None:
        """From now on ``stream`` only notes its work."""
        stream.noted = []

    def end(self, stream: _Stream) -> list[Any]:
        """What it noted."""
        noted, stream.noted = stream.noted or [], None
        return noted

    def run(self, graph: Sequence[Any], stream: _Stream) -> None:
        """Do all of it."""
        for work in graph:
            stream.do(work)

    def close_graph(self, graph: Any) -> None:
        """There is nothing to give back."""


def _nothing() -> None:
    """What is the device's own is not given back."""


def _operand(value: Parameter, described: list[Region]) -> int | float:
    """What the kernel is passed: an address or a number. A description is one more region."""
    if isinstance(value, Address):
        return value.value
    if isinstance(value, Scalar):
        number = np.frombuffer(value.raw, numpy_dtype(value.dtype), 1)[0]
        return float(number) if value.dtype in FLOATS else int(number)
    assert isinstance(value, Description)
    described.append(region("description of an array", len(value.raw), value.raw, writable=False))
    return described[-1].address
