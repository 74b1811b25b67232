"""What goes down the road and comes out of it: payloads, requests, built artifacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pharos.core.artifact import Artifact
from pharos.core.span import Span


@dataclass(frozen=True)
class Payload:
    """A program before any stage.

    ``text`` is all that decides its module, for cache keys; ``make`` makes the module;
    ``libraries`` are what it links: "c", "m", "openmp" or paths; ``exports`` are the functions
    that are called from outside, all public ones when empty; ``compilation`` are the program's
    own passes. A ``program`` has a main that is called for what it does, whatever it returns.
    Errors that are raised in ``explaining()`` get notes about the program's macros.
    """

    name: str
    text: str
    make: Callable[[], Any]
    libraries: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    compilation: tuple[Any, ...] = ()
    program: bool = False
    explaining: Callable[[], AbstractContextManager[None]] = nullcontext

    def module(self) -> Any:
        """The module, its functions private but for ``exports`` where those are given."""
        from pharos import ir

        module = self.make()
        if self.exports:
            ir.export_only(module, self.exports)
        return module


@dataclass(frozen=True)
class Plan:
    """A plan as it was read: what to compile a payload with, and which payload.

    ``text`` is all of it. ``parameters`` are the pipeline's, ``motifs`` those of each motif by its
    key; a value comes with its place. ``works`` describes the motifs, with or without parameters.
    ``digest`` is that of the files which declare the pipeline.
    """

    file: str
    text: str
    payload: str
    fingerprint: str
    target: str
    pipeline: str | None
    stages: tuple[str, ...]
    digest: str
    parameters: Mapping[str, tuple[Any, Span | None]]
    motifs: Mapping[str, Mapping[str, tuple[Any, Span | None]]]
    works: Mapping[str, str]


@dataclass(frozen=True)
class TorchProblem:
    """A problem in KernelBench's form: its payload, the import that it is made of, and the
    ``Instance`` with the model and its inputs (both of ``pharos.ingress.torch``)."""

    payload: Payload
    imported: Any
    made: Any


@dataclass(frozen=True)
class Request:
    """What to compile it for and how.

    ``pipeline`` names a descriptor (default: the target's) or a .yaml file; ``stages`` are texts
    of stages, or stages, that take its place; ``parameters`` are values for the descriptor's
    parameters.
    A name such as ``contraction-0f97f760.mr`` is a parameter of a motif of the payload, by its
    key or kind. ``plan`` is a plan to be replayed: it says pipeline and parameters, of which those
    in ``parameters`` win.
    ``driving`` goes to ``Driver.run``: dump_after, dump_dir, start_at, stop_after, replace.
    """

    target: str = "cpu"
    pipeline: str | None = None
    stages: tuple[Any, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    driving: Mapping[str, Any] = field(default_factory=dict)
    plan: Plan | None = None


@dataclass(frozen=True)
class Built:
    """An artifact, and how it came about.

    ``timings`` are (step, seconds) of the front end, each stage and code generation; none when
    the artifact was ``cached``. ``dumps`` are the files that were asked for. ``passes`` has, where
    passes were timed, (pass, seconds) of those of a stage.
    """

    artifact: Artifact
    cached: bool = False
    timings: tuple[tuple[str, float], ...] = ()
    dumps: tuple[Path, ...] = ()
    passes: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)


Watch = Callable[[str], None]
"""Is told the name of each step before it begins."""

FRONT_END = "front end"
PLAN = "plan"
VERIFYING = "verification"
CODE_GENERATION = "code generation"

MEASURED = "measured"
"""What an artifact's metadata call the works that selectors spoke of, each with the values that the
database had for it, {} for none."""
