"""AMD's run time (libamdhip64.so) through ctypes.

Source: hip_runtime_api.h of ROCm 7.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.cuda_like import KINDS, CudaLike, Names
from pharos.targets.common.gpu.host.failures import Vendor, failure
from pharos.targets.common.gpu.host.library import Library, Opener

VENDOR = Vendor("AMD", "ROCm's HIP run time (libamdhip64.so)", "ROCm 6.0 or newer", "rocminfo")
LIBRARIES = (
    "libamdhip64.so",
    "libamdhip64.so.7",
    "libamdhip64.so.6",
    "/opt/rocm/lib/libamdhip64.so",
)
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
_DLPACK_ROCM = 10
# hipDeviceProp_tR0600 is 1472 bytes, and grows at its end; gcnArchName is text at byte 1160.
_PROPERTIES_ROOM, _ARCHITECTURE = 8192, 1160
_PROPERTIES = "hipGetDevicePropertiesR0600"

NAMES = Names(
    {
        "init": "hipInit",
        "count": "hipGetDeviceCount",
        "device": "hipDeviceGet",
        "device_name": "hipDeviceGetName",
        "memory_info": "hipMemGetInfo",
        "allocate": "hipMalloc",
        "free": "hipFree",
        "register": "hipHostRegister",
        "registered": "hipHostGetDevicePointer",
        "unregister": "hipHostUnregister",
        "to_device": "hipMemcpyHtoDAsync",
        "to_host": "hipMemcpyDtoHAsync",
        "on_device": "hipMemcpyDtoDAsync",
        "fill8": "hipMemsetD8Async",
        "fill16": "hipMemsetD16Async",
        "fill32": "hipMemsetD32Async",
        "unload": "hipModuleUnload",
        "function": "hipModuleGetFunction",
        "launch": "hipModuleLaunchKernel",
        "stream": "hipStreamCreateWithFlags",
        "close_stream": "hipStreamDestroy",
        "synchronize": "hipStreamSynchronize",
        "wait": "hipStreamWaitEvent",
        "event": "hipEventCreateWithFlags",
        "record": "hipEventRecord",
        "wait_event": "hipEventSynchronize",
        "elapsed": "hipEventElapsedTime",
        "close_event": "hipEventDestroy",
        "begin": "hipStreamBeginCapture",
        "end": "hipStreamEndCapture",
        "instantiate": "hipGraphInstantiateWithFlags",
        "run": "hipGraphLaunch",
        "close_noted": "hipGraphDestroy",
        "close_graph": "hipGraphExecDestroy",
    },
    {
        "hipRuntimeGetVersion": [_POINTER],
        "hipSetDevice": [_INT],
        _PROPERTIES: [_POINTER, _INT],
        "hipModuleLoadData": [_POINTER, ctypes.c_char_p],
    },
)


class HipDriver(CudaLike):
    """One AMD GPU, for code of one chip."""

    def __init__(self, chip: str, number: int = 0, opener: Opener = ctypes.CDLL) -> None:
        """DeviceError when the run time, the device or the chip is not what is needed."""
        self.dlpack = (_DLPACK_ROCM, number)
        self.chip = chip
        target = f"amd:{chip}"
        library = Library(target, VENDOR, LIBRARIES, NAMES.prototypes(), KINDS, opener)
        self._name_of = library.raw.hipGetErrorName
        self._name_of.argtypes, self._name_of.restype = [_INT], ctypes.c_char_p
        library.explain = lambda code: f"{(self._name_of(code) or b'?').decode()} ({code})"
        super().__init__(library, NAMES, number)
        if self.architecture() != chip:
            device = f"{self.title()} ({self.architecture()})"
            raise failure(failures.OTHER_CHIP, VENDOR, target, device=device)

    def make_current(self) -> None:
        """Choose the device for this thread."""
        self.library.call("hipSetDevice", self.number)

    def architecture(self) -> str:
        """What LLVM calls the chip: "gfx1100", without features."""
        room = ctypes.create_string_buffer(_PROPERTIES_ROOM)
        self.library.call(_PROPERTIES, room, self.number)
        text: bytes = ctypes.string_at(ctypes.addressof(room) + _ARCHITECTURE)
        return text.decode(errors="replace").partition(":")[0]

    def summary(self) -> str:
        """The device for people."""
        version = self.library.made("hipRuntimeGetVersion", _INT)
        major, minor = version // 10**7, version // 10**5 % 100
        return f"{self.title()}, {self.architecture()}, HIP {major}.{minor}"

    def load(self, files: Mapping[str, bytes]) -> HipModule:
        """Bring a code object to the device."""
        self.enter()
        return HipModule(self, files.get("kernels.hsaco", b""))

    def describe(self, data: Mapping[str, Any], address: int) -> bytes:
        """There is nothing to describe to an AMD GPU."""
        raise InternalError(f"AMD GPUs have no described operands, found {data}")


class HipModule:
    """A loaded code object, and its kernels by name."""

    def __init__(self, driver: HipDriver, image: bytes) -> None:
        self._driver = driver
        self._image = image  # the run time may read it later
        self._functions: dict[str, Any] = {}
        self.handle = None
        if image:
            self.handle = driver.library.made("hipModuleLoadData", _POINTER, image)

    def function(self, name: str, shared: int) -> Any:
        """The kernel ``name``; all of LDS may be asked for at the launch."""
        if name not in self._functions:
            found = self._driver.made("function", _POINTER, self.handle, name.encode())
            self._functions[name] = found
        return self._functions[name]
