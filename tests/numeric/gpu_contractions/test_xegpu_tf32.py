"""Products of f32 as tf32 on the matrix units of Intel GPUs."""

import re

import numpy as np
import pytest
from gpu_products import Product, built, check

from pharos.targets.common.gpu import archive
from pharos.toolchain import load

SIM = "xegpu:sim"
SHAPES = [
    (1, 1, 1), (2, 2, 2), (8, 16, 8), (64, 64, 64), (33, 17, 65), (100, 90, 70), (65, 130, 40),
    (16, 8, 200), (257, 3, 5), (31, 257, 33), (96, 100, 1001), (127, 129, 63),
]  # fmt: skip
TURNED = ["", "a", "b", "ab"]
DPAS = re.compile(rb"intel_sub_group_tf32_tf32_matrix_mad_k8")


def test_a_product_of_tf32():
    check(Product(33, 40, 24, "f32", "f32", "b", finish="bias-relu"), SIM, f32="tf32")


def test_dpas_is_there_where_it_is_asked_for():
    one = Product(33, 40, 24, "f32", "f32")
    text = archive.unpack(built(one, SIM, f32="tf32"))[archive.LLVM_IR]
    assert DPAS.search(text)
    assert not DPAS.search(archive.unpack(built(one, SIM))[archive.LLVM_IR])


def test_factors_are_rounded_to_even_and_nan_stays():
    one = Product(8, 16, 8, "f32", "f32")
    a, b = np.zeros((8, 8), np.float32), np.zeros((8, 16), np.float32)
    b[:] = np.eye(8, 16)
    step = np.float32(2.0**-10)
    a[0, :5] = [1 + step / 2, 1 + 3 * step / 2, 1 + step / 2 + 2.0**-20, -1 - step * 0.75, 3e38]
    a[1, 0] = np.uint32(0x7F800001).view(np.float32)
    a[2, 0] = np.inf
    result = np.asarray(load(built(one, SIM, f32="tf32")).call("main", a, b))
    wanted = [1, 1 + 2 * step, 1 + step, -1 - step]
    assert result[0, :4].tolist() == wanted
    assert np.isnan(result[1, 0]) and result[2, 0] == np.inf


@pytest.mark.slow
@pytest.mark.parametrize("turned", TURNED)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
def test_every_shape(shape, turned):
    number = SHAPES.index(shape) + TURNED.index(turned)
    more = {"finish": ["", "bias-relu", "add"][number % 3], "batch": 3 if number % 4 == 1 else 0}
    start = "value" if number % 2 else "zero"
    check(Product(*shape, "f32", "f32", turned, start=start, **more), SIM, f32="tf32")
