"""Fused attention on the simulated device: float64's numbers, at lane and at workgroup level."""

import shutil

import pytest
from both_levels import payload, spirv
from fused_attention import Case, check

from pharos.core.errors import UserError
from pharos.targets.common.gpu import archive
from pharos.targets.xegpu.spirv import tools
from pharos.toolchain import Request, build

HEADS, TOKENS = "bhmd,bhnd,bhne->bhme", "bmhd,bnhd,bnhe->bmhe"
GROUPS = "bkgmd,bknd,bkne->bkgme"
SMALL = {"rows": 16, "sub_rows": 8, "keys": 16, "columns": 32}
DECODE = {**SMALL, "rows": 8}


def sizes(b, h, m, n, d, e=None, **more):
    return {"b": b, "h": h, "m": m, "n": n, "d": d, "e": e or d, **more}


def grouped(k, g, m, n, d):
    return {"b": 1, "k": k, "g": g, "m": m, "n": n, "d": d, "e": d}


def is_small(differences):
    """Whether the levels differ by roundings of the result alone."""
    return all(one < 2e-3 for one in differences)


def test_causal_with_a_mask_at_both_levels():
    steps = ("scaled", ("add", "mn", "f16"))
    case = Case(HEADS, sizes(1, 2, 19, 36, 32), steps, causal=10, params=SMALL)
    found = check(case, magnitude=4.0)
    assert is_small(found.differences)


def test_tiles_of_scores_and_of_sums_may_be_alike():
    # Constants of both are the same then, and their layouts differ.
    params = {**SMALL, "keys": 32, "columns": 32}
    case = Case(HEADS, sizes(1, 1, 32, 32, 32), causal=0, params=params)
    assert build(payload(case.text()), Request(target="xegpu:sim"), fresh=True).artifact


