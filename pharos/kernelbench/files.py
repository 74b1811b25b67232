"""The request for one problem, and the files that the user wants of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.kernelbench.options import Options, Wanted, file_name
from pharos.kernelbench.rows import Row
from pharos.kernelbench.selection import Task


def requested(task: Task, options: Options, wanted: Wanted) -> Any:
    """How to compile ``task``. Raises UserError for a plan that is not there."""
    from pharos.toolchain import Request

    driving: dict[str, Any] = {}
    if wanted.after:
        driving = {"dump_after": wanted.after, "dump_dir": wanted.of(task.key)}
    return Request(
        options.target,
        options.pipeline,
        options.stages,
        options.parameters,
        driving,
        **_replayed(task, options),
    )


def _replayed(task: Task, options: Options) -> dict[str, Any]:
    """The plan that ``task`` is compiled with; nothing when none was given."""
    if options.plan is None:
        return {}
    from pharos.toolchain.plan_files import read_plan

    path = Path(options.plan)
    return {"plan": read_plan(plan_file(path, task.key) if path.is_dir() else path)}


def plan_file(folder: Path, key: str) -> Path:
    """Where the plan of the problem ``key`` is among the plans of a run."""
    return folder / f"{file_name(key)}.yaml"


@dataclass(frozen=True)
class Files:
    """Writes the files that ``wanted`` names, and notes them in the row."""

    task: Task
    wanted: Wanted
    row: Row

    def imported(self, imported: Any) -> None:
        """The module as the front end made it."""
        if self.wanted.imported:
            self._write(self._path("imported.mlir"), imported.text.encode())

    def plan(self, payload: Any, request: Any) -> None:
        """The plan, before any stage runs."""
        if self.wanted.plans is None:
            return
        from pharos.toolchain.planned import planned

        text = planned(payload, payload.module(), request).yaml()
        self._write(plan_file(self.wanted.plans, self.task.key), text.encode())

    def code(self, artifact: Any) -> None:
        """The object file, and its instructions as text."""
        from pharos import toolchain

        if self.wanted.object:
            self._write(self._path(f"code.{artifact.format}"), artifact.code)
        if self.wanted.assembly:
            text = toolchain.target(artifact.target).assembly(artifact)
            self._write(self._path("code.s"), text.encode())

    def _path(self, name: str) -> Path:
        return self.wanted.of(self.task.key) / name

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from None
        self.row["files"].append(str(path))
