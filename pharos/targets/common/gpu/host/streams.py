"""Streams, events and graphs over a driver's handles."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from pharos.core.errors import UserError
from pharos.runtime.device import Work
from pharos.targets.common.gpu.host.driver import Driver
from pharos.targets.common.gpu.host.scratch import Arena


class GpuEvent:
    """Implements ``pharos.runtime.device.Event``."""

    def __init__(self, driver: Driver, handle: Any) -> None:
        self._driver = driver
        self.handle = handle

    def synchronize(self) -> None:
        """Wait until the work before it has ended."""
        self._driver.wait_event(self.handle)

    def since(self, earlier: Any) -> float:
        """Milliseconds from ``earlier`` to this one, on the device's clock."""
        earlier.synchronize()
        self.synchronize()
        return self._driver.elapsed(earlier.handle, self.handle)

    def __del__(self) -> None:
        self._driver.close_event(self.handle)


class GpuStream:
    """Implements ``pharos.runtime.device.Stream``; ``arena`` is the scratch memory of its calls."""

    def __init__(self, driver: Driver, other: Any = None) -> None:
        """A new stream, or the ``other`` library's (``Driver.adopted``), which stays its own."""
        self._driver = driver
        self._other = other  # which a handle alone does not keep alive
        self._owned = other is None
        self.handle = driver.stream() if other is None else driver.adopted(other)
        self.arena = Arena(driver)
        self.open = True

    def record(self) -> GpuEvent:
        """The point that the work has reached now."""
        self._check()
        return GpuEvent(self._driver, self._driver.record(self.handle))

    def wait(self, event: Any) -> None:
        """What is given to this stream from now on starts after ``event``, which may be another
        library's that has its ``handle``."""
        self._check()
        self._driver.wait(self.handle, event.handle)

    def synchronize(self) -> None:
        """Wait until its work has ended."""
        self._check()
        self._driver.synchronize(self.handle)

    def close(self) -> None:
        """Wait, and give the stream and its scratch memory back. Harmless when done twice."""
        if self.open:
            self.open = False
            self._driver.synchronize(self.handle)
            self.arena.close()
            if self._owned:
                self._driver.close_stream(self.handle)

    def reserve(self, size: int) -> int:
        """The address of ``size`` bytes for whoever is given to this stream next."""
        self._check()
        return self.arena.reserve(size, self.handle) if size else 0

    def _check(self) -> None:
        if not self.open:
            raise UserError("the stream was closed")

    def __enter__(self) -> GpuStream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class GpuGraph:
    """Implements ``pharos.runtime.device.Graph``: made once, launched with one call of the driver.

    Its calls share scratch memory of its own, so that it may run beside other streams.
    """

    def __init__(self, driver: Driver, work: Sequence[Work], default: GpuStream) -> None:
        """Note the ``work``; ``default`` is the stream that launches are given to."""
        for one in work:
            one.ready()
        self._driver = driver
        self._default = default
        self._work = list(work)
        self._last: GpuStream | None = None
        self._noting = GpuStream(driver)
        try:
            self._noting.reserve(max((getattr(one, "scratch", 0) for one in work), default=0))
            self._noting.arena.fixed = True
            for one in work:
                one.ready(self._noting)
            self.handle = self._noted(work)
        except BaseException:
            self._noting.close()
            raise
        self._pins: list[Callable[[], None]] = [b.pin() for one in work for b in one.buffers]

    def _noted(self, work: Sequence[Work]) -> Any:
        # Meanwhile a driver refuses to give memory back, which collecting garbage may ask for.
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._captured(work)
        finally:
            if collecting:
                gc.enable()

    def _captured(self, work: Sequence[Work]) -> Any:
        self._driver.begin(self._noting.handle)
        try:
            for one in work:
                one.enqueue(self._noting)
        except BaseException:
            # A stream cannot be used again before what it was noting has ended.
            with suppress(UserError):
                self._driver.close_graph(self._driver.end(self._noting.handle))
            raise
        return self._driver.end(self._noting.handle)

    def launch(self, stream: Any = None) -> None:
        """Give all of it to ``stream`` (default: the device's own)."""
        if self.handle is None:
            raise UserError("the graph was closed")
        self._last = stream or self._default
        self._driver.run(self.handle, self._last.handle)

    def close(self) -> None:
        """Wait for it, let go of its buffers, give its memory back. Harmless when done twice."""
        if self.handle is None:
            return
        if self._last is not None and self._last.open:
            self._last.synchronize()
        self._driver.close_graph(self.handle)
        self.handle = None
        self._noting.close()
        pins, self._pins, self._work = self._pins, [], []
        for unpin in pins:
            unpin()

    def __enter__(self) -> GpuGraph:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "handle", None) is not None:
            self.close()
