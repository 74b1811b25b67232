"""The driver interface that CUDA defined and HIP follows: one implementation, a table of names.

Sources: CUDA Driver API 13; hip_runtime_api.h of ROCm 7. Functions, the order of their arguments
and the numbers of results are the same wherever this file does not ask the table.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.cuda_rules import CudaRules, mib, stream_handle
from pharos.targets.common.gpu.host.library import Library, Prototypes
from pharos.targets.common.gpu.host.parameters import Packed

_POINTER, _OUT = ctypes.c_void_p, ctypes.c_void_p
_UINT, _INT, _SIZE, _ADDRESS = ctypes.c_uint, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint64
_NON_BLOCKING = 1
_MAPPED = 2
_THREAD_LOCAL = 1  # other threads may go on while one captures
_MS = ctypes.c_float

# What every function here is called in this file, and what it takes after it.
ROLES: Prototypes = {
    "init": [_UINT],
    "count": [_OUT],
    "device": [_OUT, _INT],
    "device_name": [ctypes.c_char_p, _INT, _INT],
    "memory_info": [_OUT, _OUT],
    "allocate": [_OUT, _SIZE],
    "free": [_ADDRESS],
    "register": [_POINTER, _SIZE, _UINT],
    "registered": [_OUT, _POINTER, _UINT],
    "unregister": [_POINTER],
    "to_device": [_ADDRESS, _POINTER, _SIZE, _POINTER],
    "to_host": [_POINTER, _ADDRESS, _SIZE, _POINTER],
    "on_device": [_ADDRESS, _ADDRESS, _SIZE, _POINTER],
    "fill8": [_ADDRESS, ctypes.c_ubyte, _SIZE, _POINTER],
    "fill16": [_ADDRESS, ctypes.c_ushort, _SIZE, _POINTER],
    "fill32": [_ADDRESS, _UINT, _SIZE, _POINTER],
    "unload": [_POINTER],
    "function": [_OUT, _POINTER, ctypes.c_char_p],
    "launch": [_POINTER, *[_UINT] * 7, _POINTER, _POINTER, _POINTER],
    "stream": [_OUT, _UINT],
    "close_stream": [_POINTER],
    "synchronize": [_POINTER],
    "wait": [_POINTER, _POINTER, _UINT],
    "event": [_OUT, _UINT],
    "record": [_POINTER, _POINTER],
    "wait_event": [_POINTER],
    "elapsed": [_OUT, _POINTER, _POINTER],
    "close_event": [_POINTER],
    "begin": [_POINTER, _INT],
    "end": [_POINTER, _OUT],
    "instantiate": [_OUT, _POINTER, ctypes.c_ulonglong],
    "run": [_POINTER, _POINTER],
    "close_noted": [_POINTER],
    "close_graph": [_POINTER],
}

# Results that both interfaces number alike.
KINDS: Mapping[int, str] = {
    2: failures.NO_MEMORY,
    35: failures.OLD_DRIVER,
    100: failures.NO_DEVICE,
    101: failures.NO_DEVICE,
    200: failures.BAD_CODE,
    209: failures.BAD_CODE,
    218: failures.BAD_CODE,
    221: failures.OLD_DRIVER,
    222: failures.OLD_DRIVER,
    303: failures.OLD_DRIVER,
    700: failures.FAULT,
    701: failures.LAUNCH,
    702: failures.FAULT,
    704: failures.OTHER,
    712: failures.REGISTERED,
    714: failures.FAULT,
    715: failures.FAULT,
    716: failures.FAULT,
    717: failures.FAULT,
    718: failures.FAULT,
    719: failures.FAULT,
    46: failures.LOST,
    803: failures.OLD_DRIVER,
    804: failures.OLD_DRIVER,
    1: failures.OTHER,
}


@dataclass(frozen=True)
class Names:
    """What a vendor calls the functions of ``ROLES`` ("new|old" where they were renamed)."""

    of: Mapping[str, str]
    extra: Prototypes

    def prototypes(self) -> Prototypes:
        """All functions by the vendor's names."""
        return {self.of[role]: ROLES[role] for role in ROLES} | dict(self.extra)


