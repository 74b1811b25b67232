"""Targets for whole programs: host code on the CPU, kernels on a GPU, real or simulated.

``cpu+nvidia:sim`` is one. Its artifacts hold an object file and the kernels' code; its stages and
descriptors are those of both halves, and its pipeline is ``program`` of the GPU's folder.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.targets.common.gpu import archive
from pharos.targets.common.gpu.programs.places import PLACES
from pharos.targets.common.gpu.programs.rules import DONE_BY_US
from pharos.toolchain.tables import PREFIX

_HOST = "host.o"
_FORMAT = "program"
_runs = itertools.count()


@dataclass(frozen=True)
class ProgramFacts:
    """What decides a program's code: the GPU's chip and subgroups, and the keys of ``both``."""

    chip: str
    subgroup_size: int
    both: str

    def key(self) -> str:
        """Everything that shapes generated code, as one line."""
        return self.both


class HostedTarget:
    """The protocol of ``targets/cpu/target.py`` over ``cpu`` and ``gpu``, which implement it."""

    default_pipeline = "program"
    open_sizes = True
    timed = False
    native = False
    needed = False
    chips: tuple[str, ...] = ()
    problem_limits = (0.0, 0.0)

    def __init__(self, cpu: Any, gpu: Any) -> None:
        """UserError for a GPU whose passes nobody has written down."""
        rules = getattr(gpu, "kind", None) and gpu.kind.programs
        if rules is None:
            raise UserError(
                f"the target {gpu.name} runs functions on arrays, not programs with a main",
                hint="name a function and its inputs: --entry NAME --input ITEM,...",
            )
        self._cpu = cpu
        self._gpu = gpu
        self._rules = rules
        self.name = f"{PREFIX}{gpu.name}"
        self.backend = self._rules.backend
        self.description = f"programs on the CPU with kernels on {gpu.description}"
        self.pipelines = gpu.pipelines
        self.shared_pipelines = (*gpu.shared_pipelines, cpu.pipelines)

    def facts(self) -> ProgramFacts:
        """What decides the code."""
        own, host = self._gpu.facts(), self._cpu.facts()
        return ProgramFacts(own.chip, own.subgroup_size, f"{host.key()} | {own.key()}")

    def summary(self) -> dict[str, Any]:
        """The facts for people."""
        return {"host": self._cpu.summary(), "device": self._gpu.summary()}

    def stages(self) -> Mapping[str, Callable[..., Any]]:
        """The stages of both."""
        return {**self._cpu.stages(), **self._gpu.stages()}

    def drop_strange_result(self, module: Any) -> str:
        """As on the CPU."""
        return str(self._cpu.drop_strange_result(module))

    def prepare(self, module: Any) -> dict[str, Any]:
        """As on the CPU. CompileError for what only kernels have, elsewhere."""
        from pharos.targets.common.gpu.programs.sides import mark_kernel_functions

        mark_kernel_functions(module)
        prepared: dict[str, Any] = self._cpu.prepare(module)
        return prepared

    def finish(
        self, module: Any, prepared: Mapping[str, Any], libraries: Sequence[str]
    ) -> Artifact:
        """Code of the kernels and of the host, in one artifact."""
        from pharos.targets.common.gpu.programs.kernels import take_kernels, take_places
        from pharos.targets.common.gpu.programs.table import provided

        table = take_places(module)
        files, report = take_kernels(module, self._gpu, table)
        host = self._cpu.finish(module, prepared, libraries, provided())
        code = archive.pack({**files, _HOST: host.code})
        return replace(
            host,
            target=self.name,
            format=_FORMAT,
            code=code,
            fingerprint=hashlib.sha256(code).hexdigest(),
            metadata={**host.metadata, PLACES: table, "report": report},
        )

    def completed(self, stages: Sequence[Any]) -> Iterator[Any]:
        """The program's own ``stages`` with what they need of us before, between and after.

        First copies get streams, and kernels the sizes of their launches. Functions of math become
        arithmetic before kernels are converted, since no device library is linked. What is left is
        finished.
        """
        from pharos.pipeline import parse_stage

        yield parse_stage("stage: waiting-copies")
        yield parse_stage("stage: launch-sizes")
        for stage in stages:
            passes = tuple(found for one in stage.passes if (found := self._completed(one)))
            if any(leaf.name == self._rules.conversion for one in passes for leaf in one.leaves()):
                yield parse_stage("include: program-arithmetic.yaml")
            if passes:
                yield replace(stage, passes=passes)
        yield parse_stage(f"include: program-finish.yaml{{chip={self.facts().chip}}}")

    def _completed(self, one: Any) -> Any:
        """A pass with the options that follow from the chip; None for one that is ours to do."""
        from pharos.pipeline import Options

        if one.nested:
            nested = tuple(found for inner in one.nested if (found := self._completed(inner)))
            return replace(one, nested=nested) if nested else None
        if one.name in DONE_BY_US:
            return None
        values = {**self._rules.defaults.get(one.name, {}), **dict(one.options.items())}
        if one.name in self._rules.chip:
            values[self._rules.chip[one.name]] = "$chip"
        chip = self.facts().chip
        filled = {key: chip if value == "$chip" else value for key, value in values.items()}
        return replace(one, options=Options(filled, spans=dict.fromkeys(filled, one.span)))

    def assembly(self, artifact: Artifact) -> str:
        """The host's instructions, then the kernels'."""
        host, device = self._halves(artifact)
        texts = [self._cpu.assembly(host)]
        if archive.LLVM_IR in archive.unpack(device):
            texts.append(self._gpu.assembly(device))
        return "\n".join(texts)

    def open_device(self) -> Any:
        """The GPU's device."""
        return self._gpu.open_device()

    def run_main(self, artifact: Artifact, arguments: Sequence[str] = ()) -> Any:
        """Call ``main`` on the CPU; its kernels run on the GPU's device."""
        from pharos.targets.common.gpu.programs.session import Session
        from pharos.targets.common.gpu.programs.table import provided

        host, device = self._halves(artifact)
        session = Session(
            self.open_device().driver,
            self._gpu.facts(),
            archive.unpack(device),
            artifact.metadata[PLACES],
        )
        try:
            callees = self._cpu.callees(
                session.functions(), provided(), f"pharos-program-{next(_runs)}"
            )
            return self._cpu.run_main(host, arguments, callees)
        finally:
            session.close()

    def _halves(self, artifact: Artifact) -> tuple[Artifact, Artifact]:
        """The host's artifact and the kernels'."""
        files = archive.unpack(artifact)
        host = replace(artifact, target="cpu", format="object", code=files.pop(_HOST))
        format = "llvm-ir" if self._gpu.simulated else self._gpu.kind.format
        device = replace(
            artifact, target=self._gpu.name, format=format, code=archive.pack(files), entries=()
        )
        return host, device

    def provide(self, lookup: Callable[[str], int | None]) -> None:
        """Nothing: the CPU's half was told."""

    def checks(self) -> Mapping[str, Callable[[], str]]:
        """What both need of the machine."""
        return {**self._cpu.checks(), **self._gpu.checks()}
