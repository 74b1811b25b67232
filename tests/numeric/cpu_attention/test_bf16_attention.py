"""Attention by AVX512-BF16 and AMX, on instructions written out in MLIR (any CPU), against float64;
and assembled for a CPU that has them."""

from __future__ import annotations

import ctypes
import re
from dataclasses import replace

import llvmlite.binding as llvm
import numpy as np
import pytest

from pharos.core.errors import UserError
from pharos.ir.bindings import dialect
from pharos.targets.common.gpu.downgrade import downgraded
from pharos.targets.cpu.instructions import check_instructions
from pharos.toolchain import Request
from tests.numeric.cpu_attention.attention_forms import TYPES, Form, expected, inputs
from tests.numeric.cpu_contractions.bf16_instructions import emulated, lowered

ROUND = "avx512bf16.cvtne2ps2bf16.512"
TILES = {"ldtilecfg", "tilezero", "tileloadd64", "tdpbf16ps", "tilestored64", "tilerelease"}
USES = {"avx512-bf16": {"avx512bf16.dpbf16ps.512", ROUND}, "amx": {*TILES, ROUND}}
FEATURES = "+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512bf16,+amx-tile,+amx-bf16"
_M_PERTURB = -6  # of mallopt: what memory from malloc is filled with, here all bits set: NaN
# VCVTNE2PS2BF16 (Intel SDM, volume 2): the second source is in the lower half.
ROUNDED = """
func.func private @cvtne2ps2bf16_512(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<32xbf16> {
  %high = arith.truncf %a : vector<16xf32> to vector<16xbf16>
  %low = arith.truncf %b : vector<16xf32> to vector<16xbf16>
  %zero = arith.constant dense<0.0> : vector<32xbf16>
  %one = vector.insert_strided_slice %low, %zero {offsets = [0], strides = [1]}
      : vector<16xbf16> into vector<32xbf16>
  %two = vector.insert_strided_slice %high, %one {offsets = [16], strides = [1]}
      : vector<16xbf16> into vector<32xbf16>
  return %two : vector<32xbf16>
}
"""


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
    values = {"simd_bits": 512, "registers": 32, "threads": 1, "bf16_unit": unit}
    return Request(parameters=values)


def check(form: Form, unit: str, arrays=None) -> None:
    run, used = emulated(form.text() + ROUNDED, request(unit))
    assert used == USES[unit]
    arrays = inputs(form) if arrays is None else arrays
    out = np.full(form.shape("o"), np.nan, TYPES[form.dtype])
    run.call("f", *arrays, out)
    found, wanted = out.astype(np.float64), expected(form, arrays)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    allowed = 1.5e-2 * max(1.0, np.nanmax(np.abs(wanted), initial=0.0))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=allowed)


BF16 = Form((1, 2), 40, 70, 64, dtype="bf16")


@pytest.mark.parametrize("unit", USES)
def test_odd_sizes_causal(unit: str) -> None:
    check(replace(BF16, m=75, n=85, d=41, dv=35, causal=5), unit)


FORMS = [
    *[replace(BF16, m=m, n=n) for m in (9, 17, 96, 127) for n in (16, 17, 127, 300)],
    *[replace(BF16, d=d, dv=dv) for d, dv in ((16, 16), (33, 17), (80, 80), (256, 32), (40, 256))],
    *[replace(BF16, batch=(1, 1), d=d) for d in (520, 1040)],
    *[replace(BF16, m=100, n=100, causal=c) for c in (0, 60, -40, 400)],
    *[replace(BF16, n=300, causal=290, window=w) for w in (1, 16, 100, 999)],
    *[replace(BF16, batch=(2, 3, 2), shared=s) for s in (0, 1, 2)],
    *[replace(BF16, causal=20, open=("m", "n"), m=m) for m in (20, 70)],
    *[
        replace(BF16, batch=(2, 3), mask=(kind, loops), causal=causal, empty=empty)
        for kind, loops in (
            ("add", ("b0", "b1", "m", "n")),
            ("narrow", ("n", "m")),
            ("keep", ("b0", "n")),
            ("keep", ("m", "n")),
            ("slope", ("b1",)),
        )
        for causal, empty in ((None, "nan"), (10, "zero"))
    ],
]