class CudaLike(CudaRules):
    """Implements ``host.driver.Driver`` but for code, which the vendors load differently."""

    def __init__(self, library: Library, names: Names, number: int = 0) -> None:
        """Open the device ``number``. DeviceError when it is not there."""
        super().__init__(library)
        self.library = library
        self.number = number
        self._names = names.of
        self._launch = library.function(names.of["launch"])
        self._run = library.function(names.of["run"])
        self.call("init", 0)
        found = self.made("count", _INT)
        if number >= found:
            raise library.failed(failures.NO_DEVICE, f"{found} device(s)")
        self.handle = self.made("device", _INT, number)
        self.enter()

    def call(self, role: str, *arguments: Any, detail: str = "") -> None:
        """A function of ``ROLES``."""
        try:
            self.library.call(self._names[role], *arguments, detail=detail)
        except failures.DeviceError as error:
            self._note(error)
            raise

    def made(self, role: str, kind: Any, *arguments: Any, detail: str = "") -> Any:
        """What a function of ``ROLES`` makes."""
        value = kind()
        self.call(role, ctypes.byref(value), *arguments, detail=detail)
        return value.value

    def title(self) -> str:
        """What the device calls itself."""
        name = ctypes.create_string_buffer(256)
        self.call("device_name", name, 256, self.handle)
        return name.value.decode(errors="replace")

    # Memory -----------------------------------------------------------------------------------

    def allocate(self, size: int) -> int:
        """Memory of the device."""
        self.enter()
        value = _ADDRESS()
        function = self.library.function(self._names["allocate"])
        code = function(ctypes.byref(value), size)
        if code:
            free, total = _SIZE(), _SIZE()
            self.call("memory_info", ctypes.byref(free), ctypes.byref(total))
            raise self._no_room(self._names["allocate"], code, size, free.value, total.value)
        return int(value.value)

    def free(self, address: int) -> None:
        """Give memory back; the driver waits for work that uses it. After a fault there is nothing
        left to give back."""
        if not self._broken:
            self.enter()
            self.call("free", address)

    def register(self, address: int, size: int) -> int:
        """Lock memory of the host, and map it for the device."""
        self.enter()
        self.call("register", address, size, _MAPPED, detail=f"{mib(size)} of the host")
        self._registered[address] = size
        return int(self.made("registered", _ADDRESS, address, 0))

    def unregister(self, address: int) -> None:
        """The end of ``register``."""
        del self._registered[address]
        if not self._broken:
            self.enter()
            self.call("unregister", address)

    def stream_number(self, stream: Any) -> int | None:
        """Its handle: the other framework lets it wait for its own work."""
        return int(stream)

    def _bring(self, target: int, source: int, size: int, stream: Any) -> None:
        self.call("to_device", target, source, size, stream)

    def read(self, target: int, source: int, size: int, stream: Any) -> None:
        """Copy to the host, and wait."""
        self.enter()
        self.call("to_host", target, source, size, stream)
        self.synchronize(stream)

    def move(self, target: int, source: int, size: int, stream: Any) -> None:
        """Copy on the device."""
        self.enter()
        self.call("on_device", target, source, size, stream)

    def _fill(self, bits: int, target: int, word: int, stream: Any) -> None:
        self.call(f"fill{bits}", target, word, 1, stream)

    # Launches ---------------------------------------------------------------------------------

    def unload(self, module: Any) -> None:
        """Give the code back."""
        if not self._broken and module.handle is not None:
            self.enter()
            self.call("unload", module.handle)

    def launch(self, packed: Packed, stream: Any) -> None:
        """One call of the driver."""
        self.enter()
        self._latest = packed.kernel
        code = self._launch(
            packed.function,
            *packed.grid,
            *packed.block,
            packed.shared,
            stream,
            packed.pointers,
            None,
        )
        if code:
            raise self._refused(self._names["launch"], code, packed)

    # Streams, events, graphs ------------------------------------------------------------------

    def stream(self) -> Any:
        """A stream that does not wait for the default one."""
        self.enter()
        return self.made("stream", _POINTER, _NON_BLOCKING)

    def adopted(self, other: Any) -> Any:
        """By the protocol ``__cuda_stream__`` (version, handle), or PyTorch's ``cuda_stream``."""
        return stream_handle(other)

    def close_stream(self, stream: Any) -> None:
        """Give it back."""
        if not self._broken:
            self.call("close_stream", stream)

    def synchronize(self, stream: Any) -> None:
        """Wait for a stream. DeviceError where one of its kernels failed."""
        self.enter()
        self.call("synchronize", stream)

    def record(self, stream: Any) -> Any:
        """A new event at the place that the stream has reached."""
        self.enter()
        event = self.made("event", _POINTER, 0)
        self.call("record", event, stream)
        return event

    def wait(self, stream: Any, event: Any) -> None:
        """Later work waits for the event."""
        self.call("wait", stream, int(event), 0)

    def elapsed(self, earlier: Any, later: Any) -> float:
        """Milliseconds on the device's clock."""
        return float(self.made("elapsed", _MS, earlier, later))

    def wait_event(self, event: Any) -> None:
        """Wait until it has happened."""
        self.enter()
        self.call("wait_event", event)

    def close_event(self, event: Any) -> None:
        """Give it back."""
        if not self._broken:
            self.call("close_event", event)

    def begin(self, stream: Any) -> None:
        """The stream only notes what it is given."""
        self.enter()
        self.call("begin", stream, _THREAD_LOCAL)

    def end(self, stream: Any) -> Any:
        """An executable graph of what was noted."""
        value = _POINTER()
        self.call("end", stream, ctypes.byref(value))
        try:
            return self.made("instantiate", _POINTER, value, 0)
        finally:
            self.call("close_noted", value)

    def run(self, graph: Any, stream: Any) -> None:
        """Launch all of it."""
        self.enter()
        code = self._run(graph, stream)
        if code:
            error = self.library.error(self._names["run"], code)
            self._note(error)
            raise error

    def close_graph(self, graph: Any) -> None:
        """Give it back."""
        if not self._broken:
            self.call("close_graph", graph)
