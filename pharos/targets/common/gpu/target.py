"""A GPU, real or simulated, as a target: the protocol that ``targets/cpu/target.py`` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError, nearest
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import GpuKind

# MiB and GFLOP that a problem of a benchmark has at most where nothing else is said: what a
# simulated device works out in seconds.
_SIMULATED_LIMITS = (1.0, 0.005)
SHARED_PIPELINES = Path(__file__).with_name("pipelines")


class GpuTarget:
    """One chip of a kind of GPU. ``simulated`` ones run their kernels on this machine's CPU."""

    def __init__(self, kind: GpuKind, chip: str | None = None, simulated: bool = False) -> None:
        """``chip`` defaults to the kind's. UserError that lists the chips for one it has not."""
        chosen = chip or kind.default_chip
        if chosen not in kind.chips:
            raise UserError(
                f"{kind.name}: expected a chip among {', '.join(kind.chips)}, found '{chosen}'",
                hint=nearest(chosen, kind.chips),
            )
        self.kind = kind
        self.simulated = simulated
        self._facts = kind.chips[chosen]
        self.name = f"{kind.name}:{chosen}" + (":sim" if simulated else "")
        self.description = f"{kind.description}{', simulated on the CPU' if simulated else ''}"
        self.chips = tuple(kind.chips)
        self.pipelines = kind.pipelines
        self.shared_pipelines = (SHARED_PIPELINES,)
        self.default_pipeline = kind.default_pipeline
        self.timed = not simulated
        self.takes_programs = kind.programs is not None
        self.needed = False
        self.open_sizes = False
        self.native = False
        self.problem_limits = _SIMULATED_LIMITS if simulated else (0.0, 0.0)

    def facts(self) -> GpuFacts:
        """What the chip can do."""
        return self._facts

    def summary(self) -> dict[str, Any]:
        """The facts for people."""
        return self._facts.summary()

    def stages(self) -> Mapping[str, Callable[..., Any]]:
        """The stages written in Python that descriptors of this target may name."""
        from pharos.targets.common.gpu.stages import STAGES

        return {**STAGES, **self.kind.stages()}

    def drop_strange_result(self, module: Any) -> str:
        """Nothing: on a GPU no function is started for what it does to the host."""
        return ""

    def prepare(self, module: Any) -> dict[str, Any]:
        """Describe what will be called from outside, before ``module`` is lowered.

        UserError at the place of a dynamic size.
        """
        from pharos.targets.common.gpu.entries import prepare

        return prepare(module)

    def finish(
        self, module: Any, prepared: Mapping[str, Any], libraries: Sequence[str]
    ) -> Artifact:
        """Code of the kernels of ``module``, and its host functions as launch descriptions."""
        from pharos.targets.common.gpu.finish import finish

        return finish(self, module, **prepared)

    def assembly(self, artifact: Artifact) -> str:
        """The kernels of ``artifact`` as text: the vendor's, or LLVM IR for a simulated device."""
        from pharos.targets.common.gpu.archive import LLVM_IR, text_of, unpack
        from pharos.targets.common.gpu.generating import assembly

        kernels = b"" if self.simulated else unpack(artifact)[LLVM_IR]
        if self.kind.assembly is not None and kernels:
            return assembly(kernels.decode(), self.kind, self._facts)
        return text_of(artifact)

    def open_device(self) -> Any:
        """The device that runs this target's artifacts. UserError when there is none here."""
        if not self.simulated:
            from pharos.targets.common.gpu.host.device import GpuDevice

            return GpuDevice(self.name, self.kind.open_driver(self._facts))
        from pharos.targets.common.gpu.simulated import SimulatedDevice

        return SimulatedDevice(self.name, self.kind, self._facts)

    def run_main(self, artifact: Artifact, arguments: Sequence[str] = ()) -> Any:
        """UserError: what programs do beside their kernels, a GPU cannot."""
        raise UserError(
            f"the target {self.name} runs functions on arrays, not programs with a main",
            hint="name a function and its inputs: --entry NAME --input ITEM,...",
        )

    def provide(self, lookup: Callable[[str], int | None]) -> None:
        """Nothing: kernels call no functions of the host."""

    def checks(self) -> Mapping[str, Callable[[], str]]:
        """What this target needs of the machine, by name."""
        return {"device": lambda: str(self.kind.open_driver(self._facts).summary())} | dict(
            self.kind.tools()
        )
