"""The CPU's kernels of fused attention against float64, from poisoned outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, mlir_payload
from tests.numeric.cpu_attention.attention_forms import TYPES, Form, expected, inputs

TOLERANCE = {"f32": 3e-6, "f16": 2e-3, "bf16": 1.5e-2}
WIDTHS = {128: 16, 256: 16, 512: 32}


def run(form: Form, arrays, **parameters) -> np.ndarray:
    """What the kernel makes of ``arrays``, which may have strides, from an output of NaN."""
    request = Request(parameters={"threads": 2, **parameters})
    runner = load(compile(mlir_payload(form.text()), request))
    out = np.full(form.shape("o"), np.nan, TYPES[form.dtype])
    runner.call("f", *arrays, out)
    return out


def check(form: Form, arrays=None, tolerance: float = 1.0, **parameters) -> None:
    arrays = inputs(form) if arrays is None else arrays
    found = run(form, arrays, **parameters).astype(np.float64)
    wanted = expected(form, arrays)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    allowed = tolerance * TOLERANCE[form.dtype] * max(1.0, np.nanmax(np.abs(wanted), initial=0.0))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=allowed)


def test_odd_sizes_causal_on_two_threads() -> None:
    check(Form((2, 2), 130, 127, 64, causal=3))


def test_decode_split_over_keys_with_heads_that_share_them() -> None:
    check(Form((1, 1, 4), 1, 999, 128, shared=2), threads=3)


def test_boolean_mask_with_rows_that_see_nothing() -> None:
    form = Form((1, 2), 50, 70, 40, 24, dtype="bf16", mask=("keep", ("b1", "m", "n")))
    arrays = inputs(form)
    arrays[3][:, [0, 7, 49]] = False
    check(form, arrays)


def test_large_scores() -> None:
    """The weights of most keys are 0, and without the maximum all would overflow."""
    form = Form((1, 1), 17, 300, 32)
    check(form, inputs(form, size=3000.0), tolerance=100)


SHAPES = [
    *[Form((1, 2), m, n, 64) for m in (1, 17, 96, 127) for n in (1, 17, 127, 1000)],
    *[Form((1, 2), 40, 60, d, dv) for d, dv in ((32, 256), (33, 7), (80, 80), (256, 32), (1, 1))],
    *[Form((1, 1), m, 40, d) for m in (1, 20) for d in (512, 1040)],
    *[replace(Form((1, 2), 100, 100, 48), causal=c) for c in (0, 60, -40, 400, -400)],
    *[replace(Form((1, 2), 1, 200, 48), causal=c) for c in (0, 100, 199, 400, -1)],
    *[Form((1, 2), m, 300, 64, causal=290, window=w) for m in (3, 40) for w in (1, 16, 100, 999)],
    *[Form((2, 3, 2), m, 77, 64, shared=s) for m in (1, 5, 30) for s in (0, 1, 2)],
    *[Form((1, 2), m, 90, 72, dtype=t, causal=50) for m in (2, 50) for t in ("f16", "bf16")],
    *[
        Form((2, 3), m, 70, 64, mask=(kind, loops), causal=causal)
        for m in (2, 50)
        for kind, loops in (
            ("add", ("m", "n")),
            ("add", ("b0", "b1", "m", "n")),
            ("add", ("n", "m")),
            ("narrow", ("b0", "m", "n")),
            ("keep", ("b0", "n")),
            ("keep", ("m",)),
            ("add", ("b1", "m")),
            ("slope", ("b1",)),
        )
        for causal in (None, 10)
    ],
]


@pytest.mark.slow
@pytest.mark.parametrize("form", SHAPES, ids=str)
def test_shapes(form: Form) -> None:
    check(form, tolerance=4 if form.mask and form.mask[0] == "slope" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("m", [1, 60])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_vector_widths(bits: int, m: int, dtype: str) -> None:
    form = Form((1, 2), m, 75, 40, dtype=dtype, mask=("keep", ("m", "n")), empty="zero")
    check(form, simd_bits=bits, registers=WIDTHS[bits])


@pytest.mark.slow
@pytest.mark.parametrize("m", [3, 70])
@pytest.mark.parametrize("causal", [None, 20])
def test_sizes_known_at_run_time(m: int, causal: int | None) -> None:
    form = Form((1, 2), m, 90, 64, causal=causal, open=("m", "n"))
    check(form)


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {"query_tile": 16, "query_block": 16, "key_tile": 16},
        {"query_tile": 32, "query_block": 96, "key_tile": 48, "threads": 3},
        {"query_tile": 80, "query_block": 160, "key_tile": 256},
        {"query_tile": 64, "query_block": 64, "key_tile": 112, "threads": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_parameters_change_nothing(params: dict[str, int], dtype: str) -> None:
    check(Form((1, 3), 150, 170, 64, dtype=dtype, causal=20, params=params))


@pytest.mark.slow
@pytest.mark.parametrize("splits", [1, 2, 5, 7])
@pytest.mark.parametrize("n", [1, 30, 500])
def test_splits_of_keys(splits: int, n: int) -> None:
    """More splits than keys leave some without any."""
    params = {"key_splits": splits, "key_tile": 64}
    check(Form((1, 3), 2, n, 64, causal=n - 2, params=params), threads=3)


@pytest.mark.slow
@pytest.mark.parametrize("empty", ["nan", "zero"])
@pytest.mark.parametrize("m", [2, 40])
def test_rows_without_a_key(empty: str, m: int) -> None:
    form = Form((1, 2), m, 60, 32, mask=("add", ("m", "n")), empty=empty)
    arrays = inputs(form)
    arrays[3][1] = -np.inf
    check(form, arrays)


@pytest.mark.slow
@pytest.mark.parametrize("m", [2, 40])
def test_scores_that_are_the_least_number(m: int) -> None:
    """Masks of -3.4e38 are no masks of minus infinity: such a row is the mean of the values."""
    form = Form((1, 2), m, 60, 32, mask=("add", ("m", "n")))
    arrays = inputs(form)
    arrays[3][0] = np.finfo(np.float32).min
    arrays[0][:, :, 0] = 0
    check(form, arrays)


@pytest.mark.slow
@pytest.mark.parametrize("m", [2, 40])
def test_nan_stays_in_its_row(m: int) -> None:
    form = Form((1, 2), m, 60, 32)
    arrays = inputs(form)
    arrays[0][0, 1, 1, 3] = np.array(0x7FC12345, np.uint32).view(np.float32)
    check(form, arrays)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("m", [1, 60])
def test_slices_of_one_matrix(m: int, dtype: str) -> None:
    """(batch, row, q or k or v, head, d), as one product makes them; the output (b, m, h, d)."""
    heads, d, n = 3, 40, 60
    row = 3 * heads * d
    layout = f"strided<[{n * row}, {d}, {row}, 1], offset: ?>"
    out = f"strided<[{m * heads * d}, {d}, {heads * d}, 1]>"
    types = {
        name: f"memref<2x{heads}x{size}x{d}x{dtype}, {layout}>"
        for name, size in (("q", m), ("k", n), ("v", n))
    }
    types["o"] = f"memref<2x{heads}x{m}x{d}x{dtype}, {out}>"
    form = Form((2, heads), m, n, d, dtype=dtype, types=types, causal=n - m)
    rng = np.random.default_rng(3)
    whole = rng.standard_normal((2, n, 3, heads, d)).astype(TYPES[dtype])
    q, k, v = (whole[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    check_strided(form, [q[:, :, :m], k, v])


@pytest.mark.slow
@pytest.mark.parametrize("m", [1, 60])
def test_depth_is_not_the_last_dimension(m: int) -> None:
    """Keys stored d by d, queries too, values and output with steps between numbers."""
    n, d = 50, 36
    types = {
        "q": f"memref<1x2x{m}x{d}xf32, strided<[{2 * m * d}, {m * d}, 1, {m}], offset: ?>>",
        "k": f"memref<1x2x{n}x{d}xf32, strided<[{2 * n * d}, {n * d}, 1, {n}], offset: ?>>",
        "v": f"memref<1x2x{n}x{d}xf32, strided<[{4 * n * d}, {2 * n * d}, {2 * d}, 2], offset: ?>>",
        "o": f"memref<1x2x{m}x{d}xf32, strided<[{2 * m * d}, {m * d}, 1, {m}]>>",
    }
    form = Form((1, 2), m, n, d, types=types)
    rng = np.random.default_rng(4)
    q, k = (rng.standard_normal((1, 2, d, s)).astype(np.float32) for s in (m, n))
    v = rng.standard_normal((1, 2, n, d, 2)).astype(np.float32)
    check_strided(form, [q.swapaxes(2, 3), k.swapaxes(2, 3), v[..., 0]])


def check_strided(form: Form, arrays) -> None:
    """``check`` with the strides that the form's types have, through views on flat memory."""
    request = Request(parameters={"threads": 2})
    runner = load(compile(mlir_payload(form.text()), request))
    strides = _strides(form.types["o"])
    size = 1 + sum((n - 1) * s for n, s in zip(form.shape("o"), strides, strict=True))
    flat = np.full(size, np.nan, TYPES[form.dtype])
    bytes_ = [s * flat.itemsize for s in strides]
    out = np.lib.stride_tricks.as_strided(flat, form.shape("o"), bytes_)
    runner.call("f", *arrays, out)
    wanted = expected(form, arrays)
    np.testing.assert_allclose(out.astype(np.float64), wanted, rtol=0, atol=TOLERANCE[form.dtype])


def _strides(type_: str) -> list[int]:
    inside = type_.split("strided<[")[1].split("]")[0]
    return [int(one) for one in inside.split(",")]