@pytest.mark.slow
@pytest.mark.parametrize("unit", USES)
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_forms(form: Form, unit: str) -> None:
    check(form, unit)


@pytest.mark.slow
@pytest.mark.parametrize("unit", USES)
@pytest.mark.parametrize(
    "params",
    [
        {"query_tile": 16, "query_block": 16, "key_tile": 32},
        {"query_tile": 48, "query_block": 96, "key_tile": 64},
        {"query_tile": 80, "query_block": 160, "key_tile": 256},
    ],
    ids=str,
)
def test_parameters_change_nothing(params: dict[str, int], unit: str) -> None:
    check(replace(BF16, m=150, n=170, causal=20, params=params), unit)


@pytest.mark.slow
@pytest.mark.parametrize("unit", USES)
def test_large_scores_and_rows_that_see_nothing(unit: str) -> None:
    form = replace(BF16, mask=("keep", ("b1", "m", "n")))
    arrays = inputs(form, size=100.0)
    arrays[3][:, [0, 7, 39]] = False
    check(form, unit, arrays)


@pytest.mark.slow
@pytest.mark.parametrize("unit", USES)
def test_nan_stays_in_its_row(unit: str) -> None:
    arrays = inputs(BF16)
    arrays[0][0, 1, 1, 3] = np.nan
    check(BF16, unit, arrays)


@pytest.mark.slow
@pytest.mark.parametrize("unit", USES)
@pytest.mark.parametrize("layout", ["rows", "columns", "neither"])
def test_strides(layout: str, unit: str) -> None:
    """Q, K and V with rows far apart, with neighbours along queries or keys, with none at all."""
    m, n, d = 40, 70, 36
    form = replace(BF16, m=m, n=n, d=d)
    types, made = {}, []
    for name, array in zip("qkv", inputs(form), strict=True):
        rows = array.shape[2]
        row, column = {"rows": (3 * d, 1), "columns": (1, rows), "neither": (2 * d, 2)}[layout]
        size = {"rows": rows * 3 * d, "columns": rows * d, "neither": rows * 2 * d}[layout]
        steps = [2 * size, size, row, column]
        types[name] = f"memref<1x2x{rows}x{d}xbf16, strided<{steps}>>"
        flat = np.full(2 * size, np.nan, array.dtype)
        view = np.lib.stride_tricks.as_strided(flat, array.shape, [2 * s for s in steps])
        view[...] = array
        made.append(view)
    check(replace(form, types=types), unit, made)


def test_what_does_not_multiply_pairs() -> None:
    """Other types, and few queries, which wait for memory."""
    for form in (replace(BF16, dtype="f16"), replace(BF16, m=3)):
        text = str(lowered(form.text(), request("amx")))
        assert not re.search("llvm.x86", text)


def test_a_processor_without_them_is_told_so() -> None:
    module = lowered(replace(BF16, m=16, n=16).text(), request("amx"))
    with pytest.raises(UserError, match="this CPU has no AVX512-BF16: the code needs"):
        check_instructions(module, {"amx-tile", "amx-bf16"})
    with pytest.raises(UserError, match="this CPU has no AMX: the code needs tdpbf16ps") as raised:
        check_instructions(module, {"avx512bf16"})
    assert "bf16_unit" in (raised.value.hint or "")
    check_instructions(module, {"avx512bf16", "amx-tile", "amx-bf16"})


@pytest.mark.parametrize(
    ("unit", "instructions"),
    [
        ("avx512-bf16", ("vdpbf16ps", "vcvtne2ps2bf16")),
        ("amx", ("ldtilecfg", "tileloadd", "tdpbf16ps", "tilestored", "tilerelease")),
    ],
)
def test_llvm_has_the_instructions(unit: str, instructions: tuple[str, ...]) -> None:
    module = lowered(BF16.text(), request(unit))
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
    assert unit != "amx" or assembly.count("ldtilecfg") == 1
