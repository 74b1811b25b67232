"""NVIDIA's driver through cuda-core and cuda-bindings, NVIDIA's own packages (the extra ``cuda``).

cuda-core owns devices, streams, events and graphs: other code that uses it can take ours, and we
take its. The rest goes through cuda-bindings: memory of the host, filling words and tensor maps,
which cuda-core has no object for; launches, since our parameters are packed once where
``cuda.core.launch`` packs them anew each time; and code, since ``ObjectCode`` of cuda-core 1.2
neither asks the driver what is wrong with it nor gives it back.

Sources: cuda-core 1.2, cuda-bindings 13, CUDA Driver API 13.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.cuda_like import KINDS
from pharos.targets.common.gpu.host.cuda_rules import CudaRules, mib, stream_handle
from pharos.targets.common.gpu.host.driver import Parameter, Place
from pharos.targets.common.gpu.host.library import Codes
from pharos.targets.common.gpu.host.parameters import Packed
from pharos.targets.common.gpu.launches import Launch
from pharos.targets.nvidia.driver_words import (
    DLPACK_CUDA,
    DYNAMIC_SHARED,
    ENCODE,
    ENCODE_KIND,
    ERROR_LOG,
    ERROR_SIZE,
    LOG,
    MAJOR,
    MINOR,
    VENDOR,
    WITHOUT_ASKING,
    check_chip,
    encoded,
    refused_code,
    version_of,
)
from pharos.targets.nvidia.tensor_maps import TensorMap

_SINCE, _PLAIN = 12000, 0  # the version of CUDA that brought tensor maps; default flags
_MAPPED = 2  # CU_MEMHOSTREGISTER_DEVICEMAP
# What is not given back after a fault: destroying it would ask the device.
_ABANDONED: list[Any] = []


class Bindings(Codes):
    """The functions of cuda-bindings (``functions``) and the classes of cuda-core (``core``), with
    every refusal as DeviceError."""

    def __init__(self, target: str) -> None:
        """DeviceError where there is no driver, or one that is older than the packages."""
        import cuda.bindings
        import cuda.core
        from cuda.bindings import driver

        super().__init__(target, VENDOR, KINDS)
        self.functions: Any = driver
        self.core: Any = cuda.core
        self.explain = self._explained
        try:
            _, number = driver.cuDriverGetVersion()
        except RuntimeError as error:  # DynamicLibNotFoundError, which is not public
            raise self.failed(failures.NO_LIBRARY, str(error)) from None
        found, wanted = version_of(number), cuda.bindings.__version__
        if found[0] < int(wanted.split(".")[0]):
            detail = f"cuda-bindings {wanted} is for CUDA {wanted.split('.')[0]}, "
            raise self.failed(
                failures.OLD_DRIVER, f"{detail}the driver knows {found[0]}.{found[1]}"
            )

    def _explained(self, code: int) -> str:
        known = code in self.functions.CUresult.__members__.values()
        return f"{self.functions.CUresult(code).name} ({code})" if known else str(code)

    def attempt(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """The result of a function of cuda-bindings, and what it gives."""
        try:
            found: tuple[Any, ...] = getattr(self.functions, name)(*arguments)
        except RuntimeError as error:  # FunctionNotFoundError, which is not public
            raise self.failed(failures.OLD_DRIVER, str(error)) from None
        return found

    def call(self, name: str, *arguments: Any, detail: str = "") -> Any:
        """What a function of cuda-bindings gives, which may be nothing."""
        code, *found = self.attempt(name, *arguments)
        if code:
            raise self.error(name, int(code), detail)
        return found[0] if len(found) == 1 else tuple(found)

    def told(self, what: str, error: Exception) -> failures.DeviceError:
        """The failure that an exception of cuda-core tells of: its text begins with the name of the
        driver's result. Other exceptions are raised again."""
        word, _, rest = str(error).partition(":")
        if word in self.functions.CUresult.__members__:
            return self.error(what, int(self.functions.CUresult.__members__[word]))
        if word == "UNEXPECTED ERROR CODE":
            return self.error(what, int(rest))
        if isinstance(error, RuntimeError) and "is not found" in str(error):
            return self.failed(failures.OLD_DRIVER, str(error))
        raise error


@dataclass(frozen=True)
class CudaCoreStream:
    """cuda-core's stream, and its handle: cuda-core makes that anew whenever it is asked."""

    core: Any
    handle: Any


