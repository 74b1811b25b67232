"""Compile in a child process: when MLIR or LLVM aborts, that is one error message.

The command line has few threads and no MLIR when it forks, and the child shares its memory, so
this costs some milliseconds. Code that was compiled before comes from the cache without a child.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pharos import toolchain
from pharos.core import settings
from pharos.core.errors import InternalError
from pharos.runtime.child import ChildDied, Report, in_child
from pharos.toolchain import Built, Payload, Request

T = TypeVar("T")
_MARKED = re.compile(r"error|assertion|abort|fatal", re.IGNORECASE)


class Crash(InternalError):
    """MLIR or LLVM ended the process; ``reproducer`` holds what made it."""


@dataclass(frozen=True)
class Lowered:
    """The text of a module after its stages, with (stage, seconds), the dumps written, and the
    (pass, seconds) of each stage where passes were timed."""

    text: str
    timings: tuple[tuple[str, float], ...]
    dumps: tuple[Path, ...]
    passes: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)


def build(payload: Payload, request: Request, *, timed: bool = False) -> Built:
    """``toolchain.build`` in a child process, unless the cache has the artifact; ``timed`` compiles
    it anew, and times each pass.

    Raises what it raises, and Crash when the child dies.
    """
    found = None if timed else toolchain.cached(payload, request)
    if found is not None:
        return Built(found, cached=True)

    def work(report: Report) -> Built:
        return toolchain.build(payload, request, fresh=True, watch=report, by_pass=timed)

    return isolated(payload, request, work)


def lower(payload: Payload, request: Request | None, *, timed: bool = False) -> Lowered:
    """The module after the stages of ``request`` in a child process; as it is for None. ``timed``:
    each pass of a stage is timed."""

    def work(report: Report) -> Lowered:
        from pharos import ir

        if request is None:
            report(toolchain.FRONT_END)
            return Lowered(_line_end(ir.to_text(payload.module())), (), ())
        result = toolchain.lower(payload, request, watch=report, by_pass=timed)
        timings = tuple((time.stage, time.seconds) for time in result.timings)
        text = _line_end(ir.to_text(result.module))
        return Lowered(text, timings, result.dumps, result.passes)

    return isolated(payload, request, work)


def isolated(payload: Payload, request: Request | None, work: Callable[[Report], T]) -> T:
    """``work(report)`` in a child process. Raises what it raises, and Crash when the child dies.

    Steps that ``work`` reports and that are stages of ``request`` can be reproduced.
    """
    try:
        return in_child(work)
    except ChildDied as death:
        folder = _saved(payload, request, death)
        said = f": {_last_words(death.output)}" if death.output.strip() else ""
        raise Crash(
            f"{payload.name}: step '{death.step}' ended its process by {death.status}{said}",
            reproducer=folder,
        ) from None


def _line_end(text: str) -> str:
    return text.rstrip("\n") + "\n"


def _last_words(output: str) -> str:
    """The line of a crash's output that says most: one with "error" or "assertion" in it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marked = [line for line in lines if _MARKED.search(line)]
    return (marked or lines)[-1]


def _saved(payload: Payload, request: Request | None, death: ChildDied) -> str:
    """The folder with what shows the crash again; made in a child too, because it may crash."""
    if request is not None and death.step not in (toolchain.FRONT_END, toolchain.PLAN):
        chosen = request

        def work(report: Report) -> str:
            return _save_stage(payload, chosen, death)

        try:
            return in_child(work)
        except (ChildDied, ValueError):
            pass  # before the step it first crashed in, or in none: the program is still saved
    return _save_program(payload, request, death)


def _save_stage(payload: Payload, request: Request, death: ChildDied) -> str:
    from pharos.pipeline import StageScope
    from pharos.pipeline.reproducer import save_reproducer
    from pharos.pipeline.steering import steer

    target = toolchain.target(request.target)
    module = payload.module()
    target.prepare(module)
    pipeline = toolchain.plan(toolchain.settled(payload, request))
    pipeline = replace(pipeline, stages=(*pipeline.stages, _CodeGeneration()))
    steering = steer(pipeline, **request.driving)
    stage = pipeline.stages[pipeline.labels.index(death.step)]
    registry = toolchain.registry(request.target)
    scope = StageScope(registry, pipeline.parameters, target.facts())
    error = RuntimeError(f"{death}\nits stderr:\n{death.output}")
    return save_reproducer(stage, error, module, steering, scope)


@dataclass(frozen=True)
class _CodeGeneration:
    """Stands behind the last stage, for what crashes there."""

    name: str = toolchain.CODE_GENERATION

    def run(self, module: Any, scope: Any) -> Any:
        """Nothing: it is never run again."""
        return module


def _save_program(payload: Payload, request: Request | None, death: ChildDied) -> str:
    root = settings.REPRODUCERS.get()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="program-", dir=root))
        (folder / "program.txt").write_text(payload.text, encoding="utf-8")
        values = request.parameters if request is not None else {}
        given = "".join(f"--parameter {name}={value}\n" for name, value in values.items())
        (folder / "about.txt").write_text(f"{death}\n{given}{death.output}", encoding="utf-8")
    except OSError as problem:
        return f"not saved: cannot write to {root}: {problem.strerror}"
    return str(folder)
