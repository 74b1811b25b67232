"""Every kind of loop kernel on the simulated devices, against numpy: odd, prime and unit sizes."""

import functools

import numpy as np
import pytest
from loop_payloads import CASES, DTYPES, is_float

from pharos.toolchain import compile, load, mlir_payload
from pharos.toolchain.records import Request

TARGETS = ("nvidia:sim", "amd:sim", "amd:gfx942:sim", "xegpu:sim")
POISON = 77

MATRICES = [(1, 1), (1, 37), (37, 1), (3, 7), (5, 32), (8, 64), (13, 129), (31, 33), (64, 40),
            (2, 1031), (257, 4), (17, 256), (1, 5000), (3, 2048)]  # fmt: skip
SHAPES = {
    "biased": [*MATRICES, (2, 3, 5, 7), (4, 4, 8), (23,)],
    "gelu": [*MATRICES, (4099,)],
    "masked": MATRICES,
    "transposed": [*MATRICES, (3, 5, 7), (2, 33, 65)],
    "gathered": MATRICES,
    "row sum": [*MATRICES, (2, 3, 5), (40, 1), (2, 140004), (3, 70001)],
    "row max": MATRICES,
    "column sum": [*MATRICES, (300, 3), (7, 5, 3), (3000, 5), (900, 68)],
    "column min": MATRICES,
    "total": [*MATRICES, (130, 67), (300, 444), (97, 401)],
    "softmax": [*MATRICES, (2, 3, 17), (2, 40, 8), (2, 33001), (140, 1100)],
    "layer norm": [*MATRICES, (2, 3, 24)],
    "scan": [*MATRICES, (700, 40)],
    "scan before": MATRICES,
    "chained": MATRICES,
    "pooled": [(1, 3, 2), (2, 5, 7), (3, 4, 4), (1, 9, 33), (2, 3, 8, 5), (1, 1, 31, 3),
               (5, 7, 11), (1, 64, 9), (2, 2, 6, 6), (7, 3, 17), (1, 13, 13), (3, 3, 2)],
    "product": [(1, 1), (5, 7), (33, 64), (17, 129), (64, 512), (3, 1031), (128, 31), (1, 1, 1),
                (5, 7, 3), (9, 17, 33), (16, 8, 4), (31, 5, 1)],
    "convolved": [(1, 1, 3, 2, 1), (2, 3, 5, 7, 4), (1, 2, 9, 6, 3), (3, 1, 4, 4, 2),
                  (1, 5, 3, 9, 1), (2, 2, 7, 3, 5), (1, 3, 11, 2, 2), (1, 1, 8, 17, 7),
                  (4, 2, 3, 3, 3), (1, 7, 5, 5, 2), (2, 1, 3, 12, 9), (1, 4, 6, 10, 4)],
}  # fmt: skip
NARROW = ("f16", "bf16")
OTHER = {
    "biased": ("f64", "i8", "i32", "i64"),
    "masked": ("i32",),
    "transposed": ("i8", "f64"),
    "row sum": ("i8", "i32", "i64", "f64"),
    "row max": ("i8", "i64"),
    "column sum": ("i32", "f64"),
    "total": ("i64",),
    "scan": ("i64",),
    "scan before": ("i32",),
    "pooled": ("i8",),
    "product": ("i32", "i64"),
}


# A runner holds its simulated memory: hundreds of them would fill the machine's.
@functools.lru_cache(maxsize=8)
def runner(target, kind, shape, dtype):
    case = CASES[kind](shape, dtype)
    return case, load(compile(mlir_payload(case.text), Request(target=target)))


def poisoned(shape, dtype):
    value = np.nan if is_float(dtype) else True if dtype == "i1" else POISON
    return np.full(shape, value, DTYPES[dtype])


def check(target, kind, shape, dtype="f32"):
    case, run = runner(target, kind, shape, dtype)
    kinds = [dtype if expected.dtype != bool else "i1" for expected in case.outputs]
    outputs = [poisoned(e.shape, k) for e, k in zip(case.outputs, kinds, strict=True)]
    run.call("main", *case.inputs, *outputs)
    for found, expected in zip(outputs, case.outputs, strict=True):
        wide = found.astype(np.float64) if is_float(dtype) and found.dtype != bool else found
        np.testing.assert_allclose(wide, expected, rtol=case.bound, atol=case.bound)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("row sum", (5, 0)), ("biased", (0, 4)), ("scan", (3, 0)), ("total", (0, 3))],
)
def test_sizes_of_zero(kind, shape):
    check("nvidia:sim", kind, shape)


FEW = {kind: shapes[3:9:4] for kind, shapes in SHAPES.items()}


@pytest.mark.parametrize("kind", CASES)
def test_a_few_shapes(kind):
    for shape in FEW[kind]:
        check("nvidia:sim", kind, shape)


@pytest.mark.parametrize("target", TARGETS[1:])
@pytest.mark.parametrize("kind", ["biased", "layer norm", "total"])
def test_every_target(kind, target):
    check(target, kind, SHAPES[kind][6])


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("kind", "shape"), [(kind, shape) for kind, shapes in SHAPES.items() for shape in shapes]
)
def test_every_shape(kind, shape, target):
    check(target, kind, shape)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(k, d) for k in CASES for d in (*NARROW, *OTHER.get(k, ()))],
)
def test_every_type(kind, dtype, target):
    for shape in FEW[kind]:
        check(target, kind, shape, dtype)