class CudaCoreDriver(CudaRules):
    """One NVIDIA GPU, for code of one chip. Streams, events and graphs are cuda-core's objects."""

    def __init__(self, chip: str, number: int = 0) -> None:
        """DeviceError when the driver, the device or the chip is not what is needed; ImportError
        without the extra."""
        self.bindings = Bindings(f"nvidia:{chip}")
        super().__init__(self.bindings)
        self.dlpack = (DLPACK_CUDA, number)
        self.chip = chip
        self.number = number
        self._noting: dict[int, Any] = {}
        self._launch = self.bindings.functions.cuLaunchKernel
        self._timed = self.bindings.core.EventOptions(timing_enabled=True)
        self.call("cuInit", 0)
        found = self.call("cuDeviceGetCount")
        if number >= found:
            raise self.bindings.failed(failures.NO_DEVICE, f"{found} device(s)")
        self.handle = self.call("cuDeviceGet", number)
        self.enter()
        check_chip(chip, self.capability(), self.title())

    def call(self, name: str, *arguments: Any, detail: str = "") -> Any:
        """What a function of cuda-bindings gives."""
        try:
            return self.bindings.call(name, *arguments, detail=detail)
        except failures.DeviceError as error:
            self._note(error)
            raise

    def made(self, what: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What a function of cuda-core gives; ``what`` is the driver's that it calls."""
        try:
            return function(*arguments, **named)
        except Exception as error:
            failed = self.bindings.told(what, error)
            self._note(failed)
            raise failed from None

    def make_current(self) -> None:
        """Use the context that all libraries of the process share (PyTorch's too)."""
        device = self.bindings.core.Device(self.number)
        self.made("cuDevicePrimaryCtxRetain", device.set_current)

    def title(self) -> str:
        """What the device calls itself."""
        name: bytes = self.call("cuDeviceGetName", 256, self.handle)
        return name.partition(b"\0")[0].decode(errors="replace")

    def capability(self) -> tuple[int, int]:
        """Compute capability, such as (9, 0)."""
        kinds = self.bindings.functions.CUdevice_attribute
        major, minor = (
            self.call("cuDeviceGetAttribute", kinds(which), self.handle) for which in (MAJOR, MINOR)
        )
        return major, minor

    def version(self) -> tuple[int, int]:
        """The CUDA version that the driver knows, such as (13, 0)."""
        return version_of(self.call("cuDriverGetVersion"))

    def summary(self) -> str:
        """The device for people."""
        (major, minor), version = self.capability(), self.version()
        by = f"by cuda-core {self.bindings.core.__version__}"
        return f"{self.title()}, sm_{major}{minor}, CUDA {version[0]}.{version[1]}, {by}"

    # Memory -----------------------------------------------------------------------------------

    def allocate(self, size: int) -> int:
        """Memory of the device."""
        self.enter()
        code, address = self.bindings.attempt("cuMemAlloc", size)
        if code:
            free, total = self.call("cuMemGetInfo")
            raise self._no_room("cuMemAlloc", int(code), size, free, total)
        return int(address)

    def free(self, address: int) -> None:
        """Give memory back; the driver waits for work that uses it. After a fault there is nothing
        left to give back."""
        if not self._broken:
            self.enter()
            self.call("cuMemFree", address)

    def register(self, address: int, size: int) -> int:
        """Lock memory of the host, and map it for the device."""
        self.enter()
        self.call("cuMemHostRegister", address, size, _MAPPED, detail=f"{mib(size)} of the host")
        self._registered[address] = size
        return int(self.call("cuMemHostGetDevicePointer", address, 0))

    def unregister(self, address: int) -> None:
        """The end of ``register``."""
        del self._registered[address]
        if not self._broken:
            self.enter()
            self.call("cuMemHostUnregister", address)

    def _bring(self, target: int, source: int, size: int, stream: CudaCoreStream) -> None:
        self.call("cuMemcpyHtoDAsync", target, source, size, stream.handle)

    def read(self, target: int, source: int, size: int, stream: CudaCoreStream) -> None:
        """Copy to the host, and wait."""
        self.enter()
        self.call("cuMemcpyDtoHAsync", target, source, size, stream.handle)
        self.synchronize(stream)

    def move(self, target: int, source: int, size: int, stream: CudaCoreStream) -> None:
        """Copy on the device."""
        self.enter()
        self.call("cuMemcpyDtoDAsync", target, source, size, stream.handle)

    def _fill(self, bits: int, target: int, word: int, stream: CudaCoreStream) -> None:
        self.call(f"cuMemsetD{bits}Async", target, word, 1, stream.handle)

    # Code and launches ------------------------------------------------------------------------

    def load(self, files: Mapping[str, bytes]) -> CudaCoreModule:
        """Compile PTX in the driver. DeviceError with what it says."""
        self.enter()
        return CudaCoreModule(self, files.get("kernels.ptx", b""))

    def unload(self, module: Any) -> None:
        """Give the code back."""
        if not self._broken and module.handle is not None:
            self.enter()
            self.call("cuModuleUnload", module.handle)

    def packed(
        self, module: Any, launch: Launch, values: Sequence[Parameter], places: Sequence[Place]
    ) -> Packed:
        """The launch with its parameters in memory; ``pointers`` is the address of theirs."""
        found = super().packed(module, launch, values, places)
        where = ctypes.addressof(found.pointers)
        return replace(found, pointers=where, kept=(found.pointers, *found.kept))

    def launch(self, packed: Packed, stream: CudaCoreStream) -> None:
        """One call of the driver."""
        self.enter()
        self._latest = packed.kernel
        (code,) = self._launch(
            packed.function,
            *packed.grid,
            *packed.block,
            packed.shared,
            stream.handle,
            packed.pointers,
            0,
        )
        if code:
            raise self._refused("cuLaunchKernel", int(code), packed)

    def describe(self, data: Mapping[str, Any], address: int) -> bytes:
        """A CUtensorMap, which the driver encodes into memory at a multiple of 64 bytes; that of
        cuda-bindings' own object may lie elsewhere."""
        self.enter()
        place, _ = self.call("cuGetProcAddress", ENCODE.encode(), _SINCE, _PLAIN)
        return encoded(ENCODE_KIND(place), TensorMap.from_data(data).driver_arguments(address))

    # Streams, events, graphs ------------------------------------------------------------------

    def stream(self) -> CudaCoreStream:
        """A stream that does not wait for the default one."""
        self.enter()
        device = self.bindings.core.Device(self.number)
        made = self.made("cuStreamCreateWithPriority", device.create_stream)
        return CudaCoreStream(made, made.handle)

    def adopted(self, other: Any) -> CudaCoreStream:
        """cuda-core's as they are, others by the protocol ``__cuda_stream__`` (version, handle), or
        PyTorch's ``cuda_stream``."""
        if not isinstance(other, self.bindings.core.Stream):
            other = self.bindings.core.Stream.from_handle(int(stream_handle(other)))
        return CudaCoreStream(other, other.handle)

    def stream_number(self, stream: CudaCoreStream) -> int | None:
        """Its handle: the other framework lets it wait for its own work."""
        return int(stream.handle)

    def close_stream(self, stream: CudaCoreStream) -> None:
        """Give it back."""
        self._close(stream.core)

    def synchronize(self, stream: CudaCoreStream) -> None:
        """Wait for a stream. DeviceError where one of its kernels failed."""
        self.enter()
        self.call("cuStreamSynchronize", stream.handle)

    def record(self, stream: CudaCoreStream) -> Any:
        """A new event at the place that the stream has reached."""
        self.enter()
        return self.made("cuEventRecord", stream.core.record, options=self._timed)

    def wait(self, stream: CudaCoreStream, event: Any) -> None:
        """Later work waits for the event, cuda-core's or its handle."""
        self.call("cuStreamWaitEvent", stream.handle, getattr(event, "handle", event), 0)

    def elapsed(self, earlier: Any, later: Any) -> float:
        """Milliseconds on the device's clock."""
        return float(self.call("cuEventElapsedTime", earlier.handle, later.handle))

    def wait_event(self, event: Any) -> None:
        """Wait until it has happened."""
        self.enter()
        self.call("cuEventSynchronize", event.handle)

    def close_event(self, event: Any) -> None:
        """Give it back."""
        self._close(event)

    def begin(self, stream: CudaCoreStream) -> None:
        """The stream only notes what it is given; other threads may go on meanwhile."""
        self.enter()
        builder = stream.core.create_graph_builder()
        self._noting[int(stream.handle)] = builder
        self.made("cuStreamBeginCapture", builder.begin_building, "thread_local")

    def end(self, stream: CudaCoreStream) -> Any:
        """An executable graph of what was noted."""
        builder = self._noting.pop(int(stream.handle))
        try:
            self.made("cuStreamEndCapture", builder.end_building)
            return self.made("cuGraphInstantiateWithParams", builder.complete)
        finally:
            builder.close()

    def run(self, graph: Any, stream: CudaCoreStream) -> None:
        """Launch all of it."""
        self.enter()
        self.made("cuGraphLaunch", graph.launch, stream.core)

    def close_graph(self, graph: Any) -> None:
        """Give it back."""
        self._close(graph)

    def _close(self, owner: Any) -> None:
        if self._broken:
            _ABANDONED.append(owner)
        else:
            owner.close()


class CudaCoreModule:
    """PTX in the driver, and its kernels by name."""

    def __init__(self, driver: CudaCoreDriver, image: bytes) -> None:
        self._driver = driver
        self._functions: dict[str, Any] = {}
        self._shared: dict[str, int] = {}
        self.handle: Any = self._loaded(image) if image else None

    def _loaded(self, image: bytes) -> Any:
        bindings, log = self._driver.bindings, bytearray(LOG)
        kinds = bindings.functions.CUjit_option
        options, load = [kinds(ERROR_LOG), kinds(ERROR_SIZE)], "cuModuleLoadDataEx"
        code, module = bindings.attempt(load, image + b"\0", 2, options, [log, LOG])
        if code:
            raise refused_code(bindings, load, int(code), log, self._driver.version())
        return module

    def function(self, name: str, shared: int) -> Any:
        """The kernel ``name``, allowed ``shared`` bytes of dynamic shared memory."""
        driver = self._driver
        if name not in self._functions:
            found = driver.call("cuModuleGetFunction", self.handle, name.encode())
            self._functions[name] = found
        function = self._functions[name]
        if shared > max(WITHOUT_ASKING, self._shared.get(name, 0)):
            which = driver.bindings.functions.CUfunction_attribute(DYNAMIC_SHARED)
            detail = f"kernel {name} with {shared} bytes of shared memory"
            driver.call("cuFuncSetAttribute", function, which, shared, detail=detail)
            self._shared[name] = shared
        return function
