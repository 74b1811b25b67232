"""Attention operations as the stage fuse-attention leaves them, and their results in float64."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np

from pharos import ir
from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.toolchain import build, load
from pharos.toolchain.records import Payload, Request

DTYPES = {
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
}
ROUNDING = {"f16": 2**-11, "bf16": 2**-8, "f32": 2**-24}


@dataclass(frozen=True)
class Heads:
    """``softmax(score(Q K^T)) V`` of ``batch x heads`` heads with ``m`` queries and ``n`` keys.

    ``group`` heads share keys and values. ``causal`` is the offset of the mask, ``window`` how many
    keys a query sees at most. ``bias`` is "" or the loops of an additive mask ("mn", "hmn", "n",
    "bn"), ``keep`` adds a boolean mask over ("b", n), ``slopes`` ALiBi. ``layout`` is the order of
    the stored dimensions of q, k, v and out: "bhsd" or "bshd"; ``turned``: keys are stored (.., dk,
    n). ``size`` multiplies the queries.
    """

    batch: int = 1
    heads: int = 2
    m: int = 64
    n: int = 64
    dk: int = 64
    dv: int = 0
    dtype: str = "f16"
    group: int = 1
    causal: int | None = None
    window: int | None = None
    bias: str = ""
    keep: bool = False
    slopes: bool = False
    layout: str = "bhsd"
    turned: bool = False
    empty: str = "nan"
    size: float = 1.0

    def sizes(self) -> dict[str, int]:
        """The loops and their trip counts."""
        kv = self.heads // self.group
        depths = {"k": self.dk, "v": self.dv or self.dk}
        return {"b": self.batch, "h": kv, "g": self.group, "m": self.m, "n": self.n, **depths}

    def _order(self, names: str) -> str:
        """The dimensions ``names`` (batch, heads.., rows, depth) in the stored order."""
        if self.layout == "bshd":
            b, heads, s, d = names[0], names[1:-2], names[-2], names[-1]
            return b + s + heads + d
        return names

    def operands(self) -> list[tuple[str, str, str]]:
        """Name, loops and element type of each input and, last, of the output."""
        keys = self._order("bhnk")
        if self.turned:
            keys = keys.replace("n", "?").replace("k", "n").replace("?", "k")
        found = [("q", self._order("bhgmk"), self.dtype), ("k", keys, self.dtype)]
        found.append(("v", self._order("bhnv"), self.dtype))
        if self.bias:
            found.append(("bias", self.bias, self.dtype))
        if self.keep:
            found.append(("keep", "bn", "i1"))
        if self.slopes:
            found.append(("slopes", "hg", "f32"))
        return [*found, ("out", self._order("bhgmv"), self.dtype)]

    def text(self, parameters: dict[str, int] | None = None) -> str:
        """The module; ``parameters`` are written on the operation."""
        sizes, loops = self.sizes(), "b, h, g, m, n, k, v"
        operands = self.operands()
        types = [f"tensor<{'x'.join(str(sizes[d]) for d in dims)}x{t}>" for _, dims, t in operands]
        maps = [f"affine_map<({loops}) -> ({', '.join(dims)})>" for _, dims, _ in operands]
        band = [f"{n} = {v}" for n, v in (("causal", self.causal), ("window", self.window))
                if v is not None]  # fmt: skip
        band.append(f'empty_rows = "{self.empty}"')
        attributes = f"pharos.attention = {{{', '.join(band)}}}"
        if parameters:
            listed = ", ".join(f"{name} = {value}" for name, value in parameters.items())
            attributes += f", pharos.params = {{{listed}}}"
        names = [f"%{name}" for name, _, _ in operands]
        arguments = ", ".join(f"{n}: {t}" for n, t in list(zip(names, types, strict=True))[:-1])
        block = ", ".join(f"{n}_1: {t}" for n, (_, _, t) in zip(names, operands, strict=True))
        kinds = ", ".join(f'"{k}"' for k in ["parallel"] * 4 + ["reduction"] * 2 + ["parallel"])
        t = self.dtype
        return f"""
