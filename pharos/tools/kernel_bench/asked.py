"""From the options of the command line to what the harness takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pharos import toolchain
from pharos.core.errors import UserError, nearest
from pharos.kernelbench.options import DTYPES, PEERS, Options, Wanted
from pharos.tools.options import Stages

_MODES = ("train", "eval")
_IMPORT = "import"


@dataclass(frozen=True)
class Shape:
    """The options that say what is computed and how exactly."""

    dtype: str
    mode: str | None
    seed: int
    seeds: int
    relative: float | None
    absolute: float | None
    max_mb: float | None
    max_gflop: float | None
    shown: int


@dataclass(frozen=True)
class Timed:
    """The options that say what is timed."""

    benchmark: bool | None
    compare: tuple[str, ...]
    runs: int
    warmup: int
    seconds: float


@dataclass(frozen=True)
class Files:
    """The options that ask for files: the module after stages, assembly, object code."""

    after: tuple[str, ...]
    folder: Path | None
    assembly: bool
    object: bool
    plans: Path | None

    def wanted(self, run: Path) -> Wanted:
        """Those files, by default under ``run``."""
        after = tuple(stage for stage in self.after if stage != _IMPORT)
        imported = _IMPORT in self.after or "all" in self.after
        folder = self.folder or run / "dumps"
        return Wanted(folder, after, imported, self.assembly, self.object, self.plans)


def options(
    shape: Shape, stages: Stages, plan: Path | None, overrides: dict[str, Any], timed: Timed
) -> Options:
    """All of it as one record. Raises UserError for words that mean nothing."""
    _among("--dtype", shape.dtype, DTYPES)
    _among("--mode", shape.mode or "train", _MODES)
    for peer in timed.compare:
        _among("--compare", peer, PEERS)
    target = stages.target or toolchain.detected()
    chosen = toolchain.target(target)
    timing = asdict(timed)
    if timed.benchmark is None:
        timing["benchmark"] = chosen.timed
    if plan is not None and not plan.exists():
        raise UserError(f"--plan: no such file or folder: {plan}", hint="--plan-out makes plans")
    request = stages.request()
    return Options(
        target=target,
        pipeline=request.pipeline,
        stages=tuple(map(str, request.stages)),
        parameters=request.parameters,
        plan=None if plan is None else str(plan),
        **_limited(shape, chosen.problem_limits),
        **timing,
        **overrides,
    )


def _limited(shape: Shape, limits: tuple[float, float]) -> dict[str, Any]:
    """``shape`` with the target's (MiB, GFLOP) of a problem where the user gave none."""
    data = asdict(shape)
    for name, limit in zip(("max_mb", "max_gflop"), limits, strict=True):
        data[name] = limit if data[name] is None else data[name]
    return data


def _among(option: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise UserError(
            f"{option}: expected {' or '.join(known)}, found '{word}'", hint=nearest(word, known)
        )
