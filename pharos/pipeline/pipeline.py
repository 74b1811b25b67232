"""A pipeline: stages with unique labels, all values filled in, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.pipeline.descriptor import Descriptor, descriptor_to_yaml
from pharos.pipeline.parameters import Parameter
from pharos.pipeline.registry import MotifChoice, Registry
from pharos.pipeline.stages import DeclaredStage, PassStage, TransformStage
from pharos.pipeline.values import Value, format_value

Module = Any


@dataclass(frozen=True)
class StageScope:
    """What a stage may look at while it runs, besides the module.

    ``parameters`` are the values of the pipeline's own parameters, ``target_facts`` and ``plan``
    whatever the caller of the driver gave. ``verify``: whether the module is verified after each
    of MLIR's passes. Where there are ``pass_times``, passes run one at a time, and what each took,
    in seconds, is added there with its name.
    """

    registry: Registry
    parameters: Mapping[str, Value] = field(default_factory=dict)
    target_facts: Any = None
    plan: Any = None
    verify: bool = True
    pass_times: list[tuple[str, float]] | None = None


@runtime_checkable
class Stage(Protocol):
    """One step of a pipeline. ``name`` is its label: unique in a pipeline, a part of file names."""

    @property
    def name(self) -> str:
        """The label."""

    def run(self, module: Module, scope: StageScope) -> Module:
        """Change ``module`` in place and return it, or return a new module."""


Runner: TypeAlias = Callable[[Module, StageScope], Module]


@dataclass(frozen=True)
class Origin:
    """Where a value came from: "default", "caller", "include argument" or "selector".

    ``span`` is the place that gave it, ``source`` where the value given there came from in turn,
    ``selector`` the selector's name and ``why`` its reason.
    """

    kind: str
    span: Span | None = None
    source: Origin | None = None
    selector: str = ""
    why: str = ""

    def __str__(self) -> str:
        name = f" {self.selector}" if self.selector else ""
        place = f" at {self.span}" if self.span else ""
        why = f": {self.why}" if self.why else ""
        source = f", from {self.source}" if self.source else ""
        return f"{self.kind}{name}{place}{why}{source}"


@dataclass(frozen=True)
class Binding:
    """A parameter, its value, and where that came from."""

    parameter: Parameter
    value: Value
    origin: Origin

    def __str__(self) -> str:
        return f"{self.parameter.name} = {format_value(self.value)} ({self.origin})"


@dataclass(frozen=True)
class ResolvedStage:
    """A declared stage with all its values, and what makes it run.

    ``content`` is the hash of the transform file it runs. ``origins`` has, for each option that
    used parameters, those parameters as they were bound; ``includes`` are the places of the
    includes that led here, outermost first.
    """

    name: str
    declared: DeclaredStage
    runner: Runner = field(compare=False, repr=False)
    content: str = ""
    origins: Mapping[str, tuple[Binding, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    includes: tuple[Span, ...] = field(default=(), compare=False, repr=False)

    @property
    def span(self) -> Span | None:
        """Where the stage was declared."""
        return self.declared.span

    @property
    def verified(self) -> bool:
        """Whether MLIR's pass manager verifies what the stage made; see ``StageScope.verify``."""
        return isinstance(self.declared, PassStage)

    def run(self, module: Module, scope: StageScope) -> Module:
        """Run the stage; see `Stage`."""
        return self.runner(module, scope)


@dataclass(frozen=True)
class Pipeline:
    """Stages in order. Two pipelines are equal when they would do the same.

    ``motifs`` are the parameters of the payload's motifs, which selectors of the pipeline choose.
    """

    name: str
    stages: tuple[Stage, ...]
    bindings: tuple[Binding, ...] = field(default=(), compare=False)
    description: str = field(default="", compare=False)
    motifs: tuple[MotifChoice, ...] = field(default=(), compare=False, repr=False)
    # The same values again, compared by their texts, which tell 1 from true.
    _values: tuple[str, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        texts = (f"{b.parameter.name}={format_value(b.value)}" for b in self.bindings)
        object.__setattr__(self, "_values", tuple(sorted(texts)))
        labels = self.labels
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None:
            raise UserError(f"two stages of pipeline '{self.name}' have the label '{twice}'")

    @property
    def labels(self) -> list[str]:
        """The stages' labels in order."""
        return [stage.name for stage in self.stages]

    @property
    def parameters(self) -> Mapping[str, Value]:
        """The values of the pipeline's own parameters."""
        return {binding.parameter.name: binding.value for binding in self.bindings}

    def text(self) -> str:
        """All that decides what the pipeline does, as text: for comparing, and for cache keys.

        A transform file is in it by the hash of its content, wherever the file lies.
        """
        return "\n".join([*self._values, *map(_key_text, self.stages)])

    def explain(self) -> str:
        """The stages with their values, where each value came from, and where each is declared."""
        lines = [f"pipeline {self.name}: {len(self.stages)} stages"]
        lines += [f"  {binding}" for binding in self.bindings]
        for number, stage in enumerate(self.stages, 1):
            lines += _explained(number, stage)
        return "\n".join(lines)


def to_descriptor(pipeline: Pipeline) -> Descriptor:
    """``pipeline`` as a descriptor without includes and references: to save it and replay it.

    Raises UserError when a stage is a Python object that no descriptor can name.
    """
    declared = []
    for stage in pipeline.stages:
        if not isinstance(stage, ResolvedStage):
            raise UserError(
                f"stage '{stage.name}' of pipeline '{pipeline.name}' has no text form",
                hint="register its class as a kind of stage",
            )
        declared.append(stage.declared)
    parameters = tuple(
        Parameter(
            binding.parameter.name,
            binding.parameter.type,
            binding.value,
            binding.parameter.minimum,
            binding.parameter.maximum,
            binding.parameter.choices,
            binding.parameter.description,
        )
        for binding in pipeline.bindings
    )
    return Descriptor(pipeline.name, tuple(declared), parameters, pipeline.description)


def to_yaml(pipeline: Pipeline | Descriptor) -> str:
    """``pipeline`` as the YAML of a descriptor; loading and flattening it gives an equal one."""
    if isinstance(pipeline, Pipeline):
        pipeline = to_descriptor(pipeline)
    return descriptor_to_yaml(pipeline)


def _key_text(stage: Stage) -> str:
    if not isinstance(stage, ResolvedStage):
        return repr(stage)
    if isinstance(stage.declared, TransformStage):
        return f"{stage.name}: transform: {stage.content}{stage.declared.options}"
    return f"{stage.name}: {stage.declared}"


def _explained(number: int, stage: Stage) -> list[str]:
    if not isinstance(stage, ResolvedStage):
        return [f"{number:3} {stage.name}", f"      {stage!r}"]
    place = f"  [{stage.span}]" if stage.span else ""
    lines = [f"{number:3} {stage.name}{place}", f"      {stage.declared}"]
    lines += [f"      included at {span}" for span in reversed(stage.includes)]
    for option, bindings in stage.origins.items():
        lines += [f"      {option}: ${binding}" for binding in bindings]
    return lines
