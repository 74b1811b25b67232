"""Products of matrices on the simulated NVIDIA GPU, and ptxas on every kernel of them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from gpu_products import Product, built, check

from pharos import ir
from pharos.targets.common.gpu.archive import text_of
from pharos.targets.common.gpu.finish import REPORT
from pharos.toolchain import build, load
from pharos.toolchain.records import Payload, Request

SIM, SIM_90 = "nvidia:sm_80:sim", "nvidia:sm_90a:sim"
WGMMA = {"contraction.specialised": 1}
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


@pytest.mark.parametrize("one", FAST[:3], ids=str)
def test_products_of_every_kind(one):
    check(one, SIM)


def test_tf32_where_it_is_asked_for():
    check(Product(33, 40, 24, "f32", "f32"), SIM, f32="tf32")


def spills(report):
    return {name: k["spill_stores"] + k["spill_loads"] for name, k in report.items()}


def each_on_one_chip():
    """Every product of ``FAST`` on one chip, and, where there is time, on the others."""
    for number, one in enumerate(FAST):
        for turn, chip in enumerate(CHIPS):
            slow = [] if number % len(CHIPS) == turn and number < 2 else [pytest.mark.slow]
            yield pytest.param(one, chip, marks=slow, id=f"{chip}-{one}")


@pytest.mark.parametrize(("one", "chip"), list(each_on_one_chip()))
def test_ptxas_takes_every_kernel_and_spills_nothing(one, chip):
    artifact = built(one, chip)
    assert ".minnctapersm 1" in text_of(artifact)  # else ptxas spills for the sake of more blocks
    report = artifact.metadata[REPORT]
    assert len(report) == 1
    assert set(spills(report).values()) == {0}
    assert all(0 < kernel["registers"] <= 255 for kernel in report.values())


SPECIALISED = [
    Product(100, 72, 136, "bf16", "f32", "b", finish="bias-relu"),
    Product(72, 136, 72, "f16", "f16", "a", start="value"),
]
MORE_SPECIALISED = [
    Product(64, 64, 64, "f16", "f32", "b"),
    Product(129, 257, 65 * 8, "bf16", "f32", "b"),
    Product(200, 320, 128, "bf16", "bf16", "a", finish="bias-relu"),
    Product(264, 192, 200, "f16", "f32", "ab", start="value"),
    Product(96, 72, 520, "f16", "f32", batch=3),
    Product(65, 64, 72, "f16", "f16", "b", batch=2, finish="add"),
    Product(64, 1000, 64, "bf16", "f32", ""),
    Product(1000, 64, 64, "bf16", "f32", "ab"),
    Product(80, 88, 1000, "f16", "f32", ""),
    Product(72, 104, 96, "bf16", "bf16", "a", batch=2),
    Product(300, 200, 104, "f16", "f32", "b"),
    Product(136, 128, 256, "f16", "f16", "ab", finish="add"),
]
# What ptxas says when it waits after every wgmma, because it cannot tell who needs what.
SERIALISED = ("C7508", "C7510", "C7514")


def check_specialised(one, **tiles):
    """On the simulated chip, and by ptxas: wgmma is used, nothing spills, nothing is serialised."""
    parameters = WGMMA | {f"contraction.{name}": value for name, value in tiles.items()}
    check(one, SIM_90, **parameters)
    artifact = built(one, "nvidia:sm_90a", **parameters)
    assert "wgmma.mma_async" in text_of(artifact)
    report = artifact.metadata[REPORT]
    assert set(spills(report).values()) == {0}
    notes = [note for kernel in report.values() for note in kernel["notes"]]
    assert not [note for note in notes if any(code in note for code in SERIALISED)]


@pytest.mark.parametrize(
    "one",
    [SPECIALISED[0], pytest.param(SPECIALISED[1], marks=pytest.mark.slow)],
    ids=str,
)
def test_a_warpgroup_brings_what_others_multiply(one):
    check_specialised(one)


@pytest.mark.slow
@pytest.mark.parametrize("tiles", [(64, 64), (64, 256), (128, 128), (128, 192), (128, 256)])
def test_specialised_kernels_of_every_size(tiles):
    sizes = {"block_m": tiles[0], "block_n": tiles[1]}
    check_specialised(Product(200, 264, 328, "bf16", "f32", "b"), **sizes)
    check_specialised(Product(136, 200, 72, "f16", "f16", "a", finish="bias-relu"), **sizes)


@pytest.mark.slow
@pytest.mark.parametrize("one", MORE_SPECIALISED, ids=str)
def test_specialised_kernels_of_every_shape(one):
    check_specialised(one)


def squares(size):
    """X times its own transpose: both factors are one buffer."""
    x, y = f"tensor<{size}x{size}xf16>", f"tensor<{size}x{size}xf32>"
    dims = "affine_map<(m, n, k) -> "
    return f"""func.func @main(%x: {x}) -> {y} {{
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : {y}
      %s = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
      %r = linalg.generic {{indexing_maps = [{dims}(m, k)>, {dims}(n, k)>, {dims}(m, n)>],
          iterator_types = ["parallel", "parallel", "reduction"]}}
        ins(%x, %x : {x}, {x}) outs(%s : {y}) {{
      ^bb0(%a: f16, %b: f16, %o: f32):
        %a1 = arith.extf %a : f16 to f32
        %b1 = arith.extf %b : f16 to f32
        %p = arith.mulf %a1, %b1 : f32
        %t = arith.addf %o, %p : f32
        linalg.yield %t : f32
      }} -> {y}
      return %r : {y}
    }}"""


@pytest.mark.slow
@pytest.mark.parametrize("target", [SIM, SIM_90])
def test_one_array_as_both_factors(target):
    text = squares(72)
    payload = Payload("squares", text, lambda: ir.parse(text))
    x = np.random.default_rng(0).standard_normal((72, 72)).astype(np.float16)
    result = load(build(payload, Request(target=target)).artifact).call("main", x)
    found = result[0] if isinstance(result, tuple) else result
    wide = x.astype(np.float64)
    np.testing.assert_allclose(found, wide @ wide.T, atol=1e-4)


def test_what_tma_cannot_bring_goes_without_it():
    one = Product(65, 66, 67, "f16", "f32", "b")  # rows of 134 bytes
    assert "wgmma" not in text_of(built(one, "nvidia:sm_90a"))


NARROW = """
func.func @main(%a: tensor<16x32xf32>, %w: tensor<64x32xbf16>) -> tensor<16x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x64xf32>
  %s = linalg.fill ins(%zero : f32) outs(%e : tensor<16x64xf32>) -> tensor<16x64xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %w : tensor<16x32xf32>, tensor<64x32xbf16>) outs(%s : tensor<16x64xf32>) {
  ^bb0(%x: f32, %y: bf16, %o: f32):
    %z = arith.extf %y : bf16 to f32
    %p = arith.mulf %x, %z : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  } -> tensor<16x64xf32>
  return %c : tensor<16x64xf32>
}
"""


def test_weights_that_are_stored_narrow():
    """A vector of them is twice as long in shared memory, where rows are whole 16 bytes."""
    payload = Payload("narrow", NARROW, lambda: ir.parse(NARROW))
    rng = np.random.default_rng(0)
    a = rng.standard_normal((16, 32)).astype(np.float32)
    w = rng.standard_normal((64, 32)).astype(ml_dtypes.bfloat16)
    found = load(build(payload, Request(target=SIM)).artifact).call("main", a, w)
    np.testing.assert_allclose(found, a @ w.astype(np.float32).T, atol=1e-4)


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
