"""What a device must offer; targets implement it.

device = toolchain.target("nvidia:sim").open_device()
weights = device.upload(array)                     memory of the device, one owner
bound = Runner(device, artifact).bind("main", weights, state)
graph = device.capture([bound, device.copying(state, earlier)])
device.copy(numbers, state)                        new contents, the same buffers
graph.launch()                                     the whole sequence, one call
device.download(state)                             waits for what writes to it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np

    from pharos.runtime.buffer import Buffer


@dataclass(frozen=True)
class Memory:
    """A checked array argument: where it lies, sizes and strides in elements.

    ``source`` is the array or buffer it came from; it keeps the memory alive.
    """

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    source: Any


@dataclass(frozen=True)
class Scalar:
    """A checked scalar or pointer argument as its bytes in memory (little-endian, at most 8)."""

    raw: bytes
    source: Any = None


Checked = Memory | Scalar


def entry_point(artifact: Artifact, name: str) -> EntryPoint:
    """The signature of ``name``. UserError when it cannot be called."""
    entries = {entry.name: entry for entry in artifact.entries}
    if name in entries:
        return entries[name]
    reason = artifact.metadata.get("uncallable", {}).get(name)
    if reason is not None:
        raise UserError(f"'{name}' cannot be called from outside: {reason}")
    raise UserError(
        f"no entry point '{name}'; there are: {', '.join(entries) or 'none'}",
        hint=nearest(name, entries),
    )


class Event(Protocol):
    """A point in a stream's work."""

    def synchronize(self) -> None:
        """Wait until the work before it has ended."""

    def since(self, earlier: Event) -> float:
        """Milliseconds from ``earlier`` to this one; waits for both."""


class Stream(Protocol):
    """Work that a device does in order."""

    def record(self) -> Event:
        """The point that the work has reached now."""

    def wait(self, event: Event) -> None:
        """What is given to this stream from now on starts after ``event``."""

    def synchronize(self) -> None:
        """Wait until its work has ended. UserError when a kernel of it failed."""

    def close(self) -> None:
        """Wait, and give the stream back. Harmless when done twice."""


class Work(Protocol):
    """What a stream can be given, and a graph made of: a bound call, a copy."""

    def ready(self, stream: Stream | None = None) -> None:
        """Take the memory and the code that it needs, so that ``enqueue`` takes none; with
        ``stream`` also what it needs of that one."""

    def enqueue(self, stream: Stream | None = None) -> None:
        """Give it to ``stream`` (default: the device's own), and do not wait for its end.

        UserError when it would have to read or write arrays of the host.
        """

    @property
    def buffers(self) -> Sequence[Buffer]:
        """Memory of others that it uses."""


class PreparedCall(Work, Protocol):
    """One entry point with its arguments packed: calling it costs no checks."""

    def __call__(self) -> tuple[Any, ...]:
        """Run, wait, and return the results in order: numpy arrays and Python scalars."""

    def update(self, index: int, value: Checked) -> None:
        """Replace one argument."""

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        """Where on the device the results are after each run: the same memory every time."""


class Graph(Protocol):
    """A sequence of work over fixed memory, given to a device all at once."""

    def launch(self, stream: Stream | None = None) -> None:
        """Give it to ``stream`` (default: the device's own), and do not wait for its end."""

    def close(self) -> None:
        """Let go of it and of its memory. Harmless when done twice."""


class LoadedModule(Protocol):
    """An artifact in a device's memory, ready to be called."""

    artifact: Artifact

    def prepare(self, entry: EntryPoint, values: Sequence[Checked]) -> PreparedCall:
        """Pack ``values``, one per argument of ``entry``."""


class Device(Protocol):
    """A machine, real or simulated, that runs artifacts of one target."""

    name: str

    def load(self, artifact: Artifact) -> LoadedModule:
        """Make the code callable. UserError when the artifact is for another target."""

    def allocate(self, shape: Sequence[int], dtype: str) -> Buffer:
        """Memory for an array, aligned to at least 64 bytes, not initialised."""

    def upload(self, array: np.ndarray[Any, Any]) -> Buffer:
        """A new buffer with the elements of ``array``."""

    def download(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        """A copy of the elements of ``buffer`` on the host, when all earlier work has ended."""

    def copy(self, source: Any, target: Any, stream: Stream | None = None) -> None:
        """Copy elements between buffers of this device and numpy arrays of the same shape and type.

        After all work that was given to ``stream`` before. An array may be used when this returns.
        """

    def copying(self, source: Buffer, target: Buffer) -> Work:
        """The copy from one buffer to another as work, for streams and graphs."""

    def register(self, array: np.ndarray[Any, Any]) -> Buffer:
        """The memory of ``array`` as a buffer: what one of them writes the other sees.

        The array may not be used while the device works on it. UserError where the device does
        not reach memory of the host.
        """

    def from_dlpack(self, array: Any) -> Buffer:
        """``array`` (a tensor of any framework) as a buffer: its own memory where that is memory
        of this device, else a copy. Buffers go the other way by ``torch.from_dlpack(buffer)``."""

    def stream(self, other: Any = None) -> Stream:
        """A new stream, or one of another library to work on, where that is possible."""

    def capture(self, work: Sequence[Work]) -> Graph:
        """``work`` in order as a graph.

        It uses the memory and numbers that its calls have now: contents may change between
        launches, buffers may not be freed before the graph is closed.
        """

    def synchronize(self) -> None:
        """Wait until everything that was given to the device has ended."""
