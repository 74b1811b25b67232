"""Compile MLIR text with the CPU's default pipeline."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
import yaml

from pharos import ir
from pharos.core.artifact import Artifact
from pharos.runtime import Runner
from pharos.targets.cpu import abi, codegen
from pharos.targets.cpu.device import CpuDevice
from pharos.targets.cpu.stages import STAGES

_DESCRIPTOR = resources.files("pharos.targets.cpu") / "pipelines" / "default.yaml"


def lower(module: Any) -> Any:
    """Run the descriptor's stages on ``module``, each verified."""
    for item in yaml.safe_load(_DESCRIPTOR.read_text())["stages"]:
        ((kind, text),) = item.items()
        if kind == "pass":
            ir.run_passes(module, text)
        else:
            module = STAGES[text]().run(module)
        ir.verify(module)
    return module


def compile_text(text: str, **options: Any) -> Artifact:
    """The artifact of a program in MLIR's text form."""
    module = ir.parse(text)
    entries, uncallable = abi.entry_points(module), abi.uncallable(module)
    abi.request_wrappers(module)
    module = lower(module)
    metadata = {"uncallable": uncallable}
    return codegen.compile_object(module, entries=entries, metadata=metadata, **options)


@pytest.fixture
def build() -> Callable[..., Artifact]:
    """``build(text) -> Artifact``."""
    return compile_text


@pytest.fixture
def load() -> Callable[..., Runner]:
    """``load(text) -> Runner`` on this machine's CPU."""
    return lambda text, **options: Runner(CpuDevice(), compile_text(text, **options))
