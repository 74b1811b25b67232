"""From a descriptor to a pipeline: includes opened, parameters filled in, everything checked.

A descriptor sees only its own parameters. An include gives arguments by name, each checked
against the included descriptor's declaration, so no name reaches further than it was written.
Selectors look at the payload as it is given, so they choose before any stage, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pharos.core.errors import InternalError, Note, UserError, nearest
from pharos.core.span import Span
from pharos.pipeline.descriptor import Descriptor, each
from pharos.pipeline.parameters import UNSET, Parameter
from pharos.pipeline.pipeline import Binding, Origin, Pipeline, ResolvedStage, Runner
from pharos.pipeline.registry import Choice, MotifChoice, Registry
from pharos.pipeline.runners import (
    call_registered,
    check_options,
    custom_runner,
    find_transform,
    pass_runner,
    registered,
    schedule_runner,
    transform_runner,
)
from pharos.pipeline.search import SUFFIXES, find_file, read_descriptor
from pharos.pipeline.stages import (
    CustomStage,
    DeclaredStage,
    IncludeStage,
    PassStage,
    ScheduleStage,
    SelectStage,
    TransformStage,
    map_options,
    unique_labels,
)
from pharos.pipeline.values import Options, Reference, Value


def flatten(
    descriptor: Descriptor,
    parameters: Mapping[str, Any],
    registry: Registry,
    *,
    payload_facts: Callable[[], Any] | None = None,
    target_facts: Any = None,
) -> Pipeline:
    """The stages of ``descriptor`` with ``parameters`` for its parameters, ready to run.

    ``payload_facts`` is called at the first `select`; selectors get what it returns, and
    ``target_facts``. Values in ``parameters`` win over what a selector chooses.
    Raises UserError or ErrorList, with places, for everything that is wrong, before any stage
    runs: unknown names, values that a parameter forbids, includes that lead back to themselves.
    """
    flattener = _Flattener(registry, payload_facts, target_facts)
    scope = _Scope(descriptor)
    for name, value in parameters.items():
        scope.bind(name, value, Origin("caller"), None)
    stages = flattener.descriptor(scope, _Trail())
    labels = unique_labels(s.declared.label or s.declared.default_label for s in stages)
    named = tuple(replace(stage, name=label) for stage, label in zip(stages, labels, strict=True))
    bindings = tuple(scope.bound[p.name] for p in descriptor.parameters)
    return Pipeline(
        descriptor.name, named, bindings, descriptor.description, tuple(flattener.motifs)
    )


StageForm = TypeVar("StageForm", bound=DeclaredStage)


class _Scope:
    """The parameters of one descriptor while its stages are flattened."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self.declared: Mapping[str, Parameter] = {p.name: p for p in descriptor.parameters}
        self.bound: dict[str, Binding] = {}
        self._used: dict[str, Span | None] = {}

    def bind(self, name: str, value: Any, origin: Origin, span: Span | None) -> None:
        """Give the parameter ``name`` a value."""
        if name not in self.declared:
            raise self._unknown(name, span)
        parameter = self.declared[name]
        self.bound[name] = Binding(parameter, parameter.check(value, span=span), origin)

    def choose(self, name: str, choice: Choice, select: SelectStage) -> None:
        """Take a selector's choice, unless the caller gave a value."""
        if name not in self.declared:
            raise self._unknown(name, select.span, f"selector '{select.name}' chose ")
        bound = self.bound.get(name)
        if name in self._used:
            raise UserError(
                f"selector '{select.name}' chooses '{name}' after another selector used it",
                span=select.span,
                notes=[Note("used here", self._used[name])],
            )
        if bound is not None and bound.origin.kind == "selector":
            raise UserError(
                f"selectors '{bound.origin.selector}' and '{select.name}' both choose '{name}'",
                span=select.span,
                notes=[Note("the other is here", bound.origin.span)],
            )
        if bound is None:
            origin = Origin("selector", select.span, selector=select.name, why=choice.why)
            self.bind(name, choice.value, origin, select.span)

    def use(self, name: str, span: Span | None) -> Binding:
        """The parameter's value, for a use at ``span``."""
        if name not in self.declared:
            raise self._unknown(name, span)
        self._used.setdefault(name, span)
        return self._settled(name, span)

    def settle(self, span: Span | None) -> None:
        """Give every parameter that has no value its default."""
        each(self.declared, lambda name: self._settled(name, span))

    def _settled(self, name: str, span: Span | None) -> Binding:
        parameter = self.declared[name]
        if name not in self.bound:
            if parameter.default is UNSET:
                raise UserError(
                    f"parameter '{name}' of '{self.descriptor.name}' has no value",
                    span=span,
                    notes=[Note("it is declared here, without a default", parameter.span)],
                    hint=f"give it one: {name}=...",
                )
            self.bound[name] = Binding(
                parameter, parameter.default, Origin("default", parameter.span)
            )
        return self.bound[name]

    def _unknown(self, name: str, span: Span | None, what: str = "") -> UserError:
        known = ", ".join(self.declared) or "none"
        return UserError(
            f"{what or 'found '}'{name}', which is no parameter of '{self.descriptor.name}'; "
            f"its parameters: {known}",
            span=span,
            hint=nearest(name, self.declared),
        )


