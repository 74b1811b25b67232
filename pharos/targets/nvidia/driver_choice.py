"""Which of the two ways to NVIDIA's driver is taken: cuda-core where it is installed, else ctypes.

``PHAROS_CUDA`` (``pharos.core.settings``) asks for one of them.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
from typing import Any

from pharos.core import settings
from pharos.core.errors import UserError
from pharos.targets.common.gpu.host.library import Opener
from pharos.targets.nvidia.driver_words import LIBRARIES, version_of

_PACKAGES = ("cuda-core", "cuda-bindings")
_HINT = "pip install 'pharos[cuda]', or unset PHAROS_CUDA"


def open_driver(chip: str, number: int = 0, opener: Opener = ctypes.CDLL) -> Any:
    """The driver (``host.driver.Driver``) for the device ``number``. UserError says why there is
    none, or why it is not the one that was asked for."""
    wanted = settings.CUDA.get()
    missing = _missing() if wanted != "ctypes" else ""
    if wanted == "cuda-core" and missing:
        raise UserError(f"PHAROS_CUDA asks for cuda-core, but {missing}", hint=_HINT)
    if wanted == "ctypes" or missing or (wanted == "auto" and _unfit(opener)):
        from pharos.targets.nvidia.driver import CudaDriver

        return CudaDriver(chip, number, opener)
    from pharos.targets.nvidia.driver_cuda_core import CudaCoreDriver

    return CudaCoreDriver(chip, number)


def way() -> str:
    """Which way is taken on this machine, and why, for people. UserError as ``open_driver``."""
    wanted = settings.CUDA.get()
    if wanted == "ctypes":
        return "ctypes (PHAROS_CUDA)"
    if missing := _missing():
        if wanted == "cuda-core":
            raise UserError(f"PHAROS_CUDA asks for cuda-core, but {missing}", hint=_HINT)
        return f"ctypes; {missing} (optional: launches cost the processor less)"
    if wanted == "auto" and (why := _unfit(ctypes.CDLL)):
        return f"ctypes; {why}"
    return "cuda-core " + importlib.metadata.version("cuda-core")


def _missing() -> str:
    """Why the packages cannot be used; "" where they can."""
    try:
        found = [importlib.util.find_spec(name) for name in ("cuda.core", "cuda.bindings.driver")]
    except ImportError:
        found = [None]
    if None in found:
        return "cuda-core is not installed"
    major, minor = map(int, importlib.metadata.version("cuda-core").split(".")[:2])
    if major != 1 or minor < 2:
        return f"cuda-core {major}.{minor} is installed, not 1.2 or newer of 1.x"
    return ""


def _unfit(opener: Opener) -> str:
    """Why the driver of this machine is not for the packages; "" where it is, or cannot be asked.

    Asked by ctypes, since importing the packages takes a second.
    """
    for name in LIBRARIES:
        try:
            library, number = opener(name), ctypes.c_int()
            code = library.cuDriverGetVersion(ctypes.byref(number))
        except (OSError, AttributeError):
            continue
        found, wanted = version_of(number.value), importlib.metadata.version("cuda-bindings")
        if code or found[0] < int(wanted.split(".")[0]):
            return f"the driver knows CUDA {found[0]}.{found[1]}, cuda-bindings is {wanted}"
        return ""
    return "there is no driver"
