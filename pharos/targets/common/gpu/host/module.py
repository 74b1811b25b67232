"""An artifact on a device: its code, and its constant arrays."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pharos.core.artifact import Artifact, EntryPoint
from pharos.runtime.device import Checked
from pharos.targets.common.gpu import archive, launches
from pharos.targets.common.gpu.host.driver import Place

if TYPE_CHECKING:
    from pharos.targets.common.gpu.host.call import GpuCall
    from pharos.targets.common.gpu.host.device import GpuDevice


class GpuModule:
    """Implements ``pharos.runtime.device.LoadedModule``."""

    def __init__(self, device: GpuDevice, artifact: Artifact) -> None:
        self.artifact = artifact
        self.device = device
        self._files = archive.unpack(artifact)
        driver = device.driver
        self.code = driver.load(self._files)
        weakref.finalize(self, driver.unload, self.code)
        self._constants: dict[int, Place] = {}
        self._programs: dict[str, launches.Program] = {}

    def prepare(self, entry: EntryPoint, values: Sequence[Checked]) -> GpuCall:
        """A call of ``entry`` with ``values``."""
        from pharos.targets.common.gpu.host.call import GpuCall

        return GpuCall(self, entry, self._program(entry.name), values)

    def _program(self, name: str) -> launches.Program:
        if name not in self._programs:
            data = self.artifact.metadata[launches.LAUNCHES][name]
            self._programs[name] = launches.from_data(data)
        return self._programs[name]

    def constant(self, number: int) -> Place:
        """Where the constant array ``number`` is on the device; brought there once."""
        if number not in self._constants:
            data = self._files[archive.constant_name(number)]
            driver, stream = self.device.driver, self.device.default
            address = driver.allocate(len(data))
            weakref.finalize(self, driver.free, address)
            place = Place(f"constant {number}", address, len(data), writable=False)
            driver.write(
                address, np.frombuffer(data, np.uint8).ctypes.data, len(data), stream.handle
            )
            self._constants[number] = place
        return self._constants[number]