@dataclass(frozen=True)
class _Trail:
    """The includes that led to a descriptor: files, and the place of each include."""

    files: tuple[Path, ...] = ()
    spans: tuple[Span, ...] = ()

    def into(self, path: Path, span: Span | None) -> _Trail:
        """The trail one include further. Raises UserError when it would turn in a circle."""
        if path.resolve() in (file.resolve() for file in self.files):
            chain = " -> ".join(str(file) for file in (*self.files, path))
            raise UserError(
                f"include cycle: {chain}",
                span=span,
                notes=[Note("included here", step) for step in reversed(self.spans)],
            )
        return _Trail((*self.files, path), (*self.spans, *([span] if span else [])))


@dataclass
class _Flattener:
    registry: Registry
    payload_facts: Callable[[], Any] | None
    target_facts: Any
    _facts: list[Any] = field(default_factory=list)
    motifs: list[MotifChoice] = field(default_factory=list)

    def descriptor(self, scope: _Scope, trail: _Trail) -> list[ResolvedStage]:
        """The stages of the descriptor of ``scope``, included ones among them."""
        path = scope.descriptor.path
        if path is not None and not trail.files:
            trail = trail.into(path, None)
        selects = [s for s in scope.descriptor.stages if isinstance(s, SelectStage)]
        others = [s for s in scope.descriptor.stages if not isinstance(s, SelectStage)]
        for select in selects:
            self.select(select, scope)
        scope.settle(trail.spans[-1] if trail.spans else None)
        lists = each(others, lambda stage: self.stage(stage, scope, trail))
        return [stage for stages in lists for stage in stages]

    def stage(self, stage: DeclaredStage, scope: _Scope, trail: _Trail) -> list[ResolvedStage]:
        """What one declared stage becomes: itself, or the stages it includes."""
        resolved, origins = _filled(stage, scope)
        if isinstance(resolved, IncludeStage):
            return self.include(resolved, scope, trail, origins)
        resolved, runner, content = self.runner(resolved, scope)
        return [ResolvedStage("", resolved, runner, content, origins, trail.spans)]

    def runner(self, stage: DeclaredStage, scope: _Scope) -> tuple[DeclaredStage, Runner, str]:
        """The stage with its files found, what runs it, and the hash of its file."""
        if isinstance(stage, PassStage):
            return stage, pass_runner(stage), ""
        if isinstance(stage, ScheduleStage):
            return stage, schedule_runner(stage, self.registry), ""
        if isinstance(stage, CustomStage):
            return stage, custom_runner(stage, self.registry), ""
        if isinstance(stage, TransformStage):
            path = find_transform(stage, self.folders(scope))
            runner, content = transform_runner(stage, path)
            return replace(stage, name=str(path)), runner, content
        raise InternalError(f"no way to run a stage of type {type(stage).__name__}")

    def folders(self, scope: _Scope) -> list[Path]:
        """Where files that the descriptor names are looked for."""
        path = scope.descriptor.path
        return [path.parent if path else Path(), *self.registry.descriptors]

    def include(
        self,
        stage: IncludeStage,
        scope: _Scope,
        trail: _Trail,
        origins: Mapping[str, tuple[Binding, ...]],
    ) -> list[ResolvedStage]:
        """The stages of the descriptor that ``stage`` names, with its arguments."""
        path = find_file(stage.name, self.folders(scope), SUFFIXES, span=stage.span)
        trail = trail.into(path, stage.span)
        inner = _Scope(read_descriptor(path))
        for name, value in stage.options.items():
            span = stage.options.span(name) or stage.span
            source = origins.get(name, ())
            origin = Origin("include argument", span, source[0].origin if source else None)
            inner.bind(name, value, origin, span)
        return self.descriptor(inner, trail)

    def select(self, declared: SelectStage, scope: _Scope) -> None:
        """Let a selector choose values for parameters that the caller left open."""
        stage, _ = _filled(declared, scope)
        function = registered("selector", stage.name, self.registry.selectors, stage.span)
        check_options(stage, function, ["payload facts", "target facts"])
        if self.payload_facts is None:
            raise UserError(
                f"selector '{stage.name}' needs a payload to look at, and there is none",
                span=stage.span,
            )
        if not self._facts:
            self._facts.append(self.payload_facts())
        chosen = call_registered(stage, function, self._facts[0], self.target_facts)
        if isinstance(chosen, tuple):
            self.motifs += chosen
            return
        if not isinstance(chosen, Mapping):
            raise InternalError(
                f"selector '{stage.name}' returned {type(chosen).__name__}, not a mapping"
            )
        for name, value in chosen.items():
            choice = value if isinstance(value, Choice) else Choice(value)
            scope.choose(name, choice, stage)


def _filled(stage: StageForm, scope: _Scope) -> tuple[StageForm, dict[str, tuple[Binding, ...]]]:
    """``stage`` with the values of parameters; and by option, which parameters it used."""
    origins: dict[str, tuple[Binding, ...]] = {}

    def filled(owner: str, options: Options) -> Options:
        values: dict[str, Value] = {}
        for name, value in options.items():
            used: list[Binding] = []
            values[name] = _value(value, scope, stage.span, used)
            if used:
                # Two passes of one stage may have options of the same name.
                option = f"{owner}.{name}" if isinstance(stage, PassStage) else name
                origins[option] = tuple(used)
        return Options(values, spans=options.spans)

    return map_options(stage, filled), origins


def _value(value: Value, scope: _Scope, place: Span | None, used: list[Binding]) -> Value:
    if isinstance(value, Reference):
        used.append(scope.use(value.name, value.span or place))
        return used[-1].value
    if isinstance(value, tuple):
        return tuple(_value(item, scope, place, used) for item in value)
    return value