func.func private @pharos.softmax_weighted_sum(f32, {t}, {t}) -> {t}
func.func @main({arguments}) -> {types[-1]} {{
  %e = tensor.empty() : {types[-1]}
  %r = linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = [{kinds}]}}
    ins({", ".join(names[:-1])} : {", ".join(types[:-1])}) outs(%e : {types[-1]})
    attrs = {{{attributes}}} {{
  ^bb0({block}):
    {self._body()}
    %w = func.call @pharos.softmax_weighted_sum(%t, %v_1, %out_1) : (f32, {t}, {t}) -> {t}
    linalg.yield %w : {t}
  }} -> {types[-1]}
  return %r : {types[-1]}
}}"""

    def _body(self) -> str:
        lines, names = [], {"q": "%q_1", "k": "%k_1", "bias": "%bias_1"}
        if self.dtype != "f32":
            for name in ("q", "k", *(["bias"] if self.bias else [])):
                lines.append(f"%{name}_2 = arith.extf %{name}_1 : {self.dtype} to f32")
                names[name] = f"%{name}_2"
        lines += [
            f"%s = arith.mulf {names['q']}, {names['k']} : f32",
            f"%c = arith.constant {self.scale!r} : f32",
            "%low = arith.constant 0xFF800000 : f32",
            "%s0 = arith.mulf %s, %c : f32",
        ]
        now = "%s0"
        if self.causal is not None or self.slopes:
            lines += ["%m = linalg.index 3 : index", "%n = linalg.index 4 : index"]
        if self.slopes:
            lines += [
                "%d = arith.subi %n, %m : index",
                "%d1 = arith.index_cast %d : index to i32",
                "%d2 = arith.sitofp %d1 : i32 to f32",
                "%d3 = arith.mulf %d2, %slopes_1 : f32",
                f"%s1 = arith.addf {now}, %d3 : f32",
            ]
            now = "%s1"
        if self.bias:
            lines.append(f"%s2 = arith.addf {now}, {names['bias']} : f32")
            now = "%s2"
        if self.keep:
            lines.append(f"%s3 = arith.select %keep_1, {now}, %low : f32")
            now = "%s3"
        if self.causal is not None:
            lines += [
                f"%o = arith.constant {self.causal} : index",
                "%last = arith.addi %m, %o : index",
                "%in = arith.cmpi sle, %n, %last : index",
                f"%s4 = arith.select %in, {now}, %low : f32",
            ]
            now = "%s4"
        if self.window is not None:
            lines += [
                f"%w0 = arith.constant {(self.causal or 0) - self.window} : index",
                "%first = arith.addi %m, %w0 : index",
                "%after = arith.cmpi sgt, %n, %first : index",
                f"%s5 = arith.select %after, {now}, %low : f32",
            ]
            now = "%s5"
        return "\n    ".join([*lines, "%one = arith.constant 1.0 : f32",
                              f"%t = arith.mulf {now}, %one : f32"])  # fmt: skip

    @property
    def scale(self) -> float:
        """A power of two near 1 / sqrt(dk): exact in every type."""
        return float(2.0 ** -round(math.log2(self.dk) / 2))

    def arguments(self, seed: int = 0) -> list[np.ndarray[Any, Any]]:
        """Random inputs."""
        random, sizes, found = np.random.default_rng(seed), self.sizes(), []
        for name, dims, dtype in self.operands()[:-1]:
            shape = [sizes[d] for d in dims]
            if name == "keep":
                found.append(random.random(shape) < 0.7)
                continue
            value = random.standard_normal(shape)
            if name == "slopes":
                value = np.abs(value) / 16
            found.append((value * (self.size if name == "q" else 1)).astype(DTYPES[dtype]))
        return found

    def expected(self, arguments: list[Any]) -> tuple[Any, Any, Any]:
        """In float64 the result, the weighted sum of the values' magnitudes, and how far roundings
        of f32 can move the scores of a row, all in the order of the output."""
        dims = {name: d for name, d, _ in self.operands()}
        names = [name for name, _, _ in self.operands()[:-1]]
        given = dict(zip(names, arguments, strict=True))
        wide = {n: np.asarray(x, dtype=np.float64) for n, x in given.items() if n != "keep"}
        scores = np.einsum(f"{dims['q']},{dims['k']}->bhgmn", wide["q"], wide["k"]) * self.scale
        reach = self.scale * np.einsum(
            f"{dims['q']},{dims['k']}->bhgmn", np.abs(wide["q"]), np.abs(wide["k"])
        )
        m, n = np.arange(self.m)[:, None], np.arange(self.n)[None, :]
        if self.slopes:
            scores = scores + np.einsum("hg,mn->hgmn", wide["slopes"], (n - m).astype(float))
        if self.bias:
            scores = scores + np.einsum(
                f"{self.bias},bhgmn->bhgmn", wide["bias"], np.ones(scores.shape)
            )
        if self.keep:
            scores = np.where(given["keep"][:, None, None, None, :], scores, -np.inf)
        if self.causal is not None:
            scores = np.where(n <= m + self.causal, scores, -np.inf)
        if self.window is not None:
            scores = np.where(n > m + (self.causal or 0) - self.window, scores, -np.inf)
        moved = (self.dk + 8) * ROUNDING["f32"] * np.maximum(reach, np.abs(np.where(
            np.isfinite(scores), scores, 0)))  # fmt: skip
        most = scores.max(axis=-1, keepdims=True)
        weights = np.exp(scores - np.where(np.isfinite(most), most, 0))
        with np.errstate(invalid="ignore"):
            weights = weights / weights.sum(axis=-1, keepdims=True)
        if self.empty == "zero":
            weights = np.nan_to_num(weights, nan=0.0)
        to = f"bhgmn,{dims['v']}->{dims['out']}"
        rows = f"bhgm->{dims['out'].replace('v', '')}"
        error = np.einsum(rows, moved.max(axis=-1))
        error = np.expand_dims(error, dims["out"].index("v"))
        return (
            np.einsum(to, weights, wide["v"]),
            np.einsum(to, weights, np.abs(wide["v"])),
            error,
        )


def built(one: Heads, target: str, **parameters: int) -> Artifact:
    """``one`` compiled, with ``parameters`` on its operation."""
    text = one.text(parameters)
    return build(
        Payload("attention", text, lambda: ir.parse(text)), Request(target=target)
    ).artifact


def fits(one: Heads, target: str, **tiles: int) -> bool:
    """Whether the chip of ``target`` has the registers and the memory for ``tiles``; that they are
    refused for nothing else."""
    try:
        built(one, target, **tiles)
    except UserError as error:
        assert re.search(r"need (about )?\d+ (registers|bytes of shared memory) of", str(error))
        return False
    return True


def check(one: Heads, target: str, **parameters: int) -> None:
    """Run ``one`` on ``target`` and compare with float64.

    The bound: a score that is off by e changes its weight by a part of e, and as much all others
    together; weights are rounded to the type of the values once, sums of n terms are off by n
    roundings of f32, the result is rounded once.
    """
    arguments = one.arguments()
    result = load(built(one, target, **parameters)).call("main", *arguments)
    found = np.asarray(result[0] if isinstance(result, tuple) else result, dtype=np.float64)
    wanted, size, moved = one.expected(arguments)
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    rounding = ROUNDING[one.dtype]
    bound = (2 * moved + (one.n + 32) * ROUNDING["f32"] + 3 * rounding) * size + 1e-7
    wrong = ~(np.abs(found - wanted) <= bound) & ~np.isnan(wanted)
    assert not wrong.any(), (
        f"{wrong.sum()} of {wrong.size} elements are wrong, the first at "
        f"{tuple(int(i[0]) for i in np.nonzero(wrong))}: {found[wrong][0]} for {wanted[wrong][0]}"
    )


CASES = [
    Heads(heads=3, m=1, n=1, dk=32),
    Heads(m=1, n=17, dk=64),
    Heads(m=17, n=1, dk=40),
    Heads(m=17, n=96, dk=80, dv=33),
    Heads(m=96, n=127, dk=96, causal=31),
    Heads(m=127, n=127, dk=64, causal=0, layout="bshd"),
    Heads(heads=1, m=1000, n=127, dk=32),
    Heads(heads=1, m=64, n=1000, dk=64, causal=936, window=100),
    Heads(m=1, n=1000, dk=128, keep=True),
    Heads(batch=2, heads=8, group=4, m=1, n=300, dk=64),
    Heads(batch=2, heads=4, group=4, m=5, n=65, dk=32, causal=60),
    Heads(heads=4, group=2, m=40, n=48, dk=64, bias="mn"),
    Heads(batch=2, heads=4, m=33, n=70, dk=48, bias="hmn", layout="bshd"),
    Heads(batch=2, m=20, n=64, dk=64, bias="bn", turned=True),
    Heads(heads=4, group=2, m=50, n=90, dk=64, slopes=True, causal=40),
    Heads(batch=2, m=31, n=33, dk=56, keep=True, empty="zero"),
    Heads(m=48, n=20, dk=32, causal=-28),
    Heads(m=48, n=20, dk=32, causal=-28, empty="zero"),
    Heads(m=70, n=70, dk=64, causal=0, window=16),
    Heads(m=64, n=64, dk=128),
    Heads(heads=1, m=40, n=70, dk=192, dv=128),
    Heads(heads=1, m=33, n=50, dk=256, causal=17),
    Heads(m=30, n=100, dk=64, size=2000.0),
    Heads(m=30, n=100, dk=64, size=2000.0, causal=70, keep=True),
    Heads(heads=5, m=7, n=9, dk=33, dv=31),
    Heads(batch=3, heads=2, m=24, n=40, dk=64, bias="n", turned=True, layout="bshd"),
]
# Parameters, on an operation of a few hundred rows and keys.
TILES = [
    {"query_rows": 32, "subgroup_rows": 32, "key_tile": 32, "head_tile": 64},
    {"query_rows": 128, "subgroup_rows": 16, "key_tile": 64, "head_tile": 32, "stages": 3},
    {"query_rows": 16, "subgroup_rows": 16, "key_tile": 32, "head_tile": 32, "splits": 4},
    {"query_rows": 64, "subgroup_rows": 16, "key_tile": 64, "head_tile": 64, "splits": 2},
]
TYPES = ["f16", "bf16", "f32"]


def matrix() -> list[Heads]:
    """Every case in one type, and in all types those of the first third."""
    found = [replace(one, dtype=TYPES[n % 3]) for n, one in enumerate(CASES)]
    return found + [replace(one, dtype=TYPES[(n + 1) % 3]) for n, one in enumerate(CASES[:10])]
