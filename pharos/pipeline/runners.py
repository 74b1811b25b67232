"""What a stage of each kind does to a module, checked before any stage runs."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pharos import ir
from pharos.core.errors import InternalError, UserError, nearest
from pharos.core.span import Span
from pharos.pipeline.passes import check_passes, mlir_text, single_passes
from pharos.pipeline.pipeline import Module, Runner, Stage, StageScope
from pharos.pipeline.registry import Entry, Registry
from pharos.pipeline.search import find_file, read_text
from pharos.pipeline.stages import CustomStage, NamedStage, PassStage, ScheduleStage, TransformStage
from pharos.pipeline.values import Options, format_value

DEFAULT_SEQUENCE = "__transform_main"


def pass_runner(stage: PassStage) -> Runner:
    """Runs MLIR's pass manager."""
    check_passes(stage)
    text = mlir_text(stage)

    def run(module: Module, scope: StageScope) -> Module:
        if scope.pass_times is None:
            ir.run_passes(module, text, verify=scope.verify)
            return module
        for name, single in single_passes(stage):
            start = time.perf_counter()
            ir.run_passes(module, single, verify=scope.verify)
            scope.pass_times.append((name, time.perf_counter() - start))
        return module

    return run


def schedule_runner(stage: ScheduleStage, registry: Registry) -> Runner:
    """Builds the schedule's transform module in the payload's context and applies it."""
    function = registered("schedule", stage.name, registry.schedules, stage.span)
    check_options(stage, function, ["the context"])

    def run(module: Module, scope: StageScope) -> Module:
        ir.apply_schedule(module, function(module.context, **stage.options))
        return module

    return run


def custom_runner(stage: CustomStage, registry: Registry) -> Runner:
    """The stage that the registered class or function makes of the options."""
    function = registered("stage", stage.name, registry.stages, stage.span)
    check_options(stage, function, [])
    made = call_registered(stage, function)
    if not isinstance(made, Stage):
        raise InternalError(f"stage '{stage.name}' is made as {type(made).__name__}, not a Stage")
    return made.run


def transform_runner(stage: TransformStage, path: Path) -> tuple[Runner, str]:
    """Applies a transform sequence of a file; also the hash of the file's content."""
    for name in stage.options:
        if name != "sequence":
            raise UserError(
                f"a transform has no option '{name}'; it has only 'sequence'",
                span=stage.options.span(name) or stage.span,
            )
    sequence = stage.options.get("sequence", DEFAULT_SEQUENCE)
    if not isinstance(sequence, str):
        raise UserError(
            f"expected 'sequence' to be a name, found {format_value(sequence)}",
            span=stage.options.span("sequence") or stage.span,
        )
    content = _hash(path)
    _check_sequence(path, sequence, stage)

    def run(module: Module, scope: StageScope) -> Module:
        # What was checked, explained and put into cache keys is what runs.
        if _hash(path) != content:
            raise UserError(f"{path} has changed since the pipeline was made from it")
        schedule = ir.parse_file(path, context=module.context)
        ir.apply_schedule(module, schedule, sequence=sequence)
        return module

    return run, content


def _hash(path: Path) -> str:
    return hashlib.sha256(read_text(path).encode()).hexdigest()


def find_transform(stage: TransformStage, folders: Sequence[Path]) -> Path:
    """The file that a transform stage names, as an absolute path."""
    return find_file(stage.name, folders, [".mlir"], span=stage.span).resolve()


def registered(what: str, name: str, table: Mapping[str, Entry], span: Span | None) -> Entry:
    """The entry of a registry's table. Raises UserError with the nearest name."""
    if name not in table:
        known = ", ".join(table) or "none"
        raise UserError(
            f"expected a registered {what} ({known}), found '{name}'",
            span=span,
            hint=nearest(name, table),
        )
    return table[name]


def check_options(stage: NamedStage, function: Entry, leading: Sequence[Any]) -> None:
    """Raise UserError unless ``function`` takes the stage's options after ``leading``."""
    parameters = list(inspect.signature(function).parameters.values())[len(leading) :]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    options = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for name in stage.options:
        if name not in options:
            known = ", ".join(options) or "none"
            raise UserError(
                f"{stage.kind} '{stage.name}' has no option '{name}'; its options: {known}",
                span=stage.options.span(name) or stage.span,
                hint=nearest(name, options),
            )
    missing = [n for n, p in options.items() if p.default is p.empty and n not in stage.options]
    if missing:
        raise UserError(
            f"{stage.kind} '{stage.name}' needs the option '{missing[0]}'", span=stage.span
        )


def call_registered(stage: NamedStage, function: Entry, *leading: Any) -> Any:
    """What ``function`` returns for the stage's options; its errors get the stage's place."""
    options: Options = stage.options
    try:
        return function(*leading, **options)
    except UserError as error:
        error.span = error.span or stage.span
        raise


def _check_sequence(path: Path, sequence: str, stage: TransformStage) -> None:
    module = ir.parse_file(path)
    names = [
        operation.attributes["sym_name"].value
        for operation in module.body.operations
        if operation.operation.name == "transform.named_sequence"
    ]
    if sequence not in names:
        known = ", ".join(f"@{name}" for name in names) or "none"
        raise UserError(
            f"expected a transform.named_sequence @{sequence} in {path}; there are: {known}",
            span=stage.options.span("sequence") or stage.span,
            hint=nearest(sequence, names),
        )
