"""Products of matrices on the simulated NVIDIA GPU, and ptxas on every kernel of them."""

from __future__ import annotations

import pytest
from gpu_products import Product, built, check

from pharos.targets.common.gpu.finish import REPORT

SIM = "nvidia:sm_80:sim"
CHIPS = ["nvidia:sm_80", "nvidia:sm_90a"]
SHAPES = [
    (64, 64, 64),
    (128, 96, 32),
    (2, 2, 2),
    (3, 5, 7),
    (17, 33, 9),
    (33, 17, 65),
    (100, 90, 70),
    (65, 130, 40),
    (16, 8, 200),
    (1000, 3, 5),
    (31, 257, 33),
    (96, 100, 1001),
]
TYPES = [("f16", "f32"), ("bf16", "f32"), ("f32", "f32"), ("tf32", "f32")]
TURNED = ["", "a", "b", "ab"]


def product(shape, types, **rest):
    dtype = "f32" if types[0] == "tf32" else types[0]
    return Product(*shape, dtype=dtype, out=types[1], **rest)


def options(types):
    return {"f32": "tf32"} if types[0] == "tf32" else {}


FAST = [
    Product(33, 17, 65, "f16", "f16", finish="bias-relu"),
    Product(65, 130, 40, "bf16", "f32", "b", start="value"),
    Product(17, 9, 33, "f32", "f32", "a", batch=3, finish="add"),
    Product(64, 64, 64, "f16", "f32", "ab"),
]


@pytest.mark.parametrize("one", FAST, ids=str)
def test_products_of_every_kind(one):
    check(one, SIM)


def test_tf32_where_it_is_asked_for():
    check(Product(33, 40, 24, "f32", "f32"), SIM, f32="tf32")


def spills(report):
    return {name: k["spill_stores"] + k["spill_loads"] for name, k in report.items()}


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("one", FAST, ids=str)
def test_ptxas_takes_every_kernel_and_spills_nothing(one, chip):
    report = built(one, chip).metadata[REPORT]
    assert len(report) == 1
    assert set(spills(report).values()) == {0}
    assert all(0 < kernel["registers"] <= 255 for kernel in report.values())


@pytest.mark.slow
@pytest.mark.parametrize("types", TYPES, ids=lambda t: t[0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_in_every_type(shape, types):
    number = SHAPES.index(shape) + TYPES.index(types)
    one = product(shape, types, turned=TURNED[number % 4])
    check(one, SIM, **options(types))
    for chip in CHIPS:
        report = built(one, chip, **options(types)).metadata[REPORT]
        assert set(spills(report).values()) == {0}, report


@pytest.mark.slow
@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("types", [*TYPES, ("f16", "f16"), ("bf16", "bf16")], ids=str)
def test_every_transposition_with_batches_start_and_finish(types, turned):
    check(product((40, 72, 48), types, turned=turned, batch=2), SIM, **options(types))
    check(product((23, 50, 19), types, turned=turned, start="value"), SIM, **options(types))
    check(product((50, 24, 31), types, turned=turned, finish="bias-relu"), SIM, **options(types))


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "out"), [("f64", "f64"), ("i32", "i32"), ("f16", "f64")])
def test_types_without_tensor_cores(dtype, out):
    check(Product(40, 50, 30, dtype, out, "b"), SIM)
    check(Product(7, 66, 129, dtype, out), SIM)
