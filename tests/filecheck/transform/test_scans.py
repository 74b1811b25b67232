"""Scans become generics with an output along a reduction loop; the unclear ones are refused."""

import numpy as np
import pytest

from pharos import ir
from pharos.toolchain import Request, compile, load, mlir_payload
from pharos.transform.scans import Scans


def scan(inclusive: str = "true", used: str = "0", dimension: int = 1) -> str:
    row = "7" if dimension == 0 else "5"
    result = "5x7" if used == "0" else row
    return f"""
func.func @f(%x: tensor<5x7xf32>) -> tensor<{result}xf32> {{
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x7xf32>
  %r = tensor.empty() : tensor<{row}xf32>
  %s = linalg.fill ins(%c : f32) outs(%r : tensor<{row}xf32>) -> tensor<{row}xf32>
  %y:2 = tm_tensor.scan dimension({dimension}) inclusive({inclusive})
    ins(%x : tensor<5x7xf32>) outs(%e, %s : tensor<5x7xf32>, tensor<{row}xf32>) {{
  ^bb0(%before: f32, %element: f32):
    %t = arith.addf %before, %element : f32
    tm_tensor.yield %t : f32
  }} -> tensor<5x7xf32>, tensor<{row}xf32>
  return %y#{used} : tensor<{result}xf32>
}}"""


def test_an_output_moves_along_the_reduction_loop():
    module = ir.parse(scan())
    Scans().run(module)
    ir.verify(module)
    text = ir.to_text(module)
    assert "tm_tensor" not in text
    assert 'iterator_types = ["parallel", "reduction"]' in text
    assert "indexing_maps = [#map, #map, #map1]" in text
    assert "#map1 = affine_map<(d0, d1) -> (d0)>" in text


def test_the_accumulator_of_an_exclusive_scan_is_refused():
    with pytest.raises(ir.CompileError, match="exclusive"):
        Scans().run(ir.parse(scan("false", "1")))


@pytest.mark.parametrize("pipeline", ["default", "optimize"])
@pytest.mark.parametrize("dimension", [0, 1])
@pytest.mark.parametrize("inclusive", ["true", "false"])
def test_scans_run_in_order(inclusive, dimension, pipeline):
    text = scan(inclusive, dimension=dimension)
    run = load(compile(mlir_payload(text), Request(pipeline=pipeline)))
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    expected = np.cumsum(x, dimension)
    if inclusive == "false":
        expected = expected - x
    found = run.call("f", x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
