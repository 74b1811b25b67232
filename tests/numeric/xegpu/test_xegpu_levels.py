"""Kernels of one work-item, at lane level and on whole workgroups: loops of all forms, tf32."""

import sys
from pathlib import Path

import numpy as np
import pytest
from both_levels import kinds, ran

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("gpu", "gpu_contractions")]
from gpu_products import Product
from loop_payloads import CASES, DTYPES, is_float
from test_gpu_loop_kernels import NARROW, OTHER, SHAPES, poisoned

FAST = [
    ("softmax", (13, 129), "f32", "rows"),
    ("transposed", (31, 33), "f16", "transpose"),
    pytest.param("scan", (5, 32), "i64", "scan", marks=pytest.mark.slow),
    pytest.param("column sum", (300, 3), "bf16", "shared_reduction", marks=pytest.mark.slow),
]


def check(kind, shape, dtype):
    """Run a case at both levels, which may differ as ``both_levels.APART`` says, and compare with
    numpy."""
    case = CASES[kind](shape, dtype)
    outputs = [poisoned(e.shape, "i1" if e.dtype == bool else dtype) for e in case.outputs]
    found = ran(case.text, *case.inputs, *outputs, entry="main")
    for made, expected in zip(outputs, case.outputs, strict=True):
        wide = made.astype(np.float64) if is_float(dtype) and made.dtype != bool else made
        np.testing.assert_allclose(wide, expected, rtol=case.bound, atol=case.bound)
    return found


@pytest.mark.parametrize(("kind", "shape", "dtype", "form"), FAST)
def test_a_loop_of_each_form(kind, shape, dtype, form):
    assert form in kinds(check(kind, shape, dtype))


def test_dpas_on_tf32():
    one = Product(17, 40, 24, "f32", "f32", "a")
    a, b = one.arguments()
    found = ran(one.text(), a, b, entry="main", parameters={"f32": "tf32"})
    bound = 2.2 * 2.0**-11 * (np.abs(a.T) @ np.abs(b))
    assert (np.abs(found.results[0] - a.T @ b) <= bound).all()
    assert found.differences[0] < 1e-6


def every():
    for kind, shapes in SHAPES.items():
        types = ("f32", *NARROW, *OTHER.get(kind, ()))
        yield from ((kind, shape, dtype) for shape in shapes for dtype in types)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape", "dtype"), list(every()))
def test_every_loop(kind, shape, dtype):
    assert dtype in DTYPES
    check(kind, shape, dtype)
