"""Large elementwise loops ask for memory ahead, to read and to write; small ones do not."""

import numpy as np

from pharos import ir
from pharos.targets.cpu.vector_loops.stage import VectorLoops
from pharos.toolchain import compile, load, mlir_payload

SCALED = """
func.func @f(%x: memref<ROWSx1031xf32>, %b: memref<ROWSxf32>, %y: memref<ROWSx1031xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%x, %b : memref<ROWSx1031xf32>, memref<ROWSxf32>) outs(%y : memref<ROWSx1031xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %r = arith.mulf %a, %c : f32
    linalg.yield %r : f32
  }
  return
}"""


def lowered(rows):
    module = ir.parse(SCALED.replace("ROWS", str(rows)))
    VectorLoops(simd_bits=512, registers=32).run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_what_is_read_and_what_is_written():
    text = lowered(301)
    assert text.count("memref.prefetch") == 2
    assert ", read, locality<3>, data" in text
    assert ", write, locality<3>, data" in text
    assert "arith.constant 512 : index" in text  # 2 KB of f32
    assert "prefetch" not in lowered(30)


def test_numbers_at_the_ends():
    rng = np.random.default_rng(1)
    x, b = rng.standard_normal((301, 1031), np.float32), rng.standard_normal(301, np.float32)
    y = np.full_like(x, np.nan)
    load(compile(mlir_payload(SCALED.replace("ROWS", "301")))).call("f", x, b, y)
    np.testing.assert_array_equal(y, x * b[:, None])


def product(kind):
    """A matrix of ``kind`` times a vector."""
    return f"""
func.func @f(%w: memref<64x512x{kind}>, %x: memref<512x{kind}>, %y: memref<64x{kind}>) {{
  linalg.generic {{indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (k)>,
      affine_map<(i, k) -> (i)>], iterator_types = ["parallel", "reduction"]}}
    ins(%w, %x : memref<64x512x{kind}>, memref<512x{kind}>) outs(%y : memref<64x{kind}>) {{
  ^bb0(%a: {kind}, %b: {kind}, %o: {kind}):
    %p = arith.mulf %a, %b : {kind}
    %r = arith.addf %o, %p : {kind}
    linalg.yield %r : {kind}
  }}
  return
}}"""


def test_rows_of_narrow_elements_are_asked_for_ahead():
    for kind, count in (("f32", 0), ("bf16", 4)):
        module = ir.parse(product(kind))
        VectorLoops(simd_bits=512, registers=32).run(module)
        assert ir.to_text(module).count("memref.prefetch") == count
