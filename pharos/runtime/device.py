"""What a device must offer; targets implement it."""

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


class PreparedCall(Protocol):
    """One entry point with its arguments packed: calling it costs no checks."""

    def __call__(self) -> tuple[Any, ...]:
        """Run and return the results in order: numpy arrays and Python scalars."""

    def update(self, index: int, value: Checked) -> None:
        """Replace one argument."""


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
        """A copy of the elements of ``buffer`` on the host."""

    def synchronize(self) -> None:
        """Wait until everything that was launched has ended."""
