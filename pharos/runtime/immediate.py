"""Streams, events and graphs of devices whose work has ended when its call returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pharos.core.errors import UserError
from pharos.runtime.device import Work

if TYPE_CHECKING:
    from pharos.runtime.buffer import Buffer


class ImmediateEvent:
    """A point in time, in seconds of ``time.perf_counter``."""

    def __init__(self) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        """The work before it has ended."""

    def since(self, earlier: Any) -> float:
        """Milliseconds since ``earlier``."""
        return (self.at - float(earlier.at)) * 1e3


class ImmediateStream:
    """Does work at once."""

    def record(self) -> ImmediateEvent:
        """Now."""
        return ImmediateEvent()

    def wait(self, event: Any) -> None:
        """Its work has ended."""

    def synchronize(self) -> None:
        """Its work has ended."""

    def close(self) -> None:
        """There is nothing to give back."""


class ImmediateGraph:
    """Work that is done one after the other; its buffers cannot be freed before it is closed."""

    def __init__(self, work: Sequence[Work]) -> None:
        for one in work:
            one.ready()
        self._work = list(work)
        self._pins: list[Callable[[], None]] = [b.pin() for one in work for b in one.buffers]

    def launch(self, stream: Any = None) -> None:
        """Do it."""
        if not self._pins and not self._work:
            raise UserError("the graph was closed")
        for one in self._work:
            one.enqueue(stream)

    def close(self) -> None:
        """Let go of the buffers. Harmless when done twice."""
        pins, self._pins, self._work = self._pins, [], []
        for unpin in pins:
            unpin()


class HostCopy:
    """A copy between two buffers that the host sees, as work."""

    def __init__(self, source: Buffer, target: Buffer) -> None:
        self.buffers = (source, target)

    def ready(self, stream: Any = None) -> None:
        """It needs nothing."""

    def enqueue(self, stream: Any = None) -> None:
        """Copy."""
        source, target = self.buffers
        target.numpy()[...] = source.numpy()


def check_alike(source: Any, target: Any) -> None:
    """UserError when a copy would have to change shape or element type.

    Both are buffers or numpy arrays.
    """
    from pharos.runtime.dtypes import accepts, name_of

    def named(one: Any) -> tuple[str, list[int]]:
        dtype = one.dtype if isinstance(one.dtype, str) else name_of(one.dtype)
        return dtype or str(one.dtype), list(one.shape)

    (given, sizes), (wanted, room) = named(source), named(target)
    same = given == wanted or (
        not isinstance(source.dtype, str)
        and isinstance(target.dtype, str)
        and accepts(target.dtype, source.dtype)
    )
    if not same or sizes != room:
        raise UserError(
            f"a copy needs the same shape and element type on both sides, found {given}{sizes} "
            f"and {wanted}{room}"
        )
