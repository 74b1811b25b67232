"""What a driver supplies: memory, code, launches, streams, events, graphs, by plain numbers.

``targets/X/driver.py`` of a vendor implements it over the vendor's library, ``simulated.py`` on
this machine's CPU. Everything above it is common. Handles (of modules, functions, streams, events,
graphs) are whatever the driver makes them; addresses are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pharos.targets.common.gpu.launches import Launch


@dataclass(frozen=True)
class Place:
    """Memory that a kernel may touch: ``size`` bytes at ``address``; ``name`` is for messages."""

    name: str
    address: int
    size: int
    writable: bool = True


@dataclass(frozen=True)
class Address:
    """A pointer that a kernel is passed."""

    value: int


@dataclass(frozen=True)
class Scalar:
    """A number that a kernel is passed, as the bytes of a ``dtype``."""

    raw: bytes
    dtype: str


@dataclass(frozen=True)
class Description:
    """What the device makes of an array (a tensor map): its bytes."""

    raw: bytes


Parameter = Address | Scalar | Description


class Driver(Protocol):
    """A device's functions. Each raises UserError that says what failed and what to do about it.

    ``alignment`` is that of every allocation, in bytes; ``dlpack`` the device's type and number
    as DLPack counts them; ``forgets`` whether ``forget`` does anything; ``sees_host`` whether
    ``register`` can succeed; ``granule`` the bytes of a page, where ``register`` takes whole pages
    and each once, else 1; ``gap`` how many bytes that belong to nobody are left behind each of the
    arrays that share an allocation.
    """

    alignment: int
    dlpack: tuple[int, int]
    forgets: bool
    sees_host: bool
    granule: int
    gap: int

    def summary(self) -> str:
        """The device for people: what it is, and what its driver knows."""

    def allocate(self, size: int) -> int:
        """The address of ``size`` bytes, at least one."""

    def free(self, address: int) -> None:
        """Give back what ``allocate`` gave, when all work that uses it has ended."""

    def visible(self, address: int, size: int) -> Any:
        """An object with numpy's buffer interface over device memory; None where there is none."""

    def register(self, address: int, size: int) -> int:
        """Let the device reach memory of the host: its address there."""

    def unregister(self, address: int) -> None:
        """The end of ``register``; ``address`` is the host's."""

    def borrow(self, address: int, size: int) -> Callable[[], None] | None:
        """Memory of this device that another framework made will be used; what ends that."""

    def lend(self, address: int, size: int) -> None:
        """Another framework may write there from now on."""

    def stream_number(self, stream: Any) -> int | None:
        """The stream as DLPack's ``stream`` argument; None where it has none."""

    def write(self, target: int, source: int, size: int, stream: Any) -> None:
        """Copy from the host, which may use ``source`` when this returns."""

    def read(self, target: int, source: int, size: int, stream: Any) -> None:
        """Copy to the host, and wait until it is there."""

    def move(self, target: int, source: int, size: int, stream: Any) -> None:
        """Copy on the device."""

    def put(self, target: int, raw: bytes, stream: Any) -> None:
        """Write a few bytes that are known from the start; legal in a graph."""

    def forget(self, address: int, size: int, stream: Any) -> None:
        """Nothing that was written there counts from now on."""

    def load(self, files: Mapping[str, bytes]) -> Any:
        """The code of an artifact's files, as ``archive.unpack`` gives them."""

    def unload(self, module: Any) -> None:
        """Give back what ``load`` gave."""

    def packed(
        self, module: Any, launch: Launch, values: Sequence[Parameter], places: Sequence[Place]
    ) -> Any:
        """A launch with its parameters in memory, ready to be given to streams many times."""

    def launch(self, packed: Any, stream: Any) -> None:
        """Give it to ``stream``."""

    def describe(self, data: Mapping[str, Any], address: int) -> bytes:
        """What the device makes of ``data`` for the array at ``address``."""

    def stream(self) -> Any:
        """A new stream."""

    def adopted(self, other: Any) -> Any:
        """The handle of another library's stream. UserError where that cannot be used."""

    def close_stream(self, stream: Any) -> None:
        """Give it back, when its work has ended."""

    def synchronize(self, stream: Any) -> None:
        """Wait for a stream."""

    def record(self, stream: Any) -> Any:
        """A new event, at the place that ``stream`` has reached."""

    def wait(self, stream: Any, event: Any) -> None:
        """Later work of ``stream`` starts after ``event``."""

    def elapsed(self, earlier: Any, later: Any) -> float:
        """Milliseconds between two events, when both have happened."""

    def wait_event(self, event: Any) -> None:
        """Wait until ``event`` has happened."""

    def close_event(self, event: Any) -> None:
        """Give it back."""

    def begin(self, stream: Any) -> None:
        """From now on ``stream`` only notes the work that it is given."""

    def end(self, stream: Any) -> Any:
        """The graph of what it noted."""

    def run(self, graph: Any, stream: Any) -> None:
        """Give all of ``graph`` to ``stream``."""

    def close_graph(self, graph: Any) -> None:
        """Give it back, when its work has ended."""
