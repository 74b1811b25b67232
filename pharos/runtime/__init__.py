"""Loading, calling and measuring compiled code on any device, and keeping it on disk."""

from pharos.runtime.buffer import Buffer
from pharos.runtime.device import Checked, Device, LoadedModule, Memory, PreparedCall, Scalar
from pharos.runtime.dtypes import name_of, numpy_dtype
from pharos.runtime.runner import Bound, Runner

__all__ = [
    "Bound",
    "Buffer",
    "Checked",
    "Device",
    "LoadedModule",
    "Memory",
    "PreparedCall",
    "Runner",
    "Scalar",
    "name_of",
    "numpy_dtype",
]
