"""Which stages of a pipeline run, and what is dumped and replaced: labels made into decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pharos import ir
from pharos.core.errors import UserError, nearest
from pharos.pipeline.pipeline import Module, Pipeline, Stage, StageScope

ALL = "all"


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

    def apply(self, stage: Stage, module: Module, scope: StageScope) -> Module:
        """What ``stage`` makes of ``module``, or the module in the file that replaces it."""
        if stage.name in self.replaced:
            return ir.parse_file(self.replaced[stage.name], context=module.context)
        return stage.run(module, scope)

    def before(self, stage: Stage) -> list[Stage]:
        """The stages that run before ``stage``."""
        running = [chosen for _, chosen in self.stages]
        return running[: running.index(stage)]


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
