"""Runs a pipeline on a module: verified, timed and dumped after every stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pharos import ir
from pharos.core import settings
from pharos.core.errors import ErrorList, InternalError, Note, PharosError, UserError, nearest
from pharos.pipeline.dumps import dump_name, dump_width, write_text
from pharos.pipeline.pipeline import Module, Pipeline, Stage, StageScope
from pharos.pipeline.registry import Registry
from pharos.pipeline.reproducer import save_reproducer

ALL = "all"


class StageTime(NamedTuple):
    """What one stage took, in seconds, without verifying and dumping."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class Result:
    """The module after the last stage that ran, what each stage took, and the files written."""

    module: Module
    timings: tuple[StageTime, ...]
    dumps: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Steering:
    """Which stages of a pipeline run, and what happens at each.

    ``stages`` have their numbers in the whole pipeline, from 1. ``dumped`` are the labels after
    which the module is written to ``folder``; ``replaced`` has the file that takes the place of
    what a stage would make.
    """

    stages: tuple[tuple[int, Stage], ...]
    total: int
    dumped: frozenset[str]
    folder: Path | None
    replaced: Mapping[str, Path]


def steer(
    pipeline: Pipeline,
    *,
    dump_after: str | Iterable[str] | None = None,
    dump_dir: str | Path | None = None,
    start_at: str | None = None,
    stop_after: str | None = None,
    replace: Mapping[str, str | Path] | None = None,
) -> Steering:
    """The labels that the user gave, checked. Raises UserError for one that names no stage."""
    labels = pipeline.labels
    for what, label in (("start at", start_at), ("stop after", stop_after)):
        if label is not None:
            _check_label(label, pipeline, what)
    first = labels.index(start_at) if start_at else 0
    last = labels.index(stop_after) if stop_after else len(labels) - 1
    if start_at and stop_after and first > last:
        raise UserError(
            f"cannot start at '{start_at}' and stop after '{stop_after}', which comes before it"
        )
    chosen = tuple(enumerate(pipeline.stages, 1))[first : last + 1]
    running = [stage.name for _, stage in chosen]
    wanted = [dump_after] if isinstance(dump_after, str) else list(dump_after or ())
    dumped = running if ALL in wanted else wanted
    replaced = {label: Path(path) for label, path in (replace or {}).items()}
    for what, named in (("dump after", dumped), ("replace", replaced)):
        for label in named:
            _check_label(label, pipeline, what)
            if label not in running:
                raise UserError(f"cannot {what} stage '{label}': it does not run")
    if dumped and dump_dir is None:
        raise UserError("expected a folder to dump modules to, found none")
    folder = Path(dump_dir) if dump_dir is not None else None
    return Steering(chosen, len(labels), frozenset(dumped), folder, replaced)


def _check_label(label: str, pipeline: Pipeline, what: str) -> None:
    if label not in pipeline.labels:
        raise UserError(
            f"cannot {what} stage '{label}': pipeline '{pipeline.name}' has the stages "
            f"{', '.join(pipeline.labels)}",
            hint=nearest(label, pipeline.labels),
        )


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)


@dataclass(frozen=True)
class Driver:
    """Runs pipelines. ``write`` gets what PHAROS_DEBUG asks for, as text that ends its lines."""

    registry: Registry = field(default_factory=Registry)
    target_facts: Any = None
    plan: Any = None
    write: Callable[[str], None] = _to_stderr

    def run(
        self,
        pipeline: Pipeline,
        module: Module,
        *,
        dump_after: str | Iterable[str] | None = None,
        dump_dir: str | Path | None = None,
        start_at: str | None = None,
        stop_after: str | None = None,
        replace: Mapping[str, str | Path] | None = None,
        in_place: bool = False,
    ) -> Result:
        """``module`` after the stages of ``pipeline``.

        ``start_at`` is the first stage to run, on ``module`` as what comes before it would have
        left it; ``stop_after`` the last. ``dump_after`` names stages (or "all") after which the
        module is written to ``dump_dir`` as ``NN-<stage>.mlir``. ``replace`` maps a stage to an
        .mlir file that is taken as its result instead of running it.

        The stages work on a copy: ``module`` is as it was, also when a stage fails. With
        ``in_place`` they work on ``module`` itself, whose state after a failure is undefined.

        Raises UserError for a label that names no stage, CompileError where MLIR refuses the
        payload (with its place, and the stage named), and InternalError with a reproducer for
        any other failure of a stage.
        """
        steering = steer(
            pipeline,
            dump_after=dump_after,
            dump_dir=dump_dir,
            start_at=start_at,
            stop_after=stop_after,
            replace=replace,
        )
        scope = StageScope(self.registry, pipeline.parameters, self.target_facts, self.plan)
        # One of the two is worked on, the other kept: a reproducer starts from it.
        copy = ir.clone(module)
        work, kept = (module, copy) if in_place else (copy, module)
        return _Run(self, steering, scope, kept).result(pipeline, work)


