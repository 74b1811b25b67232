"""What is needed to see a stage fail again, saved in a folder of its own.

``module.mlir`` is the module before the stage, ``stage.yaml`` a descriptor of the stage alone,
``about.txt`` the error and the versions of what took part.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from pathlib import Path

from pharos import ir
from pharos.core import settings
from pharos.core.errors import UserError
from pharos.pipeline.dumps import file_name, write_text
from pharos.pipeline.pipeline import Module, Pipeline, Stage, StageScope, to_yaml
from pharos.pipeline.steering import Steering

PACKAGES = ("pharos", "torch-mlir", "llvmlite", "numpy", "PyYAML")


def save_reproducer(
    stage: Stage, error: Exception, start: Module, steering: Steering, scope: StageScope
) -> str:
    """The folder, under PHAROS_REPRODUCERS, that shows ``stage`` failing.

    ``start`` is the module as the first stage got it; the stages before ``stage`` run again to
    make the module that ``stage`` got, so that no copies are needed while all is well.
    """
    root = settings.REPRODUCERS.get()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{file_name(stage.name)}-", dir=root))
    except OSError as problem:
        return f"not saved: cannot write to {root}: {problem.strerror}"
    module, note = _replayed(stage, start, steering, scope)
    write_text(folder / "module.mlir", ir.to_text(module, locations=True))
    write_text(folder / "stage.yaml", _stage_text(stage))
    write_text(folder / "about.txt", "\n".join([note, _trace(error), *versions()]) + "\n")
    return str(folder)


def versions() -> list[str]:
    """The versions of Python and of the packages that take part in compiling."""
    python = f"python {sys.version.split()[0]} on {platform.platform()}"
    return [python, *(f"{name} {_version(name)}" for name in PACKAGES)]


def _version(name: str) -> str:
    import importlib.metadata  # slow to import, and seldom needed

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"


def _replayed(
    stage: Stage, start: Module, steering: Steering, scope: StageScope
) -> tuple[Module, str]:
    module = ir.clone(start)
    try:
        for earlier in steering.before(stage):
            module = steering.apply(earlier, module, scope)
    except Exception as problem:
        # Code of any origin, that did not fail the first time: it must not hide the first error.
        return start, f"module.mlir is the pipeline's input; replaying it failed: {problem}"
    return module, "module.mlir is the module before the stage"


def _stage_text(stage: Stage) -> str:
    try:
        return to_yaml(Pipeline(stage.name, (stage,)))
    except UserError as problem:
        return f"# {problem.message}\n# {stage!r}\n"


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
