"""Loops that the payload itself has become kernels: parallel ones by points, others as one item."""

import numpy as np
import pytest

from pharos import ir, toolchain
from pharos.core.errors import UserError
from pharos.targets.common.gpu.parallel_kernels import ParallelKernels
from pharos.toolchain import Request

# Row i of %y is %x's row times i, plus %s; then the first column is summed one by one.
LOOPS = """
func.func @main(%x: memref<5x70xf32>, %s: f32, %y: memref<5x70xf32>, %sum: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %c70 = arith.constant 70 : index
  %zero = arith.constant 0.0 : f32
  scf.parallel (%i, %j) = (%c0, %c0) to (%c5, %c70) step (%c1, %c1) {
    %v = memref.load %x[%i, %j] : memref<5x70xf32>
    %n = arith.index_cast %i : index to i32
    %f = arith.sitofp %n : i32 to f32
    %m = arith.mulf %v, %f : f32
    %r = arith.addf %m, %s : f32
    memref.store %r, %y[%i, %j] : memref<5x70xf32>
    scf.reduce
  }
  memref.store %zero, %sum[%c0] : memref<1xf32>
  scf.for %i = %c0 to %c5 step %c1 {
    %v = memref.load %y[%i, %c0] : memref<5x70xf32>
    %old = memref.load %sum[%c0] : memref<1xf32>
    %new = arith.addf %old, %v : f32
    memref.store %new, %sum[%c0] : memref<1xf32>
  }
  return
}
"""


@pytest.mark.parametrize("target", ["nvidia:sim", "amd:gfx942:sim", "xegpu:sim"])
def test_loops_of_the_payload(target):
    payload = toolchain.mlir_payload(LOOPS)
    artifact = toolchain.build(payload, Request(target=target), fresh=True).artifact
    x = np.random.default_rng(1).standard_normal((5, 70), np.float32)
    y, total = np.full((5, 70), np.nan, np.float32), np.full(1, np.nan, np.float32)
    toolchain.load(artifact).call("main", x, 0.5, y, total)
    expected = x * np.arange(5, dtype=np.float32)[:, None] + np.float32(0.5)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(total, [y[:, 0].sum()], rtol=1e-5)


def test_what_the_stage_writes():
    module = ir.parse(LOOPS)
    ParallelKernels(block=64).run(module)
    ir.verify(module)
    text = ir.to_text(module)
    assert "scf.parallel" not in text
    assert "known_block_size = array<i32: 64, 1, 1>, known_grid_size = array<i32: 6, 1, 1>" in text
    assert "gpu.func @sequence_0(" in text and "array<i32: 1, 1, 1>" in text


def test_a_loop_of_nothing_has_no_kernel():
    text = LOOPS.replace("%c70 = arith.constant 70", "%c70 = arith.constant 0")
    module = ir.parse(text)
    ParallelKernels().run(module)
    assert "points_0" not in ir.to_text(module) and "sequence_0" in ir.to_text(module)


def test_a_parallel_loop_with_other_bounds_is_refused_at_its_place():
    text = LOOPS.replace("(%i, %j) = (%c0, %c0)", "(%i, %j) = (%c1, %c0)")
    with pytest.raises(UserError, match="runs from 0 to constants by steps of 1") as caught:
        ParallelKernels().run(ir.parse(text))
    assert caught.value.span.line == 8
