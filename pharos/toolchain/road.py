"""The road: a payload through its stages to an artifact, and onto a device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pharos.core import settings
from pharos.core.artifact import Artifact
from pharos.runtime import ArtifactStore
from pharos.toolchain.keys import device_of, key_of
from pharos.toolchain.motifs import measured
from pharos.toolchain.planned import Planned, planned
from pharos.toolchain.plans import settled
from pharos.toolchain.records import (
    CODE_GENERATION,
    FRONT_END,
    MEASURED,
    PLAN,
    VERIFYING,
    Built,
    Payload,
    Request,
    Watch,
)
from pharos.toolchain.tables import registry, target

if TYPE_CHECKING:
    from pharos.runtime import Runner


def lower(
    payload: Payload, request: Request, *, watch: Watch | None = None, by_pass: bool = False
) -> Any:
    """``payload`` after the stages of its pipeline: a ``pipeline.Result``. ``by_pass``: each pass
    of a stage is timed."""
    request = settled(payload, request)
    clock = _Clock(watch)
    module = clock.step(FRONT_END, payload.module)
    with payload.explaining():
        pipeline = _settle(payload, module, request).pipeline
        return _drive(module, pipeline, request, watch, by_pass)


def make_plan(payload: Payload, request: Request) -> Planned:
    """What ``request`` would compile ``payload`` with; nothing is run."""
    request = settled(payload, request)
    return planned(payload, payload.module(), request)


def compile(payload: Payload, request: Request | None = None) -> Artifact:
    """Code for ``payload``, from the cache when the same was compiled before.

    Raises UserError with the place in the program for everything the user can mend.
    """
    return build(payload, request).artifact


def cached(payload: Payload, request: Request) -> Artifact | None:
    """What ``compile`` would find in the cache; None when it would have to work.

    Code tells what the database had for the payload's works when it was made: it is for those
    values alone.
    """
    # Whoever asks for dumps or replaces stages wants the stages to run.
    if request.driving:
        return None
    request = settled(payload, request)
    found = ArtifactStore(settings.CACHE.get()).get(key_of(payload, request))
    works = found.metadata.get(MEASURED, {}) if found is not None else {}
    return found if not works or measured(device_of(request), works) == works else None


def build(
    payload: Payload,
    request: Request | None = None,
    *,
    fresh: bool = False,
    watch: Watch | None = None,
    by_pass: bool = False,
) -> Built:
    """``compile``, with an account of it. ``fresh`` compiles even what the cache has; ``by_pass``
    times each pass of a stage."""
    wanted = request or Request()
    request = settled(payload, wanted)
    found = None if fresh else cached(payload, request)
    if found is not None:
        return Built(found, cached=True)
    clock = _Clock(watch)
    chosen = target(request.target)
    module = clock.step(FRONT_END, payload.module)
    settled_on = clock.step(PLAN, lambda: _settle(payload, module, request))
    pipeline = settled_on.pipeline
    unprinted = chosen.drop_strange_result(module) if payload.program else ""
    prepared = chosen.prepare(module)
    # A program that says its own passes prints nothing but what it prints itself.
    prepared["metadata"].update(silent=request is not wanted, unprinted=unprinted)
    if works := settled_on.measured():
        prepared["metadata"][MEASURED] = works
    with payload.explaining():
        result = _drive(module, pipeline, request, watch, by_pass)
        artifact: Artifact = clock.step(
            CODE_GENERATION, lambda: chosen.finish(result.module, prepared, payload.libraries)
        )
    if not request.driving:
        ArtifactStore(settings.CACHE.get()).put(key_of(payload, request), artifact)
    *first, finish = clock.timings
    stages = [(t.stage, t.seconds) for t in result.timings]
    timings = (*first, *stages, (VERIFYING, result.verifying), finish)
    return Built(artifact, False, timings, result.dumps, result.passes)


def _settle(payload: Payload, module: Any, request: Request) -> Planned:
    """The plan for ``module``, which gets the parameters of its motifs as attributes."""
    found = planned(payload, module, request)
    found.write()
    return found


class _Clock:
    """Announces steps and times them."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self.timings: list[tuple[str, float]] = []

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        if self._watch is not None:
            self._watch(name)
        start = time.perf_counter()
        result = work()
        self.timings.append((name, time.perf_counter() - start))
        return result


def load(artifact: Artifact) -> Runner:
    """``artifact`` on its target's device, ready to be called."""
    from pharos.runtime import Runner

    return Runner(target(artifact.target).open_device(), artifact)


def run_main(artifact: Artifact, arguments: Sequence[str] = ()) -> Any:
    """Call the program's ``main``: its result as a value with its type (``dtype``, "" for none).

    ``main`` takes nothing, or the number of ``arguments`` and an array of C strings. What the
    program wrote is flushed before this returns.
    """
    return target(artifact.target).run_main(artifact, arguments)


def _drive(module: Any, pipeline: Any, request: Request, watch: Watch | None, by_pass: bool) -> Any:
    from pharos.pipeline import Driver

    driver = Driver(registry(request.target), target(request.target).facts())
    # Who writes stages, or looks at what they make, hears at once of what is wrong.
    own = request.stages or request.driving or request.pipeline or settings.DEBUG.get()
    sparing = not own and settings.VERIFY.get() == "ours"
    announced = _watched(pipeline, watch)
    return driver.run(announced, module, sparing=sparing, by_pass=by_pass, **request.driving)


def _watched(pipeline: Any, watch: Watch | None) -> Any:
    """``pipeline`` with stages that tell ``watch`` their names before they run."""
    if watch is None:
        return pipeline

    def announced(stage: Any) -> Any:
        def run(module: Any, scope: Any) -> Any:
            watch(stage.name)
            return stage.runner(module, scope)

        return replace(stage, runner=run)

    return replace(pipeline, stages=tuple(map(announced, pipeline.stages)))
