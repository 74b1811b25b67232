"""A plugin for pytest: the tests of NVIDIA's driver, over cuda-core instead of ctypes.

``test_gpu_drivers_cuda_core.py`` starts a process with it. Before anything else it puts the
stand-in where NVIDIA's packages look for the driver.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from simulating_cuda_core import FakeCudaCore, Served

with tempfile.TemporaryDirectory() as _folder:
    FakeCudaCore.served = Served(Path(_folder))

from pharos.targets.nvidia.driver_cuda_core import CudaCoreDriver

_status = [1]


def open_driver(chip, opener):
    """In place of ``CudaDriver``; ``opener`` is what ``FakeCudaCore.opener`` gave."""
    assert opener is None
    return CudaCoreDriver(chip)


def pytest_collection_modifyitems(config, items):
    """Tests of NVIDIA's devices, and those whose parameters say nothing of a device."""
    for module in {item.module for item in items}:
        for target, (_, _, *rest) in getattr(module, "VENDORS", {}).items():
            if target.startswith("nvidia"):
                module.VENDORS[target] = (FakeCudaCore, open_driver, *rest)
    dropped = [item for item in items if not _for_this_process(item)]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]


def _for_this_process(item):
    """All but other vendors' devices, and drivers that lack a function: they are refused by their
    version (``cuda_core_cases.py``)."""
    given = getattr(item, "callspec", None)
    words = str(given.params) if given else "nvidia"
    return "nvidia" in words and "'missing'" not in words


def pytest_sessionfinish(session, exitstatus):
    """Remember how it ended."""
    _status[0] = int(exitstatus)


def pytest_unconfigure():
    """End without the destructors of libraries: the driver that they would call is Python."""
    sys.stdout.flush()
    os._exit(_status[0])
