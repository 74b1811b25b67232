"""Products whose inner steps are shared out to several blocks, on every simulated device."""

import pytest
from gpu_products import Product, built, check

from pharos.core.errors import UserError
from pharos.toolchain import Request, make_plan
from pharos.toolchain.front_ends import mlir_payload

TARGETS = ("nvidia:sm_80:sim", "nvidia:sim", "amd:sim", "amd:gfx942:sim", "xegpu:sim")


def kernels(one, target, **parameters):
    steps = built(one, target, **parameters).metadata["launches"]["main"]["steps"]
    return [step["kernel"] for step in steps if step["is"] == "launch"]


@pytest.mark.parametrize(
    "target", [TARGETS[4], *(pytest.param(t, marks=pytest.mark.slow) for t in TARGETS[:4])]
)
def test_parts_are_joined(target):
    given = {"contraction.splits": 4}
    one = Product(33, 20, 64, "f16", "f32", "b", finish="bias-relu")
    assert len(kernels(one, target, **given)) >= 2
    check(one, target, **given)


VARIANTS = [
    Product(64, 64, 512, "bf16", "f32"),
    Product(70, 66, 512, "f16", "f16", "a", finish="add"),
    Product(17, 9, 96, "f32", "f32", "ab", start="value"),
    Product(40, 24, 128, "bf16", "bf16", start="value"),
    Product(24, 40, 64, "f16", "f32", "b", batch=3),
    Product(9, 33, 64, "i32", "i32"),
]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("one", VARIANTS, ids=str)
def test_every_variant(one, target):
    for splits in (2, 8):
        check(one, target, **{"contraction.splits": splits})


def planned(shape, target, **parameters):
    text = Product(*shape, "f16", "f32").text()
    found = make_plan(mlir_payload(text), Request(target=target, parameters=parameters))
    return str(found)


@pytest.mark.parametrize("target", ["nvidia", "amd", "xegpu"])
def test_few_blocks_with_many_steps_are_split_by_themselves(target):
    assert "splits" in planned((64, 64, 1 << 16), target)
    assert "splits" not in planned((4096, 4096, 4096), target)


def test_what_does_not_share_out_is_refused():
    with pytest.raises(UserError, match="splits = 3 does not divide the 64 inner steps"):
        planned((32, 32, 64), "nvidia", **{"contraction.splits": 3})
