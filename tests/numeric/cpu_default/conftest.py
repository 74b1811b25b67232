"""Compile MLIR text with the CPU's default pipeline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pharos import ir
from pharos.core.artifact import Artifact
from pharos.pipeline import Driver, flatten, load_descriptor, make_registry
from pharos.runtime import Runner
from pharos.targets.cpu import target

REGISTRY = make_registry(
    stages=list(target.stages().items()), selectors=[], descriptors=[target.pipelines]
)
PIPELINE = flatten(load_descriptor("default", REGISTRY), {}, REGISTRY, target_facts=target.facts())


def compile_text(text: str, *, libraries: tuple[str, ...] = ()) -> Artifact:
    """The artifact of a program in MLIR's text form; every stage is verified by the driver."""
    module = ir.parse(text)
    prepared = target.prepare(module)
    result = Driver(REGISTRY, target.facts()).run(PIPELINE, module)
    return target.finish(result.module, prepared, libraries)


@pytest.fixture
def build() -> Callable[..., Artifact]:
    """``build(text) -> Artifact``."""
    return compile_text


@pytest.fixture
def load() -> Callable[..., Runner]:
    """``load(text) -> Runner`` on this machine's CPU."""
    return lambda text, **options: Runner(target.open_device(), compile_text(text, **options))
