"""The model of contraction kernels on AMD GPUs: legal for every size, and what each chip gets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos import ir
from pharos.params.amd_contractions import amd_contractions, machine_of, work_of
from pharos.params.gpu_tiles import Tiles, best, cycles, problems, registers
from pharos.payload import inspect_payload
from pharos.targets.amd.facts import CHIPS

sizes = st.one_of(st.integers(2, 80), st.integers(2, 100_000))
TYPES = [("f16", "f32"), ("bf16", "bf16"), ("f32", "f32"), ("f64", "f64"), ("i32", "i32")]


def facts_of(m, n, k, dtype="f16", out="f32"):
    a, b, c = f"tensor<{m}x{k}x{dtype}>", f"tensor<{k}x{n}x{dtype}>", f"tensor<{m}x{n}x{out}>"
    text = f"""func.func @main(%a: {a}, %b: {b}, %c: {c}) -> {c} {{
      %0 = linalg.matmul ins(%a, %b : {a}, {b}) outs(%c : {c}) -> {c}
      return %0 : {c}
    }}"""
    return inspect_payload(ir.parse(text))


def work(m, n, k, chip="gfx1100", f32="matrix", dtype="f16", out="f32"):
    (motif,) = facts_of(m, n, k, dtype, out).walk()
    return work_of(motif, CHIPS[chip], f32)


@settings(max_examples=25, deadline=None)
@given(sizes, sizes, sizes, st.sampled_from(TYPES), st.sampled_from(sorted(CHIPS)))
def test_every_size_gets_legal_tiles(m, n, k, types, chip):
    one, machine = work(m, n, k, chip, dtype=types[0], out=types[1]), machine_of(CHIPS[chip])
    assert problems(best(one, machine), one, machine) == []


def test_units_and_rates_are_those_of_the_chip():
    wmma, mfma = work(64, 64, 64), work(64, 64, 64, "gfx942")
    assert (wmma.unit.rows, wmma.unit.inner, wmma.copies, wmma.rate) == (16, 16, (2, 2), 256)
    assert (mfma.copies, mfma.rate) == ((1, 1), 1024)
    f32 = {"dtype": "f32", "out": "f32"}
    assert work(64, 64, 64, "gfx942", **f32).unit.inner == 4
    assert work(64, 64, 64, "gfx942", "fma", **f32).unit.rows == 32
    assert work(64, 64, 64, "gfx1100", **f32).unit.rows == 16


def test_tiles_on_their_way_need_registers():
    machine, one = machine_of(CHIPS["gfx1100"]), work(512, 512, 512)
    tiles = Tiles(128, 128, 32, 64, 64, 2)
    assert registers(tiles, one, machine) > 256
    assert "registers of 256" in problems(tiles, one, machine)[0]


@pytest.mark.parametrize("chip", sorted(CHIPS))
def test_large_products_get_most_of_the_peak(chip):
    machine, one = machine_of(CHIPS[chip]), work(8192, 8192, 8192, chip)
    tiles = best(one, machine)
    assert tiles.block_m * tiles.block_n >= 64 * 128
    share = 8192**3 / (one.rate * machine.compute_units) / cycles(tiles, one, machine)
    assert 0.3 < share < 1


def test_choices_come_with_reasons_and_keep_what_is_given():
    (choice,) = amd_contractions(facts_of(64, 64, 64), CHIPS["gfx942"], "matrix")
    chosen = choice.choose({"block_k": 32, "sub_m": 16})
    assert (chosen["block_k"].value, chosen["sub_m"].value) == (32, 16)
    assert "waves" in chosen["stages"].why
    assert choice.problems({name: c.value for name, c in chosen.items()}) == []
    assert choice.problems({"stages": 0}) and choice.problems({"warps": 3})


def test_products_without_such_a_kernel_get_no_parameters():
    assert work(1, 64, 64) is None
    assert amd_contractions(facts_of(64, 64, 1), CHIPS["gfx942"], "matrix") == ()
