"""The model of contraction kernels on NVIDIA GPUs: legal for every size, explained, ties broken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos import ir
from pharos.params.gpu_tiles import Tiles, best, cycles, problems, registers, resident, shared_bytes
from pharos.params.nvidia_contractions import machine_of, nvidia_contractions, work_of
from pharos.payload import inspect_payload
from pharos.targets.nvidia.facts import CHIPS

sizes = st.one_of(st.integers(2, 80), st.integers(2, 100_000))
TYPES = [("f16", "f32"), ("bf16", "bf16"), ("f32", "f32"), ("f64", "f64"), ("i32", "i32")]


def motif(m, n, k, dtype="f16", out="f32"):
    a, b, c = f"tensor<{m}x{k}x{dtype}>", f"tensor<{k}x{n}x{dtype}>", f"tensor<{m}x{n}x{out}>"
    text = f"""func.func @main(%a: {a}, %b: {b}, %c: {c}) -> {c} {{
      %0 = linalg.matmul ins(%a, %b : {a}, {b}) outs(%c : {c}) -> {c}
      return %0 : {c}
    }}"""
    (found,) = inspect_payload(ir.parse(text)).walk()
    return found


def work(m, n, k, chip="sm_90a", f32="exact", dtype="f16", out="f32"):
    return work_of(motif(m, n, k, dtype, out), CHIPS[chip], f32)


@settings(max_examples=25, deadline=None)
@given(sizes, sizes, sizes, st.sampled_from(TYPES), st.sampled_from(sorted(CHIPS)))
def test_every_size_gets_legal_tiles(m, n, k, types, chip):
    one, machine = work(m, n, k, chip, dtype=types[0], out=types[1]), machine_of(CHIPS[chip])
    tiles = best(one, machine)
    assert problems(tiles, one, machine) == []
    assert shared_bytes(tiles, one) <= CHIPS[chip].shared
    assert tiles.block_m < m + tiles.block_m and tiles.sub_m < 2 * max(m, 16)


@pytest.mark.parametrize(
    "shape", [(100, 100, 100), (512, 512, 16), (4096, 1000, 512), (8205, 5921, 2949)]
)
@pytest.mark.parametrize("dtype", ["f16", "f32"])
def test_sizes_that_no_tile_divides(shape, dtype):
    machine = machine_of(CHIPS["sm_80"])
    one = work(*shape, "sm_80", dtype=dtype)
    assert problems(best(one, machine), one, machine) == []


def test_large_products_get_large_tiles_and_most_of_the_peak():
    machine, one = machine_of(CHIPS["sm_80"]), work(8192, 8192, 8192, "sm_80")
    tiles = best(one, machine)
    assert tiles.block_m * tiles.block_n >= 128 * 128
    assert 8192**3 / (one.rate * machine.compute_units) / cycles(tiles, one, machine) > 0.85


def test_few_tiles_are_split_over_more_units():
    machine = machine_of(CHIPS["sm_80"])
    small, large = (best(work(n, n, n, "sm_80"), machine) for n in (256, 4096))
    assert small.block_m * small.block_n < large.block_m * large.block_n


def test_a_last_round_with_one_block_costs_a_round():
    machine = machine_of(CHIPS["sm_80"])
    tiles = Tiles(128, 128, 32, 64, 64, 3)
    assert resident(tiles, work(128, 128, 4096, "sm_80"), machine) * machine.compute_units == 27 * 8
    whole, more = (work(m, 128 * 8, 4096, "sm_80") for m in (128 * 27, 128 * 27 + 1))
    assert cycles(tiles, more, machine) > 1.2 * cycles(tiles, whole, machine)


def test_the_element_size_counts():
    machine = machine_of(CHIPS["sm_80"])
    tiles = Tiles(128, 128, 64, 64, 64, 4)
    assert problems(tiles, work(512, 512, 512, "sm_80"), machine) == []
    (told,) = problems(tiles, work(512, 512, 512, "sm_80", "tf32", "f32"), machine)
    assert "bytes of shared memory of 166912" in told


def test_what_is_illegal_is_told():
    machine, one = machine_of(CHIPS["sm_90a"]), work(512, 512, 512)
    assert (
        "sub_m = 24 is not a multiple of 16"
        in problems(Tiles(48, 64, 32, 24, 64, 3), one, machine)[0]
    )
    assert "registers of 255" in problems(Tiles(256, 128, 32, 128, 128, 3), one, machine)[0]
    assert registers(Tiles(256, 128, 32, 128, 128, 3), one, machine) > 255


def test_choices_come_with_reasons_and_keep_what_is_given():
    module = ir.parse(
        """func.func @main(%a: tensor<64x64xf16>, %c: tensor<64x64xf16>) -> tensor<64x64xf16> {
      %0 = linalg.matmul ins(%a, %a : tensor<64x64xf16>, tensor<64x64xf16>)
        outs(%c : tensor<64x64xf16>) -> tensor<64x64xf16>
      return %0 : tensor<64x64xf16>
    }"""
    )
    (choice,) = nvidia_contractions(inspect_payload(module), CHIPS["sm_80"], "exact")
    chosen = choice.choose({"block_k": 32, "sub_m": 32})
    assert (chosen["block_k"].value, chosen["sub_m"].value) == (32, 32)
    assert "waves" in chosen["stages"].why
    assert choice.problems({name: c.value for name, c in chosen.items()}) == []
    assert choice.problems({"warps": 3}) != []


def test_products_without_such_a_kernel_get_no_parameters():
    assert work(1, 64, 64) is None
    assert work(64, 64, 1) is None
