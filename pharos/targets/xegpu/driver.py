"""Intel GPUs over Level Zero (libze_loader.so.1) through ctypes.

A stream is an immediate command list in order. A graph is a command list that was closed: it runs
on a queue of its own, after the stream's work, and the host waits for it.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import InternalError, UserError
from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.driver import Parameter, Place
from pharos.targets.common.gpu.host.failures import DeviceError, failure
from pharos.targets.common.gpu.host.library import Library, Opener
from pharos.targets.common.gpu.host.parameters import memory_of
from pharos.targets.common.gpu.launches import Launch
from pharos.targets.xegpu import level_zero as ze

_P, _U32 = ctypes.c_void_p, ctypes.c_uint32
_DLPACK_ONEAPI = 14
# Architecture and release of ze_device_ip_version_ext_t, as Intel's compute run time numbers them.
_CHIPS = {"pvc": ((12, 60), (12, 61)), "bmg": ((20, 1), (20, 2))}
_NO_EVENTS = (None, 0, None)


@dataclass
class _Stream:
    """``list`` takes work, ``noting`` instead of it while a graph is made."""

    list: Any
    noting: Any = None

    @property
    def taking(self) -> Any:
        return self.noting if self.noting is not None else self.list


@dataclass(frozen=True)
class _Event:
    pool: Any
    event: Any
    time: int


@dataclass(frozen=True)
class _Packed:
    kernel: Any
    name: str
    groups: Any
    block: tuple[int, ...]
    memory: tuple[Any, ...]


class LevelZeroDriver:
    """One Intel GPU, for code of one chip. Implements ``host.driver.Driver``."""

    alignment = 256
    forgets = False
    granule = mmap.PAGESIZE
    gap = 0

    def __init__(self, chip: str, number: int = 0, opener: Opener = ctypes.CDLL) -> None:
        """DeviceError when the loader, the device or the chip is not what is needed."""
        self.dlpack = (_DLPACK_ONEAPI, number)
        self.chip = chip
        self._target = f"xegpu:{chip}"
        self.library = Library(
            self._target, ze.VENDOR, ze.LIBRARIES, ze.PROTOTYPES, ze.KINDS, opener
        )
        self.library.explain = lambda code: f"{code:#x}"
        self._broken = False
        self._latest = ""
        self._streams: list[Any] = []
        self._call("zeInit", 0)
        self._driver, self.handle = self._found(number)
        self.sees_host = self._maps_system_memory()
        self._registered: dict[int, range] = {}
        self._properties, version = self._described()
        if (version >> 22, version >> 14 & 0xFF) not in _CHIPS[chip]:
            raise failure(failures.OTHER_CHIP, ze.VENDOR, self._target, device=self.title())
        self._context = self._made(
            "zeContextCreate", self._driver, ctypes.byref(ze.Flags(ze.CONTEXT))
        )

    def _call(self, name: str, *arguments: Any, detail: str = "") -> None:
        try:
            self.library.call(name, *arguments, detail=detail)
        except DeviceError as error:
            if error.kind in (failures.FAULT, failures.LOST):
                self._broken = True
                error.message += f" (the kernel launched last was {self._latest})"
            raise

    def _made(self, name: str, *arguments: Any, detail: str = "") -> Any:
        """What a function writes through its last argument."""
        value = _P()
        self._call(name, *arguments, ctypes.byref(value), detail=detail)
        return value.value

    def _several(self, name: str, *first: Any) -> list[int]:
        count = _U32()
        self._call(name, *first, ctypes.byref(count), None)
        if not count.value:
            return []
        handles = (_P * count.value)()
        self._call(name, *first, ctypes.byref(count), handles)
        return [handle or 0 for handle in handles]

    def _found(self, number: int) -> tuple[int, int]:
        """The driver and the device ``number`` among the GPUs of all drivers."""
        found = []
        for driver in self._several("zeDriverGet"):
            for device in self._several("zeDeviceGet", driver):
                properties = ze.DeviceProperties(ze.DEVICE_PROPERTIES)
                self._call("zeDeviceGetProperties", device, ctypes.byref(properties))
                found += [(driver, device)] if properties.type == ze.GPU else []
        if number >= len(found):
            detail = f"{len(found)} device(s)"
            raise failure(failures.NO_DEVICE, ze.VENDOR, self._target, detail)
        return found[number]

    def _maps_system_memory(self) -> bool:
        count, ask = _U32(), "zeDriverGetExtensionProperties"
        self._call(ask, self._driver, ctypes.byref(count), None)
        found = (ze.Extension * count.value)()
        self._call(ask, self._driver, ctypes.byref(count), found)
        return ze.MAPS_SYSTEM_MEMORY in [one.name for one in found]

    def _described(self) -> tuple[ze.DeviceProperties, int]:
        version = ze.IpVersion(ze.IP_VERSION)
        properties = ze.DeviceProperties(ze.DEVICE_PROPERTIES, ctypes.addressof(version))
        self._call("zeDeviceGetProperties", self.handle, ctypes.byref(properties))
        return properties, int(version.version)

    def title(self) -> str:
        """What the device calls itself."""
        name: bytes = self._properties.name
        return name.decode(errors="replace")

    def summary(self) -> str:
        """The device for people."""
        return f"{self.title()}, {self.chip}"

    # Memory -----------------------------------------------------------------------------------

    def allocate(self, size: int) -> int:
        """Memory of the device."""
        wanted = ze.DeviceMemory(ze.DEVICE_MEMORY)
        detail = f"{size / (1 << 20):.1f} MiB were asked for"
        place = _P()
        self._call(
            "zeMemAllocDevice",
            self._context,
            ctypes.byref(wanted),
            size,
            self.alignment,
            self.handle,
            ctypes.byref(place),
            detail=detail,
        )
        return int(place.value or 0)

    def free(self, address: int) -> None:
        """Wait for all streams, which Level Zero does not do itself, and give memory back."""
        if not self._broken:
            for stream in self._streams:
                self._call("zeCommandListHostSynchronize", stream, ze.FOREVER)
            self._call("zeMemFree", self._context, address)

    def visible(self, address: int, size: int) -> None:
        """Device memory is not seen from the host."""

    def register(self, address: int, size: int) -> int:
        """Map the pages that the memory is on; they have the same address on the device. UserError
        where the driver does not know how, or has mapped one of them already."""
        if not self.sees_host:
            extension = ze.MAPS_SYSTEM_MEMORY.decode()
            raise UserError(
                f"{self._target} cannot reach memory of the host that it did not allocate: the "
                f"driver has no {extension}",
                hint=f"update {ze.VENDOR.package}, or copy it: device.upload(array)",
            )
        page = self.granule
        pages = range(address // page * page, -(-(address + size) // page) * page)
        if any(
            one.start < pages.stop and pages.start < one.stop for one in self._registered.values()
        ):
            raise self.library.failed(failures.REGISTERED, "a page of it is mapped")
        memory = ze.SystemMemory(ze.SYSTEM_MEMORY, None, pages.start, len(pages))
        wanted = ze.Flags(ze.HOST_MEMORY, ctypes.addressof(memory), 0)
        detail = f"{len(pages) / (1 << 20):.1f} MiB of the host"
        mapped = self._host_memory(wanted, len(pages), page, detail)
        if mapped != pages.start:
            self._call("zeMemFree", self._context, mapped)
            raise self.library.failed(failures.OTHER, f"{detail} got another address")
        self._registered[address] = pages
        return address

    def unregister(self, address: int) -> None:
        """The end of ``register``: the memory itself stays."""
        self.free(self._registered.pop(address).start)

    def _host_memory(self, wanted: ze.Flags, size: int, alignment: int, detail: str = "") -> int:
        place = _P()
        name = "zeMemAllocHost"
        first = (self._context, ctypes.byref(wanted), size, alignment)
        self._call(name, *first, ctypes.byref(place), detail=detail)
        return int(place.value or 0)

    def borrow(self, address: int, size: int) -> None:
        """What is there already needs nothing."""

    def lend(self, address: int, size: int) -> None:
        """Nothing has to be known of it."""

    def stream_number(self, stream: _Stream) -> int | None:
        """None: the work of the other framework must have ended."""
        return None

    def write(self, target: int, source: int, size: int, stream: _Stream) -> None:
        """Copy from the host, and wait: the device reads the memory later than this is called."""
        self._copy(target, source, size, stream)
        self.synchronize(stream)

    def read(self, target: int, source: int, size: int, stream: _Stream) -> None:
        """Copy to the host, and wait."""
        self._copy(target, source, size, stream)
        self.synchronize(stream)

    def move(self, target: int, source: int, size: int, stream: _Stream) -> None:
        """Copy on the device."""
        self._copy(target, source, size, stream)

    def _copy(self, target: int, source: int, size: int, stream: _Stream) -> None:
        name = "zeCommandListAppendMemoryCopy"
        self._call(name, stream.taking, target, source, size, *_NO_EVENTS)

    def put(self, target: int, raw: bytes, stream: _Stream) -> None:
        """Fill with a pattern, whose bytes are copied when it is given."""
        name = "zeCommandListAppendMemoryFill"
        self._call(name, stream.taking, target, raw, len(raw), len(raw), *_NO_EVENTS)

    def forget(self, address: int, size: int, stream: _Stream) -> None:
        """Nothing."""

    # Code -------------------------------------------------------------------------------------

    def load(self, files: Mapping[str, bytes]) -> LevelZeroModule:
        """Compile SPIR-V in the driver."""
        return LevelZeroModule(self, files.get("kernels.spirv", b""))

    def compiled(self, image: bytes) -> int:
        """A module. DeviceError with what the driver's compiler says."""
        wanted = ze.Module(ze.MODULE, None, ze.SPIRV, len(image), image, None, None)
        module, log = _P(), _P()
        code = self.library.function("zeModuleCreate")(
            self._context,
            self.handle,
            ctypes.byref(wanted),
            ctypes.byref(module),
            ctypes.byref(log),
        )
        said = self._log(log) if log.value else ""
        if code:
            raise self.library.error("zeModuleCreate", code, said)
        return int(module.value or 0)

    def _log(self, log: Any) -> str:
        size = ctypes.c_size_t()
        self._call("zeModuleBuildLogGetString", log, ctypes.byref(size), None)
        text = ctypes.create_string_buffer(size.value + 1)
        self._call("zeModuleBuildLogGetString", log, ctypes.byref(size), text)
        self._call("zeModuleBuildLogDestroy", log)
        return text.value.decode(errors="replace").strip()

    def kernel(self, module: int, name: str) -> Any:
        """A kernel of a module."""
        wanted = ze.Kernel(ze.KERNEL, None, 0, name.encode())
        return self._made("zeKernelCreate", module, ctypes.byref(wanted), detail=f"kernel {name}")

    def unload(self, module: LevelZeroModule) -> None:
        """Give kernels and code back."""
        if not self._broken:
            for kernel in module.kernels.values():
                self._call("zeKernelDestroy", kernel)
            if module.handle:
                self._call("zeModuleDestroy", module.handle)

    def packed(
        self,
        module: LevelZeroModule,
        launch: Launch,
        values: Sequence[Parameter],
        places: Sequence[Place],
    ) -> _Packed:
        """The launch with its parameters in memory. Kernels declare their local memory themselves,
        whatever ``launch.shared`` says."""
        grid, block = ((*sizes, 1, 1)[:3] for sizes in (launch.grid, launch.block))
        kernel = module.kernel(launch.kernel)
        return _Packed(kernel, launch.kernel, (_U32 * 3)(*grid), block, tuple(memory_of(values)))

    def launch(self, packed: _Packed, stream: _Stream) -> None:
        """Set the kernel's parameters, which the list keeps, and append it."""
        self._latest = packed.name
        detail = f"kernel {packed.name}, groups {list(packed.groups)} of {packed.block}"
        self._call("zeKernelSetGroupSize", packed.kernel, *packed.block, detail=detail)
        for number, (address, size, _) in enumerate(packed.memory):
            where = f"{detail}, parameter {number}"
            self._call(
                "zeKernelSetArgumentValue", packed.kernel, number, size, address, detail=where
            )
        name = "zeCommandListAppendLaunchKernel"
        groups = ctypes.byref(packed.groups)
        self._call(name, stream.taking, packed.kernel, groups, *_NO_EVENTS, detail=detail)

    def describe(self, data: Mapping[str, Any], address: int) -> bytes:
        """There is nothing to describe to an Intel GPU."""
        raise InternalError(f"Intel GPUs have no described operands, found {data}")

    # Streams, events, graphs ------------------------------------------------------------------

    def stream(self) -> _Stream:
        """An immediate list, in order."""
        wanted = ze.Queue(ze.QUEUE, None, 0, 0, ze.QUEUE_IN_ORDER, ze.ASYNCHRONOUS, 0)
        name = "zeCommandListCreateImmediate"
        made = self._made(name, self._context, self.handle, ctypes.byref(wanted))
        self._streams.append(made)
        return _Stream(made)

    def adopted(self, other: Any) -> _Stream:
        """UserError: no other library has such streams."""
        raise UserError(f"no streams of other libraries can be used here, found {other!r}")

    def close_stream(self, stream: _Stream) -> None:
        """Give it back."""
        self._streams.remove(stream.list)
        if not self._broken:
            self._call("zeCommandListDestroy", stream.list)

    def synchronize(self, stream: _Stream) -> None:
        """Wait for a stream."""
        self._call("zeCommandListHostSynchronize", stream.list, ze.FOREVER)

    def record(self, stream: _Stream) -> _Event:
        """The device's clock is written to the host, then an event happens."""
        wanted = ze.Pool(ze.POOL, None, ze.HOST_VISIBLE, 1)
        pool, device = _P(), _P(self.handle)
        self._call(
            "zeEventPoolCreate",
            self._context,
            ctypes.byref(wanted),
            1,
            ctypes.byref(device),
            ctypes.byref(pool),
        )
        one = ze.Event(ze.EVENT, None, 0, ze.HOST_SCOPE, 0)
        event = self._made("zeEventCreate", pool, ctypes.byref(one))
        time = self._host_memory(ze.Flags(ze.HOST_MEMORY), 8, 8)
        self._call("zeCommandListAppendWriteGlobalTimestamp", stream.taking, time, *_NO_EVENTS)
        self._call("zeCommandListAppendSignalEvent", stream.taking, event)
        return _Event(pool, event, time)

    def wait(self, stream: _Stream, event: _Event) -> None:
        """Later work waits for the event."""
        one = _P(event.event)
        self._call("zeCommandListAppendWaitOnEvents", stream.taking, 1, ctypes.byref(one))

    def wait_event(self, event: _Event) -> None:
        """Wait until it has happened."""
        self._call("zeEventHostSynchronize", event.event, ze.FOREVER)

    def elapsed(self, earlier: _Event, later: _Event) -> float:
        """Milliseconds; the clock may have begun again in between."""
        first, last = (ctypes.c_uint64.from_address(e.time).value for e in (earlier, later))
        ticks = (last - first) % (1 << (self._properties.bits or 64))
        return ticks / int(self._properties.resolution) * 1e3

    def close_event(self, event: _Event) -> None:
        """Give it back."""
        if not self._broken:
            self._call("zeEventDestroy", event.event)
            self._call("zeEventPoolDestroy", event.pool)
            self._call("zeMemFree", self._context, event.time)

    def begin(self, stream: _Stream) -> None:
        """What is given from now on goes to a list of its own."""
        wanted = ze.List(ze.LIST, None, 0, ze.LIST_IN_ORDER)
        name = "zeCommandListCreate"
        stream.noting = self._made(name, self._context, self.handle, ctypes.byref(wanted))

    def end(self, stream: _Stream) -> tuple[Any, Any]:
        """The list, closed, and a queue to run it on."""
        noted, stream.noting = stream.noting, None
        self._call("zeCommandListClose", noted)
        wanted = ze.Queue(ze.QUEUE, None, 0, 0, 0, ze.ASYNCHRONOUS, 0)
        name = "zeCommandQueueCreate"
        return noted, self._made(name, self._context, self.handle, ctypes.byref(wanted))

    def run(self, graph: tuple[Any, Any], stream: _Stream) -> None:
        """Wait for the stream, run the list, and wait for it."""
        noted, queue = graph
        self.synchronize(stream)
        one = _P(noted)
        self._call("zeCommandQueueExecuteCommandLists", queue, 1, ctypes.byref(one), None)
        self._call("zeCommandQueueSynchronize", queue, ze.FOREVER)

    def close_graph(self, graph: tuple[Any, Any]) -> None:
        """Give list and queue back."""
        if not self._broken:
            self._call("zeCommandListDestroy", graph[0])
            self._call("zeCommandQueueDestroy", graph[1])


class LevelZeroModule:
    """SPIR-V in the driver, and its kernels by name."""

    def __init__(self, driver: LevelZeroDriver, image: bytes) -> None:
        self._driver = driver
        self.kernels: dict[str, Any] = {}
        self.handle = driver.compiled(image) if image else 0

    def kernel(self, name: str) -> Any:
        """The kernel ``name``."""
        if name not in self.kernels:
            self.kernels[name] = self._driver.kernel(self.handle, name)
        return self.kernels[name]
