"""Kernels of LLVM IR text, compiled for the host by ``pharos.simt`` when they first run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pharos.core import settings
from pharos.targets.common.gpu.device_memory import Region
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.launches import Launch
from pharos.targets.common.gpu.printing import show

# Kernels have a calling convention of their own in LLVM IR; functions that they call have not.
_KERNEL = re.compile(
    r"^define [^@\n]*\b(?:ptx|amdgpu|spir)_kernel [^@\n]*@(?P<name>[\w.$-]+)\(.*?^}\n",
    re.MULTILINE | re.DOTALL,
)

Watch = Callable[[Launch, float], None]
"""Is told each launch that has ended, and the seconds that it took."""


@dataclass
class Traced:
    """A thread to be traced: of ``kernel`` ("" for the first that is launched), ``block`` and
    ``thread`` x first. ``steps`` are filled in when it first runs; ``missed`` found no room."""

    kernel: str
    block: tuple[int, int, int]
    thread: tuple[int, int, int]
    steps: Sequence[Any] = ()
    missed: int = 0
    done: bool = False

    def wants(self, launch: Launch) -> bool:
        """Whether this launch is the one."""
        return not self.done and self.kernel in ("", launch.kernel)


@dataclass
class Simulation:
    """How a simulated device runs kernels: see the switches PHAROS_SIM_* for the first three.

    ``watch`` is told about every launch.
    """

    order: str
    effects: str
    checks: str
    watch: Watch | None = None
    traced: Traced | None = None

    @staticmethod
    def from_settings() -> Simulation:
        """What the environment asks for."""
        return Simulation(
            settings.SIM_ORDER.get(), settings.SIM_EFFECTS.get(), settings.SIM_CHECKS.get()
        )


class Engine:
    """The kernels in ``text``. ``meanings(facts)`` says what the target's instructions do."""

    def __init__(
        self,
        text: str,
        meanings: Callable[[Any], Any],
        facts: GpuFacts,
        simulation: Simulation,
    ) -> None:
        self._text = text
        self._meanings = meanings
        self._facts = facts
        self._simulation = simulation
        self._kernels: dict[str, Any] = {}

    def run(
        self, launch: Launch, operands: Sequence[int | float], regions: Sequence[Region]
    ) -> None:
        """Run every block of ``launch``. Raises SimulationFault where a kernel does wrong.

        ``operands`` are addresses and numbers, ``regions`` is all memory that the kernel may touch.
        """
        traced = self._simulation.traced
        wanted = traced if traced is not None and traced.wants(launch) else None
        kernel = self._kernel(launch.kernel) if wanted is None else self._built(launch.kernel, True)
        how = {
            "dynamic_shared": launch.shared,
            "memory": [_as_simulated(one) for one in regions],
            "order": self._simulation.order,
            "latest": self._simulation.effects == "latest",
            "workers": settings.THREADS.get(),
        }
        start = time.perf_counter()
        with self._printing(kernel, how):
            if wanted is None:
                kernel.run(launch.grid, launch.block, list(operands), **how)
            else:
                _run_traced(kernel, launch, operands, how, wanted)
        if self._simulation.watch is not None:
            self._simulation.watch(launch, time.perf_counter() - start)

    @contextmanager
    def _printing(self, kernel: Any, how: dict[str, Any]) -> Iterator[None]:
        """What ``kernel`` prints when it runs as ``how`` says is written, also if it stops."""
        if not kernel.says:
            yield
            return
        from pharos.simt import Said

        said = how["said"] = Said()
        try:
            yield
        finally:
            show(self._meanings(self._facts).texts(said.words), said.missed)

    def _kernel(self, name: str) -> Any:
        if name not in self._kernels:
            self._kernels[name] = self._built(name)
        return self._kernels[name]

    def _built(self, name: str, traced: bool = False) -> Any:
        from pharos.simt import Checks, Simulator

        checked = self._simulation.checks == "all"
        return Simulator(
            without_other_kernels(self._text, name),
            name,
            subgroup_size=self._facts.subgroup_size,
            meanings=self._meanings(self._facts),
            checks=Checks() if checked else Checks.none(),
            traced=traced,
        )


def _run_traced(
    kernel: Any, launch: Launch, operands: Sequence[Any], how: dict[str, Any], traced: Traced
) -> None:
    """Run with a record of one thread, which is kept also when the kernel stops."""
    from pharos.simt import Trace

    trace = Trace(traced.block, traced.thread)
    try:
        kernel.run(launch.grid, launch.block, list(operands), trace=trace, **how)
    finally:
        traced.steps, traced.missed, traced.done = trace.steps, trace.missed, True


def without_other_kernels(text: str, name: str) -> str:
    """The module ``text`` without the bodies of kernels other than ``name``.

    A module has a kernel for each layer of a model, and each kernel is read on its own. Kernels
    call no kernels.
    """

    def kept(found: re.Match[str]) -> str:
        return found[0] if found["name"] == name else ""

    return _KERNEL.sub(kept, text)


def _as_simulated(one: Region) -> Any:
    from pharos.simt.regions import Region as Simulated

    return Simulated(one.name, one.address, one.size, one.writable, one.written)
