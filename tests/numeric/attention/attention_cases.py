"""The variants and shapes of attention that every target is tested with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pharos.ingress.payloads.attention import Attention
from pharos.ingress.payloads.attention_reference import bound, expected, inputs
from pharos.toolchain import Request, build, load, make_plan
from pharos.toolchain.front_ends import builder_payload

# (batch, heads, queries, keys, depth); lengths that no tile divides, one key, decoding.
SHAPES = (
    (1, 1, 1, 1, 32), (1, 2, 1, 17, 32), (2, 1, 17, 1, 40), (1, 2, 17, 17, 64), (1, 1, 96, 96, 64),
    (1, 1, 127, 127, 32), (2, 2, 96, 127, 48), (1, 1, 127, 96, 80), (1, 1, 1000, 17, 32),
    (1, 1, 17, 1000, 64), (1, 3, 1, 1000, 128), (1, 1, 64, 64, 256), (1, 1, 33, 65, 96),
    (1, 2, 5, 7, 56), (2, 3, 31, 33, 72), (1, 1, 128, 128, 128), (1, 1, 16, 256, 32),
    (1, 4, 1, 96, 64), (3, 1, 2, 3, 33), (1, 1, 63, 61, 100), (1, 1, 100, 300, 160),
    (1, 1, 17, 127, 192), (1, 1, 8, 8, 224), (1, 5, 9, 11, 36), (2, 2, 1, 1, 64),
    (1, 1, 129, 1, 32), (1, 1, 2, 1000, 40), (1, 8, 4, 4, 32), (1, 1, 130, 258, 64),
    (1, 2, 48, 80, 112), (4, 1, 3, 127, 52), (1, 1, 96, 1000, 32),
)  # fmt: skip
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "causal": {"causal": True},
    "additive": {"mask": "additive"},
    "boolean": {"mask": "boolean"},
    "boolean-zero": {"mask": "boolean", "empty": "zero"},
    "grouped": {"kv_heads": -2, "form": "generic"},
    "multi-query": {"kv_heads": 1, "form": "generic"},
    "window": {"causal": True, "window": 20},
    "alibi": {"alibi": True, "causal": True},
    "everything": {"mask": "boolean", "causal": True, "window": 70, "alibi": True,
                   "kv_heads": 1, "form": "category", "empty": "zero"},
    "large": {},
}  # fmt: skip
LARGE = 3000.0  # what queries are multiplied with in "large": exp of such scores is infinite
DTYPES = ("f32", "bf16", "f16")


def case(shape: tuple[int, ...], variant: str, dtype: str = "f32") -> Attention:
    """The payload of a variant at ``shape``; where queries are more than keys, no causal mask."""
    batch, heads, queries, keys, depth = shape
    options = dict(VARIANTS[variant])
    if options.get("kv_heads") == -2:
        heads, options["kv_heads"] = 2 * heads, heads
    if options.get("causal") and keys < queries:
        queries, keys = keys, queries
    return Attention(
        batch=batch, heads=heads, queries=queries, keys=keys, depth=depth, dtype=dtype, **options
    )


def matrix() -> Iterator[tuple[tuple[int, ...], str, str]]:
    """Every shape with two variants, every variant with every type, in turn."""
    names = list(VARIANTS)
    for number, shape in enumerate(SHAPES):
        for step in (0, 5):
            variant = names[(number + step) % len(names)]
            yield shape, variant, DTYPES[(number + number // 3 + step) % 3]
    for variant in names:
        for dtype in DTYPES:
            yield (1, 2, 17, 96, 64), variant, dtype


def check(target: str, shape: tuple[int, ...], variant: str, dtype: str) -> None:
    """Compile, run and compare with float64; the plan must say that the attention is fused."""
    attention = case(shape, variant, dtype)
    options = dataclasses.asdict(attention)
    payload, request = builder_payload("attention", **options), Request(target=target)
    assert fused(payload, request), "the plan has no parameters for the attention"
    arrays = inputs(attention, magnitude=LARGE if variant == "large" else 1.0)
    found = load(build(payload, request).artifact).call("attention", *arrays)
    compare(np.asarray(found).astype(np.float64), attention, arrays)


def compare(found: np.ndarray, attention: Attention, arrays: list[np.ndarray]) -> None:
    """Equal within the bound, NaN where the reference has NaN and nowhere else."""
    wanted = expected(attention, arrays)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    seen = ~np.isnan(wanted)
    if seen.any():
        assert np.abs(found - wanted)[seen].max() <= bound(attention, arrays)


def fused(payload: Any, request: Request) -> bool:
    """Whether the plan has parameters for an attention."""
    planned = make_plan(payload, request)
    return any(key.startswith("attention") for key in planned.motifs)
