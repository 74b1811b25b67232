"""Loading, calling and measuring compiled code on any device, and keeping it on disk."""

from pharos.runtime.benchmark import Timing, benchmark
from pharos.runtime.buffer import Buffer
from pharos.runtime.device import Checked, Device, LoadedModule, Memory, PreparedCall, Scalar
from pharos.runtime.dtypes import name_of, numpy_dtype
from pharos.runtime.runner import Bound, Runner
from pharos.runtime.store import ArtifactStore, StoreInfo, cache_key

__all__ = [
    "ArtifactStore",
    "Bound",
    "Buffer",
    "Checked",
    "Device",
    "LoadedModule",
    "Memory",
    "PreparedCall",
    "Runner",
    "Scalar",
    "StoreInfo",
    "Timing",
    "benchmark",
    "cache_key",
    "name_of",
    "numpy_dtype",
]
