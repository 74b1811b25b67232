"""The device for a target, without what compiles for it."""

from __future__ import annotations

import importlib
from typing import Any

from pharos.core.errors import UserError
from pharos.targets.common.gpu.host.device import GpuDevice

# By target: the module and the class of its driver.
DRIVERS = {
    "nvidia": ("pharos.targets.nvidia.driver", "CudaDriver"),
    "amd": ("pharos.targets.amd.driver", "HipDriver"),
    "xegpu": ("pharos.targets.xegpu.driver", "LevelZeroDriver"),
}


def open_device(target: str, number: int = 0) -> GpuDevice:
    """The device ``number`` for ``target`` ("nvidia:sm_90a"). UserError says why there is none.

    A simulated one ("nvidia:sm_90a:sim") needs llvmlite, and nothing of MLIR.
    """
    kind, *rest = target.split(":")
    if kind not in DRIVERS or not rest or rest[0] == "sim":
        raise UserError(f"no device runs code for '{target}'")
    if rest[-1] == "sim":
        return _simulated(target, kind, rest[0])
    module, name = DRIVERS[kind]
    driver: Any = getattr(importlib.import_module(module), name)
    return GpuDevice(target, driver(rest[0], number))


def _simulated(target: str, kind: str, chip: str) -> GpuDevice:
    try:
        importlib.import_module("llvmlite")
        importlib.import_module("ml_dtypes")
    except ImportError as error:
        raise UserError(
            f"the simulated device {target} needs llvmlite and ml_dtypes: {error}",
            hint="pip install llvmlite==0.50.* ml_dtypes, or build for a real device",
        ) from None
    module = importlib.import_module(f"pharos.targets.{kind}.target")
    device: GpuDevice = module.open_target(chip, True).open_device()
    return device
