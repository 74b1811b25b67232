"""NVIDIA's driver (libcuda.so.1) through ctypes: nothing but the driver needs to be installed.

Source: CUDA Driver API 13 (cuda.h).
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
from pharos.targets.nvidia.tensor_maps import BYTES, TensorMap

VENDOR = Vendor(
    "NVIDIA", "NVIDIA's driver (libcuda.so.1)", "525.60 or newer knows PTX 8.0", "nvidia-smi"
)
LIBRARIES = ("libcuda.so.1", "libcuda.so")
_POINTER, _INT, _UINT, _U64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint, ctypes.c_uint64
_DLPACK_CUDA = 2
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_WITHOUT_ASKING = 48 << 10
_ERROR_LOG, _ERROR_SIZE = 5, 6  # CU_JIT_ERROR_LOG_BUFFER and its size
_LOG = 16384

NAMES = Names(
    {
        "init": "cuInit",
        "count": "cuDeviceGetCount",
        "device": "cuDeviceGet",
        "device_name": "cuDeviceGetName",
        "memory_info": "cuMemGetInfo_v2",
        "allocate": "cuMemAlloc_v2",
        "free": "cuMemFree_v2",
        "register": "cuMemHostRegister_v2",
        "registered": "cuMemHostGetDevicePointer_v2",
        "unregister": "cuMemHostUnregister",
        "to_device": "cuMemcpyHtoDAsync_v2",
        "to_host": "cuMemcpyDtoHAsync_v2",
        "on_device": "cuMemcpyDtoDAsync_v2",
        "fill8": "cuMemsetD8Async",
        "fill16": "cuMemsetD16Async",
        "fill32": "cuMemsetD32Async",
        "unload": "cuModuleUnload",
        "function": "cuModuleGetFunction",
        "launch": "cuLaunchKernel",
        "stream": "cuStreamCreate",
        "close_stream": "cuStreamDestroy_v2",
        "synchronize": "cuStreamSynchronize",
        "wait": "cuStreamWaitEvent",
        "event": "cuEventCreate",
        "record": "cuEventRecord",
        "wait_event": "cuEventSynchronize",
        "elapsed": "cuEventElapsedTime_v2|cuEventElapsedTime",
        "close_event": "cuEventDestroy_v2",
        "begin": "cuStreamBeginCapture_v2",
        "end": "cuStreamEndCapture",
        "instantiate": "cuGraphInstantiateWithFlags",
        "run": "cuGraphLaunch",
        "close_noted": "cuGraphDestroy",
        "close_graph": "cuGraphExecDestroy",
    },
    {
        "cuGetErrorName": [_INT, _POINTER],
        "cuDriverGetVersion": [_POINTER],
        "cuDeviceGetAttribute": [_POINTER, _INT, _INT],
        "cuDevicePrimaryCtxRetain": [_POINTER, _INT],
        "cuCtxSetCurrent": [_POINTER],
        "cuModuleLoadDataEx": [_POINTER, ctypes.c_char_p, _UINT, _POINTER, _POINTER],
        "cuFuncSetAttribute": [_POINTER, _INT, _INT],
    },
)
_ENCODE = "cuTensorMapEncodeTiled"
_ENCODE_PROTOTYPE = [_POINTER, _INT, _UINT, _U64, _POINTER, _POINTER, _POINTER, _POINTER]


class CudaDriver(CudaLike):
    """One NVIDIA GPU, for code of one chip."""

    def __init__(self, chip: str, number: int = 0, opener: Opener = ctypes.CDLL) -> None:
        """DeviceError when the driver, the device or the chip is not what is needed."""
        self.dlpack = (_DLPACK_CUDA, number)
        self.chip = chip
        target = f"nvidia:{chip}"
        library = Library(target, VENDOR, LIBRARIES, NAMES.prototypes(), KINDS, opener)
        library.explain = self._explained
        self._context: Any = None
        super().__init__(library, NAMES, number)
        self._check_chip()

    def _explained(self, code: int) -> str:
        name = ctypes.c_char_p()
        function = self.library.function("cuGetErrorName")
        known = not function(code, ctypes.byref(name)) and name.value
        return f"{name.value.decode()} ({code})" if known and name.value else str(code)

    def make_current(self) -> None:
        """Use the context that all libraries of the process share (PyTorch's too)."""
        if self._context is None:
            made = self.library.made("cuDevicePrimaryCtxRetain", _POINTER, self.handle)
            self._context = made
        self.library.call("cuCtxSetCurrent", self._context)

    def capability(self) -> tuple[int, int]:
        """Compute capability, such as (9, 0)."""
        major, minor = (
            self.library.made("cuDeviceGetAttribute", _INT, which, self.handle)
            for which in (_MAJOR, _MINOR)
        )
        return major, minor

    def version(self) -> tuple[int, int]:
        """The CUDA version that the driver knows, such as (12, 4)."""
        number = self.library.made("cuDriverGetVersion", _INT)
        return number // 1000, number % 1000 // 10

    def _check_chip(self) -> None:
        """PTX runs on its chip and on later ones, but that of a chip ending in "a" on it alone."""
        major, minor = found = self.capability()
        digits = self.chip.removeprefix("sm_")
        wanted = int(digits.rstrip("a")[:-1]), int(digits.rstrip("a")[-1])
        if found != wanted if digits.endswith("a") else found < wanted:
            device = f"{self.title()} (sm_{major}{minor})"
            raise failure(failures.OTHER_CHIP, VENDOR, f"nvidia:{self.chip}", device=device)

    def summary(self) -> str:
        """The device for people."""
        (major, minor), version = self.capability(), self.version()
        return f"{self.title()}, sm_{major}{minor}, CUDA {version[0]}.{version[1]}"

    def load(self, files: Mapping[str, bytes]) -> CudaModule:
        """Compile PTX in the driver. DeviceError with what it says."""
        self.enter()
        image = files.get("kernels.ptx", b"")
        return CudaModule(self, image)

    def describe(self, data: Mapping[str, Any], address: int) -> bytes:
        """A CUtensorMap, which the driver encodes."""
        encode = getattr(self.library.raw, _ENCODE, None)
        if encode is None:
            detail = f"it has no {_ENCODE}, which tensor copies of sm_90 need"
            raise failure(failures.OLD_DRIVER, VENDOR, f"nvidia:{self.chip}", detail)
        encode.argtypes, encode.restype = [*_ENCODE_PROTOTYPE, *[_INT] * 4], _INT
        self.enter()
        return _encoded(encode, TensorMap.from_data(data).driver_arguments(address))


def _encoded(encode: Any, arguments: tuple[Any, ...]) -> bytes:
    element, rank, address, dimensions, strides, box, steps, *choices = arguments
    room = ctypes.create_string_buffer(BYTES + 64)
    start = ctypes.addressof(room) + -ctypes.addressof(room) % 64
    arrays = [
        (kind * max(1, len(values)))(*values)
        for kind, values in ((_U64, dimensions), (_U64, strides), (_UINT, box), (_UINT, steps))
    ]
    code = encode(start, element, rank, address, *arrays, *choices)
    if code:
        raise InternalError(f"{_ENCODE} refuses {arguments} (result {code})")
    return ctypes.string_at(start, BYTES)


class CudaModule:
    """PTX in the driver, and its kernels by name."""

    def __init__(self, driver: CudaDriver, image: bytes) -> None:
        self._driver = driver
        self._functions: dict[str, Any] = {}
        self._shared: dict[str, int] = {}
        self.handle = self._loaded(image) if image else None

    def _loaded(self, image: bytes) -> Any:
        log = ctypes.create_string_buffer(_LOG)
        options = (_INT * 2)(_ERROR_LOG, _ERROR_SIZE)
        values = (_POINTER * 2)(ctypes.addressof(log), _LOG)
        library, handle = self._driver.library, _POINTER()
        code = library.function("cuModuleLoadDataEx")(
            ctypes.byref(handle), image + b"\0", 2, options, values
        )
        if code:
            said = log.value.decode(errors="replace").strip()
            major, minor = self._driver.version()
            detail = f"the driver knows CUDA {major}.{minor}" + (f"; {said}" if said else "")
            raise library.error("cuModuleLoadDataEx", code, detail)
        return handle.value

    def function(self, name: str, shared: int) -> Any:
        """The kernel ``name``, allowed ``shared`` bytes of dynamic shared memory."""
        if name not in self._functions:
            found = self._driver.made("function", _POINTER, self.handle, name.encode())
            self._functions[name] = found
        if shared > max(_WITHOUT_ASKING, self._shared.get(name, 0)):
            self._driver.library.call(
                "cuFuncSetAttribute",
                self._functions[name],
                _DYNAMIC_SHARED,
                shared,
                detail=f"kernel {name} with {shared} bytes of shared memory",
            )
            self._shared[name] = shared
        return self._functions[name]
