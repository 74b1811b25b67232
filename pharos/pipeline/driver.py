"""Runs a pipeline on a module: verified, timed and dumped after every stage.

Verifying takes as long as all passes together. A ``sparing`` run leaves it out after MLIR's own
passes; where it then fails, it is done again, verified after each, to say whose fault it is.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any, NamedTuple

from pharos import ir
from pharos.core import settings
from pharos.core.errors import ErrorList, InternalError, Note, PharosError, UserError
from pharos.pipeline.dumps import dump_name, dump_width, write_text
from pharos.pipeline.pipeline import Module, Pipeline, Stage, StageScope
from pharos.pipeline.registry import Registry
from pharos.pipeline.reproducer import save_reproducer
from pharos.pipeline.steering import Steering, steer


class StageTime(NamedTuple):
    """What one stage took, in seconds, without the driver's verifying and dumping."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class Result:
    """The module after the last stage that ran, what each stage took, and the files written.

    ``verifying`` is what the driver's own verifying took, in seconds. ``passes`` has, for stages
    whose passes ran one at a time, (pass, seconds) of each.
    """

    module: Module
    timings: tuple[StageTime, ...]
    dumps: tuple[Path, ...] = ()
    verifying: float = 0.0
    passes: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)


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
        sparing: bool = False,
        by_pass: bool = False,
    ) -> Result:
        """``module`` after the stages of ``pipeline``.

        ``start_at`` is the first stage to run, on ``module`` as what comes before it would have
        left it; ``stop_after`` the last. ``dump_after`` names stages (or "all") after which the
        module is written to ``dump_dir`` as ``NN-<stage>.mlir``. ``replace`` maps a stage to an
        .mlir file that is taken as its result instead of running it.

        The stages work on a copy: ``module`` is as it was, also when a stage fails. With
        ``in_place`` they work on ``module`` itself, whose state after a failure is undefined.

        ``sparing``: the module is verified after stages that are not MLIR's passes, and at the end,
        only. ``by_pass``: the passes of a stage run one at a time, and each is timed.

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
        # Otherwise the first stage would be blamed for what was wrong before it.
        ir.verify(module)
        times: list[tuple[str, float]] | None = [] if by_pass else None
        scope = StageScope(
            self.registry, pipeline.parameters, self.target_facts, self.plan, pass_times=times
        )
        # One of the two is worked on, the other kept: a reproducer starts from it.
        copy = ir.clone(module)
        work, kept = (module, copy) if in_place else (copy, module)
        if sparing:
            spare = _Sparing(self, steering, with_changes(scope, verify=False), kept)
            with contextlib.suppress(Exception):
                return spare.result(pipeline, work)
            # Whatever it was: said below, with the stage that is to blame.
            work = ir.clone(kept)
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
        self.verifying = 0.0
        self.passes: dict[str, tuple[tuple[str, float], ...]] = {}

    def result(self, pipeline: Pipeline, module: Module) -> Result:
        """Run every stage."""
        if self.level >= 2:
            self.write(pipeline.explain() + "\n")
        for number, stage in self.steering.stages:
            module = self.step(number, stage, module)
        if self.level >= 1:
            total = sum(timing.seconds for timing in self.timings)
            self.write(f"{pipeline.name}: {len(self.timings)} stages, {total * 1e3:.1f} ms\n")
        return Result(module, tuple(self.timings), tuple(self.dumps), self.verifying, self.passes)

    def step(self, number: int, stage: Stage, module: Module) -> Module:
        """Run, verify, report and dump one stage."""
        start = time.perf_counter()
        module = self.run_stage(stage, module)
        seconds = time.perf_counter() - start
        self.timings.append(StageTime(stage.name, seconds))
        if self.scope.pass_times:
            self.passes[stage.name] = tuple(self.scope.pass_times)
            self.scope.pass_times.clear()
        if self.level >= 1:
            of = f"{number:{len(str(self.steering.total))}}/{self.steering.total}"
            self.write(f"{of}  {stage.name:<40} {seconds * 1e3:10.2f} ms\n")
        if self.level >= 3:
            self.write(f"// after {stage.name}\n{ir.to_text(module)}\n")
        # A module that is not valid is dumped all the same: it shows what went wrong.
        self.dump(number, stage, module)
        if not getattr(stage, "verified", False):
            start = time.perf_counter()
            self.verify(stage, module)
            self.verifying += time.perf_counter() - start
        return module

    def run_stage(self, stage: Stage, module: Module) -> Module:
        """Run one stage; its errors name it."""
        try:
            result = self.steering.apply(stage, module, self.scope)
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
            write_text(path, ir.to_text(module))
            self.dumps.append(path)

    def reproducer(self, stage: Stage, error: Exception) -> str:
        """Save what shows the failure of ``stage`` again; the folder."""
        return save_reproducer(stage, error, self.kept, self.steering, self.scope)


class _Sparing(_Run):
    """A run that only tells whether all went well: verified after MLIR's passes at the end alone,
    and what fails is not explained."""

    def result(self, pipeline: Pipeline, module: Module) -> Result:
        """Run every stage."""
        found = super().result(pipeline, module)
        ir.verify(found.module)
        return found

    def run_stage(self, stage: Stage, module: Module) -> Module:
        """Run one stage."""
        return self.steering.apply(stage, module, self.scope)

    def verify(self, stage: Stage, module: Module) -> None:
        """Refuse what a stage made if it is not valid."""
        ir.verify(module)


def _name_stage(error: UserError, stage: Stage) -> None:
    """Say in ``error`` which stage it was, and where that is declared."""
    errors = error.errors if isinstance(error, ErrorList) else (error,)
    for one in errors:
        one.message = f"stage '{stage.name}': {one.message}"
    span = getattr(stage, "span", None)
    if span is not None and span != errors[0].span:
        errors[0].notes += (Note(f"stage '{stage.name}' is declared here", span),)