VARIANTS = {
    "alike": Case(
        HEADS, sizes(1, 2, 40, 70, 32), causal=30, params={**SMALL, "keys": 32, "rows": 32}
    ),
    "plain": Case(HEADS, sizes(1, 2, 40, 70, 64)),
    "bf16": Case(HEADS, sizes(1, 1, 20, 33, 64), dtype="bf16", params=SMALL),
    "f32-result": Case(HEADS, sizes(1, 1, 9, 20, 32), result="f32", params=SMALL),
    "causal": Case(HEADS, sizes(1, 2, 40, 40, 64), causal=0, params=SMALL),
    "causal-later": Case(HEADS, sizes(1, 1, 20, 40, 64), causal=20, params=SMALL),
    "rows-without-keys": Case(HEADS, sizes(1, 1, 40, 20, 64), causal=-10, params=SMALL),
    "rows-without-keys-zero": Case(
        HEADS, sizes(1, 1, 40, 20, 64), causal=-10, empty_rows="zero", params=SMALL
    ),
    "window": Case(HEADS, sizes(1, 1, 70, 70, 32), causal=0, window=20, params=SMALL),
    "window-bf16": Case(
        HEADS, sizes(1, 1, 50, 90, 32), dtype="bf16", causal=40, window=33, params=SMALL
    ),
    "mask-blocks": Case(
        HEADS, sizes(1, 1, 20, 64, 32), ("scaled", ("add", "mn", "f16")), params=SMALL
    ),
    "mask-heads": Case(
        HEADS, sizes(1, 2, 20, 40, 32), ("scaled", ("add", "bhmn", "f32")), params=SMALL
    ),
    "mask-gathered": Case(
        HEADS, sizes(1, 2, 19, 37, 32), ("scaled", ("add", "mn", "f32")), params=SMALL
    ),
    "mask-bool": Case(
        HEADS, sizes(1, 2, 19, 37, 32), ("scaled", ("where", "mn", "i1")), params=SMALL
    ),
    "mask-keys": Case(
        HEADS, sizes(2, 1, 19, 37, 32), ("scaled", ("where", "bn", "i1")), params=SMALL
    ),
    "bias-rows": Case(
        HEADS, sizes(2, 1, 19, 37, 32), ("scaled", ("add", "m", "f32")), params=SMALL
    ),
    "two-masks": Case(
        HEADS, sizes(2, 1, 19, 37, 32),
        ("scaled", ("add", "nm", "bf16"), ("where", "bn", "i1")), params=SMALL,
    ),
    "lengths": Case(
        HEADS, sizes(2, 1, 19, 37, 32), ("scaled", ("before", "b", "i64")), params=SMALL
    ),
    "places": Case(
        HEADS, sizes(1, 2, 19, 37, 32), ("scaled", ("before", "mn", "i32")), params=SMALL
    ),
    "alibi": Case(
        HEADS, sizes(1, 2, 19, 37, 32), ("scaled", ("alibi", "h", "f32")), causal=0, params=SMALL
    ),
    "groups": Case(GROUPS, grouped(2, 2, 9, 20, 32), params=SMALL),
    "groups-causal": Case(GROUPS, grouped(2, 2, 17, 17, 32), causal=0, params=SMALL),
    "decode-groups": Case(GROUPS, grouped(2, 4, 1, 50, 64), params=DECODE),
    "decode-causal": Case(GROUPS, grouped(2, 4, 1, 50, 64), causal=36, params=DECODE),
    "decode-alibi": Case(
        GROUPS, grouped(2, 4, 1, 50, 64), ("scaled", ("alibi", "kg", "f32")), params=DECODE
    ),
    "decode-splits": Case(GROUPS, grouped(2, 4, 1, 100, 64), params={**DECODE, "splits": 3}),
    "decode-heads": Case(HEADS, sizes(2, 3, 1, 33, 64), params={**DECODE, "splits": 2}),
    "splits-causal": Case(HEADS, sizes(1, 2, 20, 50, 64), causal=3, params={**SMALL, "splits": 2}),
    "splits-without-keys": Case(
        HEADS, sizes(1, 1, 40, 20, 64), causal=-10, empty_rows="zero",
        params={**SMALL, "splits": 3},
    ),
    "splits-more-than-tiles": Case(HEADS, sizes(1, 1, 9, 20, 32), params={**SMALL, "splits": 5}),
    "odd-heads": Case(HEADS, sizes(1, 2, 9, 20, 40, 24), params=SMALL),
    "tiny-heads": Case(HEADS, sizes(1, 2, 9, 20, 5, 3), params=SMALL),
    "heads-of-256": Case(
        HEADS, sizes(1, 1, 9, 20, 256), params={"rows": 8, "sub_rows": 8, "keys": 16, "columns": 16}
    ),
    "tokens-first": Case(TOKENS, sizes(1, 2, 9, 20, 32), params=SMALL),
    "factors-turned": Case("bhmd,bhdn,bhen->bhme", sizes(1, 2, 9, 32, 32), params=SMALL),
    "queries-turned": Case("bhdm,bhnd,bhne->bhme", sizes(1, 2, 9, 32, 32), params=SMALL),
    "result-turned": Case("bhmd,bhnd,bhne->bhem", sizes(1, 2, 9, 32, 32), params=SMALL),
    "no-batch": Case("md,nd,ne->me", sizes(1, 1, 9, 20, 32), params=SMALL),
    "f32": Case(
        HEADS, sizes(1, 2, 19, 37, 40), ("scaled", ("where", "mn", "i1")), dtype="f32", causal=18
    ),
    "f32-decode": Case(GROUPS, grouped(2, 4, 1, 50, 64), dtype="f32", params={"splits": 2}),
    "one": Case(HEADS, sizes(1, 1, 1, 1, 32), params=SMALL),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant(name):
    found = check(VARIANTS[name], magnitude=30.0 if "causal" in name else 1.0)
    assert is_small(found.differences)
    assert spirv(found.artifact)[:4] == b"\x03\x02\x23\x07"


LENGTHS = [(1, 1), (1, 1000), (17, 17), (96, 96), (127, 127), (17, 127), (100, 33), (33, 100)]
DEPTHS = [32, 48, 64, 80, 96, 128]


@pytest.mark.slow
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("length", LENGTHS, ids=lambda s: "x".join(map(str, s)))
def test_every_length_and_depth(length, depth):
    # Types and bands go round so that each meets every length.
    number = LENGTHS.index(length) + DEPTHS.index(depth)
    m, n = length
    causal = n - m if number % 3 else None
    case = Case(
        (HEADS, TOKENS)[number % 2], sizes(1, 2, m, n, depth),
        dtype=("f16", "bf16")[number // 2 % 2], causal=causal, params=SMALL,
    )  # fmt: skip
    assert is_small(check(case, seed=number, magnitude=10.0).differences)


@pytest.mark.slow
def test_a_thousand_tokens_with_the_tiles_of_no_selector():
    found = check(Case(HEADS, sizes(1, 1, 1000, 1000, 64), causal=0))
    assert is_small(found.differences)


def test_tiles_that_no_kernel_can_have_are_refused():
    case = Case(HEADS, sizes(1, 1, 16, 16, 64), params={**SMALL, "keys": 24})
    with pytest.raises(UserError, match="keys = 24 is not a multiple of the columns of dpas"):
        build(payload(case.text()), Request(target="xegpu:sim"), fresh=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(tools.OCLOC) is None, reason="ocloc is not installed")
@pytest.mark.parametrize("chip", ["bmg", "pvc"])
@pytest.mark.parametrize("name", ["plain", "mask-gathered", "window-bf16", "decode-splits"])
def test_intels_compiler_resolves_every_function(name, chip):
    text = VARIANTS[name].text()
    artifact = build(payload(text), Request(target=f"xegpu:{chip}"), fresh=True).artifact
    code = archive.unpack(artifact)["kernels.spirv"]
    assert tools.compile_binary(code, chip, ("-ze-opt-large-register-file",))
