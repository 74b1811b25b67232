"""Kernels of LLVM IR text, compiled for the host by ``pharos.simt`` when they first run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.targets.common.gpu.device_memory import Region
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.launches import Launch


class Engine:
    """The kernels in ``text``. ``meanings(facts)`` says what the target's instructions do."""

    def __init__(self, text: str, meanings: Callable[[Any], Any], facts: GpuFacts) -> None:
        self._text = text
        self._meanings = meanings
        self._facts = facts
        self._kernels: dict[str, Any] = {}

    def run(
        self, launch: Launch, operands: Sequence[int | float], regions: Sequence[Region]
    ) -> None:
        """Run every block of ``launch``. Raises SimulationFault where a kernel does wrong.

        ``operands`` are addresses and numbers, ``regions`` is all memory that the kernel may touch.
        """
        kernel = self._kernel(launch.kernel)
        kernel.run(launch.grid, launch.block, list(operands), dynamic_shared=launch.shared)

    def _kernel(self, name: str) -> Any:
        if name not in self._kernels:
            from pharos.simt import Simulator

            self._kernels[name] = Simulator(
                self._text,
                name,
                subgroup_size=self._facts.subgroup_size,
                meanings=self._meanings(self._facts),
            )
        return self._kernels[name]
