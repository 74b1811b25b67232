"""The streams and events of a program, by the handles that it knows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from pharos.core.errors import UserError
from pharos.targets.common.gpu.host.driver import Driver


class Streams:
    """Handles are numbers from 1; 0 is the program's own stream."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._streams: dict[int, Any] = {}
        self._events: dict[int, Any] = {}
        self._next = itertools.count(1)

    def at(self, handle: int) -> Any:
        """The driver's stream with this handle."""
        if handle == 0 and 0 not in self._streams:
            self._streams[0] = self._driver.stream()
        if handle not in self._streams:
            raise UserError("this stream was given back before")
        return self._streams[handle]

    def wait_for_all(self) -> None:
        """Wait until everything that was started has ended."""
        for stream in self._streams.values():
            self._driver.synchronize(stream)

    def close(self) -> None:
        """Give everything back."""
        for event in self._events.values():
            if event is not None:
                self._driver.close_event(event)
        for stream in self._streams.values():
            self._driver.close_stream(stream)
        self._events, self._streams = {}, {}

    def functions(self) -> dict[str, Callable[..., Any]]:
        """MLIR's functions on streams and events; the first argument is the caller's place."""
        return {
            "mgpuStreamCreate": self._create,
            "mgpuStreamDestroy": self._destroy,
            "mgpuStreamSynchronize": lambda _, handle: self._driver.synchronize(self.at(handle)),
            "mgpuStreamWaitEvent": self._wait,
            "mgpuEventCreate": self._create_event,
            "mgpuEventDestroy": self._destroy_event,
            "mgpuEventSynchronize": self._wait_event,
            "mgpuEventRecord": self._record,
        }

    def _create(self, _: Any) -> int:
        handle = next(self._next)
        self._streams[handle] = self._driver.stream()
        return handle

    def _destroy(self, _: Any, handle: int) -> None:
        stream = self.at(handle)
        self._driver.synchronize(stream)
        self._driver.close_stream(stream)
        del self._streams[handle]

    def _create_event(self, _: Any) -> int:
        handle = next(self._next)
        self._events[handle] = None
        return handle

    def _destroy_event(self, _: Any, handle: int) -> None:
        event = self._events.pop(handle, None)
        if event is not None:
            self._driver.close_event(event)

    def _record(self, _: Any, handle: int, stream: int) -> None:
        self._destroy_event(_, handle)
        self._events[handle] = self._driver.record(self.at(stream))

    def _wait(self, _: Any, stream: int, handle: int) -> None:
        event = self._events.get(handle)
        if event is not None:
            self._driver.wait(self.at(stream), event)

    def _wait_event(self, _: Any, handle: int) -> None:
        event = self._events.get(handle)
        if event is not None:
            self._driver.wait_event(event)
