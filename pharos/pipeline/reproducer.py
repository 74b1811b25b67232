"""What is needed to see a stage fail again, saved in a folder of its own.

``module.mlir`` is the module before the stage, ``stage.yaml`` a descriptor of the stage alone,
``about.txt`` the error and the versions of what took part.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pharos import ir
from pharos.core import settings
from pharos.core.errors import PharosError, UserError
from pharos.pipeline.dumps import file_name, write_text
from pharos.pipeline.pipeline import Module, Pipeline, Stage, StageScope, to_yaml

PACKAGES = ("pharos", "torch-mlir", "llvmlite", "numpy", "PyYAML")


def save_reproducer(
    stage: Stage,
    error: Exception,
    start: Module,
    before: Sequence[Stage],
    replaced: Mapping[str, Path],
    scope: StageScope,
) -> str:
    """The folder, under PHAROS_REPRODUCERS, that shows ``stage`` failing.

    ``start`` is the module as the stages ``before`` got it; they run again to make the module
    that ``stage`` got, so that no copies are needed while all is well.
    """
    root = settings.REPRODUCERS.get()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{file_name(stage.name)}-", dir=root))
    except OSError as problem:
        return f"not saved: cannot write to {root}: {problem.strerror}"
    module, note = _replayed(start, before, replaced, scope)
    write_text(folder / "module.mlir", ir.to_text(module, locations=True))
    write_text(folder / "stage.yaml", _stage_text(stage))
    write_text(folder / "about.txt", "\n".join([note, _trace(error), *versions()]) + "\n")
    return str(folder)


def versions() -> list[str]:
    """The versions of Python and of the packages that take part in compiling."""
    lines = [f"python {sys.version.split()[0]} on {platform.platform()}"]
    for name in PACKAGES:
        lines.append(f"{name} {_version(name)}")
    return lines


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed as a package"


def _replayed(
    start: Module, stages: Sequence[Stage], replaced: Mapping[str, Path], scope: StageScope
) -> tuple[Module, str]:
    module = ir.clone(start)
    for stage in stages:
        try:
            if stage.name in replaced:
                module = ir.parse_file(replaced[stage.name], context=module.context)
            else:
                module = stage.run(module, scope)
        except PharosError as problem:
            note = f"module.mlir is the pipeline's input: stage '{stage.name}' failed on replay"
            return start, f"{note}: {problem}"
    return module, "module.mlir is the module before the stage"


def _stage_text(stage: Stage) -> str:
    try:
        return to_yaml(Pipeline(stage.name, (stage,)))
    except UserError as problem:
        return f"# {problem.message}\n# {stage!r}\n"


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