class _Run:
    """One run of a driver."""

    def __init__(self, driver: Driver, steering: Steering, scope: StageScope, kept: Module) -> None:
        self.write = driver.write
        self.steering = steering
        self.scope = scope
        self.kept = kept
        self.level = settings.DEBUG.get()
        self.timings: list[StageTime] = []
        self.dumps: list[Path] = []

    def result(self, pipeline: Pipeline, module: Module) -> Result:
        """Run every stage."""
        if self.level >= 2:
            self.write(pipeline.explain() + "\n")
        for number, stage in self.steering.stages:
            module = self.step(number, stage, module)
        if self.level >= 1:
            total = sum(timing.seconds for timing in self.timings)
            self.write(f"{pipeline.name}: {len(self.timings)} stages, {total * 1e3:.1f} ms\n")
        return Result(module, tuple(self.timings), tuple(self.dumps))

    def step(self, number: int, stage: Stage, module: Module) -> Module:
        """Run, verify, report and dump one stage."""
        start = time.perf_counter()
        if stage.name in self.steering.replaced:
            path = self.steering.replaced[stage.name]
            module = ir.parse_file(path, context=module.context)
        else:
            module = self.run_stage(stage, module)
        seconds = time.perf_counter() - start
        self.timings.append(StageTime(stage.name, seconds))
        if self.level >= 1:
            of = f"{number:{len(str(self.steering.total))}}/{self.steering.total}"
            self.write(f"{of}  {stage.name:<40} {seconds * 1e3:10.2f} ms\n")
        if self.level >= 3:
            self.write(f"// after {stage.name}\n{ir.to_text(module)}\n")
        self.verify(stage, module)
        self.dump(number, stage, module)
        return module

    def run_stage(self, stage: Stage, module: Module) -> Module:
        """Run one stage; its errors name it."""
        try:
            result = stage.run(module, self.scope)
            if result is None:
                raise InternalError(f"stage '{stage.name}' returned no module")
            return result
        except UserError as error:
            _name_stage(error, stage)
            raise
        except PharosError as error:
            if isinstance(error, InternalError) and error.reproducer is None:
                error.reproducer = self.reproducer(stage, error)
            raise
        except Exception as error:
            # The boundary to code of any origin: whatever it raised, the user needs to know
            # which stage it was, and we need what brought it about.
            raise InternalError(
                f"stage '{stage.name}': {type(error).__name__}: {error}",
                reproducer=self.reproducer(stage, error),
            ) from error

    def verify(self, stage: Stage, module: Module) -> None:
        """Refuse what a stage made if it is not valid: that is the stage's fault."""
        try:
            ir.verify(module)
        except UserError as error:
            _name_stage(error, stage)
            first = error.errors[0] if isinstance(error, ErrorList) else error
            first.notes += (
                Note(f"stage '{stage.name}' left the module invalid; the fault is the stage's"),
                Note(f"reproducer: {self.reproducer(stage, error)}"),
            )
            raise

    def dump(self, number: int, stage: Stage, module: Module) -> None:
        """Write the module to a file, if asked to."""
        if stage.name in self.steering.dumped and self.steering.folder is not None:
            name = dump_name(number, stage.name, width=dump_width(self.steering.total))
            path = self.steering.folder / name
            write_text(path, ir.to_text(module, locations=True))
            self.dumps.append(path)

    def reproducer(self, stage: Stage, error: Exception) -> str:
        """Save what shows the failure of ``stage`` again; the folder."""
        before = [s for _, s in self.steering.stages]
        before = before[: before.index(stage)]
        return save_reproducer(stage, error, self.kept, before, self.steering.replaced, self.scope)


def _name_stage(error: UserError, stage: Stage) -> None:
    """Say in ``error`` which stage it was, and where that is declared."""
    errors = error.errors if isinstance(error, ErrorList) else (error,)
    for one in errors:
        one.message = f"stage '{stage.name}': {one.message}"
    span = getattr(stage, "span", None)
    if span is not None and span != errors[0].span:
        errors[0].notes += (Note(f"stage '{stage.name}' is declared here", span),)
