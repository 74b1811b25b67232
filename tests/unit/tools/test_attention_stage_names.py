"""The names of an attention's stages, on every target."""

from __future__ import annotations

import pytest

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.tools.attention_stages import NAMES, label_of


def labels(target):
    stages = toolchain.plan(toolchain.Request(target=target)).stages
    return {name: label_of(name, target, stages) for name in NAMES if (target, name) not in LACKS}


LACKS = [("cpu", "gpu-outlined")]


@pytest.mark.parametrize("target", ["cpu", "nvidia", "amd", "xegpu"])
def test_names_are_stages_in_the_order_of_the_pipeline(target):
    stages = toolchain.plan(toolchain.Request(target=target)).stages
    order = [None, *(stage.name for stage in stages)]
    found = labels(target)
    places = [order.index(found[name]) for name in ("initial", "bufferized", "inner-tiled",
                                                    "target-level", "final")]  # fmt: skip
    assert places == sorted(places) and len(set(places)) >= 4
    assert found["inner-tiled"].startswith(f"{target}-attention")
    assert target == "cpu" or found["gpu-outlined"] == found["inner-tiled"]


def test_a_stage_that_is_not_there_is_refused_with_those_that_are():
    stages = toolchain.plan(toolchain.Request(target="cpu")).stages
    with pytest.raises(UserError, match="pipeline for cpu has no stage 'gpu-outlined'") as caught:
        label_of("gpu-outlined", "cpu", stages)
    assert "bufferized" in (caught.value.hint or "")
    with pytest.raises(UserError, match="found 'bufferised'") as caught:
        label_of("bufferised", "cpu", stages)
    assert "bufferized" in (caught.value.hint or "")
