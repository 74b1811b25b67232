"""Attention on the simulated NVIDIA GPUs, and ptxas on every kernel of it."""

from __future__ import annotations

import dataclasses

import pytest
from gpu_attentions import TILES, Heads, built, check, fits, matrix

from pharos.core.errors import UserError
from pharos.ingress.payloads.attention import Attention
from pharos.targets.common.gpu.archive import text_of
from pharos.targets.common.gpu.finish import REPORT
from pharos.toolchain import Request, make_plan
from pharos.toolchain.front_ends import builder_payload

SIM, SIM_90 = "nvidia:sm_80:sim", "nvidia:sm_90a:sim"


def spill_nothing(artifact):
    for kernel in artifact.metadata[REPORT].values():
        assert kernel["spill_stores"] + kernel["spill_loads"] == 0
        assert 0 < kernel["registers"] <= 255


def test_tensor_cores_with_a_causal_mask_and_edges_everywhere():
    check(Heads(heads=1, m=37, n=50, dk=40, causal=13, dtype="bf16"), SIM)


@pytest.mark.slow
def test_multiply_adds_for_f32():
    check(Heads(heads=1, m=17, n=33, dk=32, dtype="f32", bias="mn"), SIM)


def test_tiles_that_no_kernel_can_have_are_refused_with_the_constraint():
    with pytest.raises(UserError, match="key_tile = 24 is not a multiple of 16"):
        built(Heads(), "nvidia:sm_80", key_tile=24)


def test_values_of_the_user_are_checked_before_anything_is_compiled():
    options = dataclasses.asdict(Attention(heads=2, queries=64, depth=64, dtype="f16"))
    payload = builder_payload("attention", **options)
    request = Request(target="nvidia", parameters={"attention.splits": 9})
    with pytest.raises(UserError, match=r"splits = 9 is more than the \d+ tiles of keys"):
        make_plan(payload, request)


def test_ptxas_takes_the_kernel_and_spills_nothing():
    artifact = built(Heads(m=100, n=72, causal=0), "nvidia:sm_80")
    text = text_of(artifact)
    assert "mma.sync" in text and "cp.async" in text and "ldmatrix" in text
    spill_nothing(artifact)


@pytest.mark.slow
@pytest.mark.parametrize("one", matrix(), ids=str)
def test_every_variant(one):
    check(one, SIM)
    spill_nothing(built(one, "nvidia:sm_80"))


@pytest.mark.slow
@pytest.mark.parametrize("one", matrix()[::4], ids=str)
def test_variants_on_the_other_chip(one):
    check(one, SIM_90)
    spill_nothing(built(one, "nvidia:sm_90a"))


@pytest.mark.slow
@pytest.mark.parametrize("tiles", TILES, ids=str)
@pytest.mark.parametrize("dtype", ["f16", "f32"])
def test_tiles_of_every_size(tiles, dtype):
    one = Heads(m=100, n=150, dk=64, causal=50, dtype=dtype)
    if fits(one, "nvidia:sm_80", **tiles):
        check(one, SIM, **tiles)
        spill_nothing(built(one, "nvidia:sm_80", **tiles))


@pytest.mark.slow
def test_copies_that_happen_at_once_change_nothing(monkeypatch):
    monkeypatch.setenv("PHAROS_SIM_EFFECTS", "earliest")
    check(Heads(m=40, n=100, dk=64), SIM, stages=3)
