"""Products of bf16 by AVX512-BF16 and AMX, on instructions written out in MLIR (any CPU), against
float64; and assembled for a CPU that has them."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import ml_dtypes
import numpy as np
import pytest
import torch
from bf16_instructions import emulated, lowered
from test_convolutions import convolution
from test_products import DYNAMIC, FORMS, check, product

from pharos.ir.bindings import dialect
from pharos.targets.common.gpu.downgrade import downgraded
from pharos.toolchain import Request

TILES = {"ldtilecfg", "tilezero", "tileloadd64", "tdpbf16ps", "tilestored64", "tilerelease"}
USES = {"avx512-bf16": {"avx512bf16.dpbf16ps.512"}, "amx": TILES}
FEATURES = "+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512bf16,+amx-tile,+amx-bf16"
_M_PERTURB = -6  # of mallopt: what memory from malloc is filled with, here all bits set: NaN


@pytest.fixture(autouse=True)
def unwritten_memory_is_nan():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_M_PERTURB, 256)
    yield
    libc.mallopt(_M_PERTURB, 0)


def request(unit: str) -> Request:
    values = {"simd_bits": 512, "registers": 32, "threads": 1, "grain": 1000, "bf16_unit": unit}
    return Request(parameters=values)


@pytest.mark.slow
@pytest.mark.parametrize("unit", USES)
@pytest.mark.parametrize("form", FORMS)
def test_products_of_sizes_known_at_run_time(form, unit):
    run, used = emulated(product(form, "bf16", DYNAMIC), request(unit))
    assert used == USES[unit]
    rng = np.random.default_rng(len(form))
    for seed in range(8):
        sizes = (int(n) for n in rng.choice([4, 5, 15, 16, 17, 31, 33, 47, 64, 65], 3))
        check(run, form, "bf16", (1 + seed % 2, *sizes), seed)


BLOCKS = {
    "amx": "mr = 16 : i64, nr = 32 : i64, mc = 32 : i64, nc = 32 : i64, kc = 32 : i64",
    "avx512-bf16": "mr = 5 : i64, nr = 16 : i64, mc = 10 : i64, nc = 32 : i64, kc = 7 : i64",
}


@pytest.mark.parametrize("unit", USES)
@pytest.mark.parametrize(
    "sizes",
    [(1, 75, 41, 70), pytest.param((1, 41, 75, 99), marks=pytest.mark.slow)],
    ids=["rows", "columns"],
)
def test_many_small_blocks(sizes, unit):
    run, used = emulated(product("t", "bf16", sizes, BLOCKS[unit]), request(unit))
    assert used == USES[unit]
    check(run, "t", "bf16", sizes)


@pytest.mark.slow
@pytest.mark.parametrize("unit", USES)
@pytest.mark.parametrize("seed", range(16))
def test_random_static_sizes(seed, unit):
    rng = np.random.default_rng(seed)
    sizes = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(16, 90, 3)))
    form = list(FORMS)[seed % 4]
    run, used = emulated(product(form, "bf16", sizes), request(unit))
    assert used == USES[unit]
    check(run, form, "bf16", sizes, seed)


@pytest.mark.parametrize("unit", USES)
@pytest.mark.parametrize("stride", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_convolutions(stride, unit):
    image, filters = (2, 1, 5, 13, 12), (1, 9, 5, 3, 3)
    out = (2, 1, 9, (13 - 3) // stride + 1, (12 - 3) // stride + 1)
    text = convolution(image, filters, out, stride, 1, bias=False, dtype="bf16")
    run, used = emulated(text, request(unit))
    assert used == USES[unit]
    rng = np.random.default_rng(stride)
    x, w = (rng.standard_normal(s).astype(ml_dtypes.bfloat16) for s in (image, filters))
    y = np.full(out, np.nan, np.float32)
    run.call("f", x, w, np.zeros((1, 9), np.float32), y)
    both = (torch.from_numpy(a.astype(np.float64)) for a in (x[:, 0], w[0]))
    exact = torch.nn.functional.conv2d(*both, stride=stride).numpy()
    np.testing.assert_allclose(y[:, 0], exact, rtol=1e-5, atol=1e-4)


def test_a_product_with_more_than_widened_bf16_stays_with_multiply_adds():
    scaled = product("n", "bf16", (1, 33, 34, 35)).replace(
        "%qq = arith.extf %q : bf16 to f32",
        "%qx = arith.extf %q : bf16 to f32\n%qq = arith.addf %qx, %qx : f32",
    )
    run, used = emulated(scaled, request("amx"))
    assert used == set() and run is not None


@pytest.mark.parametrize(
    ("unit", "instructions"),
    [
        ("avx512-bf16", ("vdpbf16ps",)),
        ("amx", ("ldtilecfg", "tileloadd", "tdpbf16ps", "tilestored", "tilerelease")),
    ],
)
def test_llvm_has_the_instructions(unit, instructions):
    module = lowered(product("n", "bf16", (1, 64, 64, 64)), request(unit))
    text = downgraded(dialect("llvm").translate_module_to_llvmir(module.operation))
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("x86_64-unknown-linux-gnu")
    machine = target.create_target_machine(cpu="x86-64", features=FEATURES, opt=3)
    parsed = llvm.parse_assembly(text)
    parsed.triple = "x86_64-unknown-linux-gnu"
    assembly = machine.emit_assembly(parsed)
    for instruction in instructions:
        assert instruction in assembly
    # One configuration per call of the kernel, none where tiles are loaded.
    assert unit != "amx" or assembly.count("ldtilecfg") == 1
