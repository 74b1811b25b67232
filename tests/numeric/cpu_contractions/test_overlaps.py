"""Convolutions over an image in a wide margin multiply first and add up what overlaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pharos.targets.cpu.contractions import overlaps, stage
from pharos.toolchain import Request, build, load, lower, mlir_payload


@dataclass(frozen=True)
class Case:
    """Images, channels, sizes; features, window; zeros before and after; dilation."""

    images: int
    channels: int
    sizes: tuple[int, int]
    features: int
    window: tuple[int, int]
    margins: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int] = (1, 1)

    @property
    def shapes(self):
        padded = [n + sum(m) for n, m in zip(self.sizes, self.margins, strict=True)]
        reach = [d * (k - 1) for d, k in zip(self.dilation, self.window, strict=True)]
        outs = [n - r for n, r in zip(padded, reach, strict=True)]
        return {
            "x": (self.images, self.channels, *self.sizes),
            "p": (self.images, self.channels, *padded),
            "w": (self.features, self.channels, *self.window),
            "y": (self.images, self.features, *outs),
        }


@pytest.fixture(autouse=True)
def no_direct(monkeypatch):
    """As where the filters of a direct convolution would not fit a cache."""
    monkeypatch.setattr(stage, "choose", lambda direct, unit: None)


WHOLE = Case(2, 40, (3, 9), 6, (4, 5), ((3, 3), (4, 4)))
CROPPED = Case(1, 33, (4, 19), 5, (5, 6), ((3, 2), (5, 4)))
DILATED = Case(3, 40, (3, 4), 7, (3, 2), ((4, 4), (3, 2)), (2, 3))


def program(case: Case, between: str = "") -> str:
    """``y[n, f, a, b] = 2 + sum padded[n, c, a + d i, b + e j] * w[f, c, i, j]``."""
    x, p, w, y = (f"memref<{'x'.join(map(str, case.shapes[name]))}xf32>" for name in "xpwy")
    d, e = case.dilation
    _, c, rows, columns = case.shapes["p"]
    top, left = (m[0] for m in case.margins)
    strides = f"[{c * rows * columns}, {rows * columns}, {columns}, 1]"
    sizes = ", ".join(map(str, case.shapes["x"]))
    view = f"memref<{'x'.join(map(str, case.shapes['x']))}xf32, strided<{strides}, "
    view += f"offset: {top * columns + left}>>"
    loops = "n, f, a, b, c, i, j"
    return f"""
func.func @f(%x: {x}, %w: {w}, %y: {y}) {{
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %p = memref.alloc() : {p}
  linalg.fill ins(%zero : f32) outs(%p : {p})
  %v = memref.subview %p[0, 0, {top}, {left}] [{sizes}] [1, 1, 1, 1] : {p} to {view}
  linalg.copy ins(%x : {x}) outs(%v : {view})
  {between}
  linalg.fill ins(%two : f32) outs(%y : {y})
  linalg.generic {{indexing_maps = [affine_map<({loops}) -> (n, c, a + i * {d}, b + j * {e})>,
      affine_map<({loops}) -> (f, c, i, j)>, affine_map<({loops}) -> (n, f, a, b)>],
    iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction",
      "reduction"]}} ins(%p, %w : {p}, {w}) outs(%y : {y}) {{
  ^bb0(%q: f32, %r: f32, %o: f32):
    %m = arith.mulf %q, %r : f32
    %s = arith.addf %o, %m : f32
    linalg.yield %s : f32
  }}
  memref.dealloc %p : {p}
  return
}}"""


def lowered(text: str) -> str:
    driving = {"stop_after": "packed-contractions"}
    request = Request(parameters={"threads": 1}, driving=driving)
    return str(lower(mlir_payload(text), request).module)


@pytest.mark.parametrize(
    ("case", "block"), [(WHOLE, overlaps._BLOCK_BYTES), (CROPPED, 600), (DILATED, 600)]
)
def test_results(case, block, monkeypatch):
    monkeypatch.setattr(overlaps, "_BLOCK_BYTES", block)
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(case.shapes[name], np.float32) for name in "xw")
    (top, bottom), (left, right) = case.margins
    image = torch.nn.functional.pad(torch.from_numpy(x), (left, right, top, bottom))
    filters = torch.from_numpy(w)
    expected = torch.nn.functional.conv2d(image, filters, dilation=case.dilation).numpy() + 2
    out = np.full(case.shapes["y"], np.nan, np.float32)
    built = build(mlir_payload(program(case)), fresh=True)
    load(built.artifact).call("f", x, w, out)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


def test_the_image_is_multiplied_and_no_longer_copied():
    text = lowered(program(WHOLE))
    sums = "x".join(map(str, (6, *WHOLE.window, 2, *WHOLE.sizes)))
    assert f"memref<{sums}xf32>" in text
    assert "memref.subview" not in text and text.count("linalg.generic") == 1  # the result's 2.0


@pytest.mark.parametrize(
    "between",
    [
        "linalg.fill ins(%two : f32) outs(%x : {x})",  # what was copied is no longer there
        "linalg.fill ins(%two : f32) outs(%p : {p})",  # the margin is not zero
    ],
)
def test_other_images_are_left_alone(between):
    x, p = (f"memref<{'x'.join(map(str, WHOLE.shapes[name]))}xf32>" for name in "xp")
    text = lowered(program(WHOLE, between.format(x=x, p=p)))
    assert "memref.subview" in text


def test_narrow_margins_are_multiplied_as_they_are():
    narrow = Case(1, 8, (20, 30), 16, (3, 3), ((1, 1), (1, 1)))
    assert "memref.subview" in lowered(program(narrow))
