"""Direct convolutions, the image read where it lies: margins, strides, dilation, groups."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from pharos.targets.cpu.contractions import direct
from pharos.toolchain import Request, compile, load, lower, mlir_payload

WIDTHS = {"256 bits": (256, 16), "512 bits": (512, 32)}


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Direct wherever it can be."""
    monkeypatch.setattr(direct, "packed_cycles", lambda *_: math.inf)


@dataclass(frozen=True)
class Case:
    """Images, groups, channels and filters of each; one entry of the others per dimension.

    ``step``: the result is every so many-th element of a larger row. ``after``: a rectifier
    follows.
    """

    images: int
    groups: int
    channels: int
    filters: int
    sizes: tuple[int, ...]
    window: tuple[int, ...]
    margins: tuple[tuple[int, int], ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    bias: bool = True
    after: bool = False
    step: int = 1
    dtype: str = "f32"

    @property
    def ones(self) -> tuple[int, ...]:
        return (1,) * len(self.sizes)

    @property
    def padded(self) -> tuple[int, ...]:
        if not self.margins:
            return self.sizes
        return tuple(n + sum(m) for n, m in zip(self.sizes, self.margins, strict=True))

    @property
    def outs(self) -> tuple[int, ...]:
        each = zip(self.padded, self.window, self.dilation or self.ones, self.stride or self.ones,
                   strict=True)  # fmt: skip
        return tuple((n - d * (k - 1) - 1) // s + 1 for n, k, d, s in each)

    def shape(self, name: str) -> tuple[int, ...]:
        image = (self.images, self.groups, self.channels)
        return {
            "x": (*image, *self.sizes),
            "p": (*image, *self.padded),
            "w": (self.groups, self.filters, self.channels, *self.window),
            "b": (self.groups, self.filters),
            "y": (self.images, self.groups, self.filters, *self.outs),
            "z": (*image[:2], self.filters, *self.outs[:-1], self.outs[-1] * self.step),
        }[name]

    def type(self, name: str) -> str:
        return f"memref<{'x'.join(map(str, self.shape(name)))}x{self.dtype}>"


def view(case: Case, large: str, small: str, starts: list[int], steps: list[int]) -> str:
    """A subview of ``large`` of the shape of ``small``, and its type."""
    shape = case.shape(large)
    strides = [math.prod(shape[n + 1 :]) for n in range(len(shape))]
    offset = sum(a * b for a, b in zip(starts, strides, strict=True))
    moved = [a * b for a, b in zip(steps, strides, strict=True)]
    sizes = list(case.shape(small))
    layout = f"strided<{moved}" + (f", offset: {offset}>" if offset else ">")
    type_ = case.type(small)[:-1] + f", {layout}>"
    return f"memref.subview %{large}{starts} {sizes} {steps} : {case.type(large)} to {type_}"


def program(case: Case) -> str:
    """``y[n, g, f, o] = b[g, f] + sum p[n, g, c, o * stride + k * dilation] * w[g, f, c, k]``."""
    rank, f = len(case.sizes), case.dtype
    o, k = [f"o{n}" for n in range(rank)], [f"k{n}" for n in range(rank)]
    outer = ", ".join(["n", "g", "f", *o])
    loops = ", ".join([outer, "c", *k])
    each = zip(o, case.stride or case.ones, k, case.dilation or case.ones, strict=True)
    at = ", ".join(f"{a} * {s} + {b} * {d}" for a, s, b, d in each)
    kinds = ", ".join(['"parallel"'] * (3 + rank) + ['"reduction"'] * (1 + rank))
    parallel = ", ".join(['"parallel"'] * (3 + rank))
    x, p, y, z = (case.type(name) for name in "xpyz")
    pad, image = "", "x"
    if case.margins:
        made = view(case, "p", "x", [0, 0, 0, *(m[0] for m in case.margins)], [1] * (3 + rank))
        pad = f"""
  %p = memref.alloc() : {p}
  linalg.fill ins(%zero : {f}) outs(%p : {p})
  %v = {made}
  linalg.copy ins(%x : {x}) outs(%v : {made.split(" to ")[-1]})"""
        image = "p"
    result = "%y = memref.cast %z : " + f"{z} to {y}"
    if case.step > 1:
        made = view(case, "z", "y", [0] * (3 + rank), [1] * (2 + rank) + [case.step])
        result, y = f"%y = {made}", made.split(" to ")[-1]
    same = f"affine_map<({outer}) -> ({outer})>"
    first = f"linalg.fill ins(%zero : {f}) outs(%y : {y})"
    if case.bias:
        first = f"""linalg.generic {{indexing_maps = [affine_map<({outer}) -> (g, f)>, {same}],
      iterator_types = [{parallel}]}} ins(%b : {case.type("b")}) outs(%y : {y}) {{
  ^bb0(%q: {f}, %r: {f}):
    linalg.yield %q : {f}
  }}"""
    after = f"""linalg.generic {{indexing_maps = [{same}],
      iterator_types = [{parallel}]}} outs(%y : {y}) {{
  ^bb0(%q: {f}):
    %m = arith.maximumf %q, %zero : {f}
    linalg.yield %m : {f}
  }}"""
    return f"""
func.func @f(%x: {x}, %w: {case.type("w")}, %b: {case.type("b")}, %z: {z}) {{
  %zero = arith.constant 0.0 : {f}{pad}
  {result}
  {first}
  linalg.generic {{indexing_maps = [affine_map<({loops}) -> (n, g, c, {at})>,
      affine_map<({loops}) -> (g, f, c, {", ".join(k)})>, affine_map<({loops}) -> ({outer})>],
    iterator_types = [{kinds}]}} ins(%{image}, %w : {case.type(image)}, {case.type("w")})
    outs(%y : {y}) {{
  ^bb0(%q: {f}, %r: {f}, %s: {f}):
    %m = arith.mulf %q, %r : {f}
    %t = arith.addf %s, %m : {f}
    linalg.yield %t : {f}
  }}
  {after if case.after else ""}
  {f"memref.dealloc %p : {p}" if case.margins else ""}
  return
}}"""


def request(width: str, **more: Any) -> Request:
    bits, registers = WIDTHS[width]
    return Request(
        parameters={"simd_bits": bits, "registers": registers, "threads": 2, "grain": 1000}, **more
    )


def check(case: Case, width: str = "512 bits") -> None:
    rng = np.random.default_rng(0)
    type_ = np.float64 if case.dtype == "f64" else np.float32
    x, w, b = (rng.standard_normal(case.shape(name)).astype(type_) for name in "xwb")
    z = np.full(case.shape("z"), np.nan, type_)
    load(compile(mlir_payload(program(case)), request(width))).call("f", x, w, b, z)
    margins = [n for m in reversed(case.margins) for n in m]
    expected = getattr(torch.nn.functional, f"conv{len(case.sizes)}d")(
        torch.nn.functional.pad(torch.from_numpy(x).double().flatten(1, 2), margins),
        torch.from_numpy(w).double().flatten(0, 1),
        torch.from_numpy(b).double().flatten() if case.bias else None,
        stride=case.stride or case.ones,
        dilation=case.dilation or case.ones,
        groups=case.groups,
    ).numpy()
    expected = np.maximum(expected, 0) if case.after else expected
    found = z[..., :: case.step].reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    between = np.delete(z, np.s_[:: case.step], -1)
    assert np.isnan(between).all()  # what the result does not have stays


WIDE = ((2, 2), (2, 2))
CASES = {
    "no margin": Case(2, 1, 5, 16, (9, 37), (3, 3)),
    "a wide margin": Case(2, 1, 6, 16, (5, 9), (3, 5), ((2, 2), (4, 4)), after=True),
    "unlike margins": Case(1, 1, 17, 33, (6, 41), (2, 3), ((1, 0), (0, 2)), bias=False),
    "a margin wider than the window": Case(1, 1, 4, 16, (3, 30), (3, 3), ((5, 4), (27, 28))),
    "ragged filters": Case(3, 1, 4, 21, (8, 13), (3, 3), WIDE, after=True),
    "stride": Case(2, 1, 3, 32, (17, 61), (5, 4), WIDE, stride=(2, 4)),
    "dilation": Case(1, 1, 8, 40, (9, 33), (3, 3), ((4, 3), (6, 6)), dilation=(2, 3)),
    "groups": Case(2, 3, 4, 8, (7, 19), (3, 3), WIDE),
    "one dimension": Case(1, 1, 19, 70, (203,), (5,), ((4, 4),), stride=(3,), dilation=(2,)),
    "three dimensions": Case(1, 1, 4, 16, (3, 4, 18), (3, 2, 3), ((2, 2), (1, 1), (2, 2))),
    "every second element": Case(1, 1, 5, 17, (6, 27), (2, 2), step=2),
    "every third element": Case(1, 1, 5, 16, (6, 27), (2, 2), step=3, after=True),
    "one tap": Case(2, 1, 24, 20, (5, 19), (1, 1)),
    "one channel": Case(1, 1, 1, 16, (30,), (4,)),
    "double": Case(1, 1, 7, 20, (6, 21), (3, 3), WIDE, dtype="f64"),
}


@pytest.mark.parametrize("case", CASES)
def test_direct_convolutions(case):
    check(CASES[case])


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_direct_convolutions_on_narrow_vectors(case):
    check(CASES[case], "256 bits")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_random_direct_convolutions(seed):
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))

    def some(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(n) for n in rng.integers(low, high, rank))

    window, dilation = some(1, 5), some(1, 4)
    margins = tuple((int(a), int(b)) for a, b in rng.integers(0, 7, (rank, 2)))
    reach = tuple(d * (k - 1) for d, k in zip(dilation, window, strict=True))
    sizes = tuple(r + 2 + n for r, n in zip(reach, some(0, (90, 15, 6)[rank - 1]), strict=True))
    images, groups, channels, filters = (int(n) for n in rng.integers((1, 1, 2, 4), (3, 3, 20, 50)))
    check(
        Case(
            images, groups, channels, filters, sizes, window, margins if seed % 3 else (),
            some(1, 4), dilation, bool(seed % 2), bool(seed % 5), 1 + seed % 4,
        )
    )  # fmt: skip


def test_the_result_may_be_the_array_of_the_image():
    case = Case(1, 1, 16, 16, (12, 40), (3, 3), ((1, 1), (1, 1)))
    rng = np.random.default_rng(0)
    x, w, b = (rng.integers(-3, 4, case.shape(name)).astype(np.float32) for name in "xwb")
    run = load(compile(mlir_payload(program(case)), request("512 bits")))
    z = np.empty(case.shape("z"), np.float32)
    run.call("f", x, w, b, z)
    run.call("f", x, w, b, x)
    np.testing.assert_array_equal(x, z)


def test_neither_margins_nor_panels_of_the_image_are_written():
    driving = {"stop_after": "packed-contractions"}
    case = Case(1, 1, 4, 32, (5, 24), (3, 3), WIDE, bias=False)
    text = str(lower(mlir_payload(program(case)), request("512 bits", driving=driving)).module)
    assert "linalg." not in text and "memref.subview" not in text
    # A row of 26 is a tile, by 16 filters; each tap reaches all 24 pixels of the image.
    assert text.count("vector.fma") == 3 * 24
    assert text.count("memref.alloc()") <= 1  # what was the padded image, which nobody uses
