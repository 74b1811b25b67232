"""NVIDIA's driver (libcuda.so.1) through ctypes: nothing but the driver needs to be installed.

Source: CUDA Driver API 13 (cuda.h).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.cuda_like import KINDS, CudaLike, Names
from pharos.targets.common.gpu.host.library import Library, Opener
from pharos.targets.nvidia.driver_words import (
    DLPACK_CUDA,
    DYNAMIC_SHARED,
    ENCODE,
    ENCODE_KIND,
    ERROR_LOG,
    ERROR_SIZE,
    LIBRARIES,
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

_POINTER, _INT, _UINT = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint

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


class CudaDriver(CudaLike):
    """One NVIDIA GPU, for code of one chip."""

    def __init__(self, chip: str, number: int = 0, opener: Opener = ctypes.CDLL) -> None:
        """DeviceError when the driver, the device or the chip is not what is needed."""
        self.dlpack = (DLPACK_CUDA, number)
        self.chip = chip
        target = f"nvidia:{chip}"
        library = Library(target, VENDOR, LIBRARIES, NAMES.prototypes(), KINDS, opener)
        library.explain = self._explained
        self._context: Any = None
        super().__init__(library, NAMES, number)
        check_chip(chip, self.capability(), self.title())

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
            for which in (MAJOR, MINOR)
        )
        return major, minor

    def version(self) -> tuple[int, int]:
        """The CUDA version that the driver knows, such as (12, 4)."""
        return version_of(self.library.made("cuDriverGetVersion", _INT))

    def summary(self) -> str:
        """The device for people."""
        (major, minor), version = self.capability(), self.version()
        return f"{self.title()}, sm_{major}{minor}, CUDA {version[0]}.{version[1]}, by ctypes"

    def load(self, files: Mapping[str, bytes]) -> CudaModule:
        """Compile PTX in the driver. DeviceError with what it says."""
        self.enter()
        image = files.get("kernels.ptx", b"")
        return CudaModule(self, image)

    def describe(self, data: Mapping[str, Any], address: int) -> bytes:
        """A CUtensorMap, which the driver encodes."""
        encode = getattr(self.library.raw, ENCODE, None)
        if encode is None:
            detail = f"it has no {ENCODE}, which tensor copies of sm_90 need"
            raise self.library.failed(failures.OLD_DRIVER, detail)
        encode = ctypes.cast(encode, ENCODE_KIND)
        self.enter()
        return encoded(encode, TensorMap.from_data(data).driver_arguments(address))


class CudaModule:
    """PTX in the driver, and its kernels by name."""

    def __init__(self, driver: CudaDriver, image: bytes) -> None:
        self._driver = driver
        self._functions: dict[str, Any] = {}
        self._shared: dict[str, int] = {}
        self.handle = self._loaded(image) if image else None

    def _loaded(self, image: bytes) -> Any:
        log = ctypes.create_string_buffer(LOG)
        options = (_INT * 2)(ERROR_LOG, ERROR_SIZE)
        values = (_POINTER * 2)(ctypes.addressof(log), LOG)
        library, handle = self._driver.library, _POINTER()
        code = library.function("cuModuleLoadDataEx")(
            ctypes.byref(handle), image + b"\0", 2, options, values
        )
        if code:
            version = self._driver.version()
            raise refused_code(library, "cuModuleLoadDataEx", code, log.raw, version)
        return handle.value

    def function(self, name: str, shared: int) -> Any:
        """The kernel ``name``, allowed ``shared`` bytes of dynamic shared memory."""
        if name not in self._functions:
            found = self._driver.made("function", _POINTER, self.handle, name.encode())
            self._functions[name] = found
        if shared > max(WITHOUT_ASKING, self._shared.get(name, 0)):
            self._driver.library.call(
                "cuFuncSetAttribute",
                self._functions[name],
                DYNAMIC_SHARED,
                shared,
                detail=f"kernel {name} with {shared} bytes of shared memory",
            )
            self._shared[name] = shared
        return self._functions[name]
