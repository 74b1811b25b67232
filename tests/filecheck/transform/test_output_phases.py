"""A convolution over an input with zeros put in becomes one for each phase of its output."""

from __future__ import annotations

import re

import pytest

from pharos import ir
from pharos.transform.phases.stage import OutputPhases

# out[n,f,o] += zeros(x)[n,c,o+k] * w[f,c,k], x at every second element from 1 on.
PROGRAM = """
func.func @f(%x: tensor<2x3x5xf32>, %w: tensor<4x3x3xf32>, %b: tensor<4xf32>)
    -> tensor<2x4x10xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3x12xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x12xf32>) -> tensor<2x3x12xf32>
  %s = tensor.insert_slice %x into %z[0, 0, 1] [2, 3, 5] [1, 1, 2]
    : tensor<2x3x5xf32> into tensor<2x3x12xf32>
  %r = tensor.empty() : tensor<2x4x10xf32>
  %i = linalg.generic {indexing_maps = [affine_map<(n, f, o) -> (f)>,
      affine_map<(n, f, o) -> (n, f, o)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%b : tensor<4xf32>) outs(%r : tensor<2x4x10xf32>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  } -> tensor<2x4x10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, f, o, c, k) -> (n, c, o + k)>,
      affine_map<(n, f, o, c, k) -> (f, c, k)>, affine_map<(n, f, o, c, k) -> (n, f, o)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%s, %w : tensor<2x3x12xf32>, tensor<4x3x3xf32>) outs(%i : tensor<2x4x10xf32>) {
  ^bb0(%p: f32, %q: f32, %a: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %a, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x4x10xf32>
  return %y : tensor<2x4x10xf32>
}"""


def rewritten(text: str) -> str:
    module = ir.parse(text)
    OutputPhases().run(module)
    ir.verify(module)
    ir.run_passes(module, "canonicalize")
    return ir.to_text(module)


def test_each_phase_has_its_taps_and_writes_every_second_output():
    text = rewritten(PROGRAM)
    assert text.count("arith.mulf") == 2
    # Tap 1 alone meets elements at even outputs, taps 0 and 2 at odd ones.
    assert "%arg1[0, 0, 1] [4, 3, 1] [1, 1, 2]" in text
    assert "%arg1[0, 0, 0] [4, 3, 2] [1, 1, 2]" in text
    for first in (0, 1):
        assert f"[0, 0, {first}] [2, 4, 5] [1, 1, 2] : tensor<2x4x5xf32> into" in text
    # The odd phase reaches one element beyond the last; nothing else is copied.
    assert "[0, 0, 0] [2, 3, 5] [1, 1, 1] : tensor<2x3x5xf32> into tensor<2x3x6xf32>" in text
    assert "2x3x12" not in text


def test_each_phase_starts_from_its_own_part_of_the_bias():
    text = rewritten(PROGRAM)
    starts = [line for line in text.splitlines() if "ins(%arg2 : tensor<4xf32>)" in line]
    assert len(starts) == 2
    assert all("outs(%" in line and "tensor<2x4x5xf32>) {" in line for line in starts)


def test_what_no_tap_reaches_is_written_with_the_start_of_the_whole():
    # A filter of one tap meets an element at every second output only.
    text = PROGRAM.replace("4x3x3xf32", "4x3x1xf32").replace("2x4x10xf32", "2x4x12xf32")
    text = rewritten(text)
    assert text.count("arith.mulf") == 1
    starts = [line for line in text.splitlines() if "ins(%arg2 : tensor<4xf32>)" in line]
    assert [("tensor<2x4x12xf32>) {" in line) for line in starts] == [True, False]
    inserted = re.findall(r"insert_slice %\w+ into %(\w+)\[0, 0, (\d)\] \[2, 4, \d\]", text)
    whole = re.search(r"%(\w+) = linalg.generic .*outs\(%\w+ : tensor<2x4x12xf32>", text)
    assert inserted == [(whole[1], "1")]


def test_a_start_that_phases_cannot_share_is_sliced():
    spread = PROGRAM.index("  %i = "), PROGRAM.index("  %y = ")
    text = PROGRAM[: spread[0]] + PROGRAM[spread[1] :]
    text = text.replace("%b: tensor<4xf32>", "%i: tensor<2x4x10xf32>")
    text = rewritten(text)
    assert "tensor.extract_slice %arg2[0, 0, 0] [2, 4, 5] [1, 1, 2]" in text
    assert text.count("arith.mulf") == 2


def test_dimensions_without_a_window_may_be_split_on_the_way():
    text = rewritten(GROUPED)
    assert text.count("arith.mulf") == 2
    assert "tensor<2x2x2x5xf32>" in text
    assert "2x2x2x10" not in text


GROUPED = """
func.func @f(%x: tensor<2x4x5xf32>, %w: tensor<2x3x2x2xf32>) -> tensor<2x2x3x9xf32> {
  %zero = arith.constant 0.0 : f32
  %z = arith.constant dense<0.0> : tensor<2x4x10xf32>
  %s = tensor.insert_slice %x into %z[0, 0, 1] [2, 4, 5] [1, 1, 2]
    : tensor<2x4x5xf32> into tensor<2x4x10xf32>
  %g = tensor.expand_shape %s [[0], [1, 2], [3]] output_shape [2, 2, 2, 10]
    : tensor<2x4x10xf32> into tensor<2x2x2x10xf32>
  %e = tensor.empty() : tensor<2x2x3x9xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2x3x9xf32>) -> tensor<2x2x3x9xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, g, f, o, c, k) -> (n, g, c, k + o)>,
      affine_map<(n, g, f, o, c, k) -> (g, f, c, k)>,
      affine_map<(n, g, f, o, c, k) -> (n, g, f, o)>], iterator_types = ["parallel", "parallel",
      "parallel", "parallel", "reduction", "reduction"]}
      ins(%g, %w : tensor<2x2x2x10xf32>, tensor<2x3x2x2xf32>) outs(%i : tensor<2x2x3x9xf32>) {
  ^bb0(%p: f32, %q: f32, %a: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %m, %a : f32
    linalg.yield %t : f32
  } -> tensor<2x2x3x9xf32>
  return %y : tensor<2x2x3x9xf32>
}"""


REFUSED = {
    "no zeros": ("%zero = arith.constant 0.0", "%zero = arith.constant 1.0"),
    "no gaps": ("[1, 1, 2]", "[1, 1, 1]"),
    "windows that skip": ("o + k)", "o * 2 + k)", "x10xf32", "x5xf32"),
    "a sum, where zeros count": ("arith.mulf %p, %q", "arith.addf %p, %q"),
    "one factor": ("arith.mulf %p, %q", "arith.mulf %p, %p"),
    "a maximum": ("arith.addf %a, %m", "arith.maximumf %a, %m"),
    "filters along the row": (
        "(f, c, k)>",
        "(o, c, k)>",
        "%w: tensor<4x",
        "%w: tensor<10x",
        "tensor<4x3x3xf32>)",
        "tensor<10x3x3xf32>)",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_such_convolution_stays(why):
    text = PROGRAM
    for old, new in zip(REFUSED[why][::2], REFUSED[why][1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    module = ir.parse(text)
    before = ir.to_text(module)
    OutputPhases().run(module)
    assert ir.to_text(module) == before
