"""Loading, calling and measuring compiled code on any device, and keeping it on disk.

What needs numpy is imported when it is first used: the commands that only look at the cache, and
the child processes that only compile, do without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pharos.runtime.benchmark import Timing, benchmark
from pharos.runtime.store import ArtifactStore, StoreInfo, cache_key

if TYPE_CHECKING:
    from pharos.runtime.buffer import Buffer
    from pharos.runtime.device import (
        Checked,
        Device,
        Event,
        Graph,
        LoadedModule,
        Memory,
        PreparedCall,
        Scalar,
        Stream,
        Work,
    )
    from pharos.runtime.dtypes import name_of, numpy_dtype
    from pharos.runtime.runner import Bound, Runner
else:
    _LATER = {
        "Buffer": "buffer",
        "Checked": "device",
        "Device": "device",
        "Event": "device",
        "Graph": "device",
        "LoadedModule": "device",
        "Memory": "device",
        "PreparedCall": "device",
        "Scalar": "device",
        "Stream": "device",
        "Work": "device",
        "name_of": "dtypes",
        "numpy_dtype": "dtypes",
        "Bound": "runner",
        "Runner": "runner",
    }

    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)


__all__ = [
    "ArtifactStore",
    "Bound",
    "Buffer",
    "Checked",
    "Device",
    "Event",
    "Graph",
    "LoadedModule",
    "Memory",
    "PreparedCall",
    "Runner",
    "Scalar",
    "StoreInfo",
    "Stream",
    "Timing",
    "Work",
    "benchmark",
    "cache_key",
    "name_of",
    "numpy_dtype",
]
