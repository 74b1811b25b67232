"""What both ways to NVIDIA's driver share: its numbers, and its refusals in words."""

from __future__ import annotations

import ctypes
from typing import Any

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.failures import DeviceError, Vendor, failure
from pharos.targets.common.gpu.host.library import Codes
from pharos.targets.nvidia.tensor_maps import BYTES

VENDOR = Vendor(
    "NVIDIA", "NVIDIA's driver (libcuda.so.1)", "525.60 or newer knows PTX 8.0", "nvidia-smi"
)
LIBRARIES = ("libcuda.so.1", "libcuda.so")
DLPACK_CUDA = 2
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
WITHOUT_ASKING = 48 << 10  # bytes of dynamic shared memory
ERROR_LOG, ERROR_SIZE = 5, 6  # CU_JIT_ERROR_LOG_BUFFER and its size
LOG = 16384
_POINTER, _INT, _UINT, _U64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint, ctypes.c_uint64
ENCODE = "cuTensorMapEncodeTiled"
ENCODE_KIND = ctypes.CFUNCTYPE(_INT, _POINTER, _INT, _UINT, _U64, *[_POINTER] * 4, *[_INT] * 4)


def version_of(number: int) -> tuple[int, int]:
    """CUDA's version as the driver numbers it: 12040 is (12, 4)."""
    return number // 1000, number % 1000 // 10


def check_chip(chip: str, found: tuple[int, int], title: str) -> None:
    """PTX runs on its chip and on later ones, but that of a chip ending in "a" on it alone.

    ``found`` is the compute capability of the device ``title``. DeviceError where it does not fit.
    """
    digits = chip.removeprefix("sm_")
    wanted = int(digits.rstrip("a")[:-1]), int(digits.rstrip("a")[-1])
    if found != wanted if digits.endswith("a") else found < wanted:
        device = f"{title} (sm_{found[0]}{found[1]})"
        raise failure(failures.OTHER_CHIP, VENDOR, f"nvidia:{chip}", device=device)


def refused_code(
    codes: Codes, function: str, code: int, log: bytes | bytearray, version: tuple[int, int]
) -> DeviceError:
    """The error for PTX that ``function`` does not take; ``log`` is what the driver wrote."""
    said = bytes(log).partition(b"\0")[0].decode(errors="replace").strip()
    detail = f"the driver knows CUDA {version[0]}.{version[1]}" + (f"; {said}" if said else "")
    return codes.error(function, code, detail)


def encoded(encode: Any, arguments: tuple[Any, ...]) -> bytes:
    """A CUtensorMap by the driver's function (of ``ENCODE_KIND``), from what
    ``TensorMap.driver_arguments`` gives."""
    element, rank, address, dimensions, strides, box, steps, *choices = arguments
    room = ctypes.create_string_buffer(BYTES + 64)
    start = ctypes.addressof(room) + -ctypes.addressof(room) % 64
    arrays = [
        (kind * max(1, len(values)))(*values)
        for kind, values in ((_U64, dimensions), (_U64, strides), (_UINT, box), (_UINT, steps))
    ]
    code = encode(start, element, rank, address, *arrays, *choices)
    if code:
        raise InternalError(f"{ENCODE} refuses {arguments} (result {code})")
    return ctypes.string_at(start, BYTES)
