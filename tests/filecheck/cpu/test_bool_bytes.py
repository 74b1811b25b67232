"""Arrays of bools are loaded and stored as bytes; unknown operations keep them as they are."""

import numpy as np

from pharos import ir
from pharos.targets.common.bool_bytes import BoolBytes
from pharos.toolchain import compile, load, mlir_payload

MASKED = """
func.func @f(%m: memref<67xi1>, %x: memref<67xf32>, %y: memref<67xf32>, %z: memref<67xi1>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
      affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%m, %x : memref<67xi1>, memref<67xf32>) outs(%y, %z : memref<67xf32>, memref<67xi1>) {
  ^bb0(%p: i1, %a: f32, %o: f32, %q: i1):
    %c = arith.constant 0.0 : f32
    %r = arith.select %p, %a, %c : f32
    %s = arith.cmpf ogt, %r, %c : f32
    linalg.yield %r, %s : f32, i1
  }
  return
}"""


def test_elements_are_bytes():
    module = ir.parse(MASKED)
    BoolBytes().run(module)
    ir.verify(module)
    text = ir.to_text(module)
    assert "memref<67xi1>" not in text
    assert "%arg0: memref<67xi8>" in text
    assert "arith.cmpi ne" in text
    assert "arith.extui" in text


def test_masks_in_and_out():
    x = np.random.default_rng(0).standard_normal(67).astype(np.float32)
    mask = np.arange(67) % 3 == 0
    y, z = np.full(67, 9, np.float32), np.zeros(67, bool)
    load(compile(mlir_payload(MASKED))).call("f", mask, x, y, z)
    np.testing.assert_array_equal(y, np.where(mask, x, 0))
    np.testing.assert_array_equal(z, mask & (x > 0))


def test_what_is_unknown_keeps_its_type():
    module = ir.parse("""
func.func @f(%m: memref<8xi1>, %i: index) -> vector<8xi1> {
  %v = vector.load %m[%i] : memref<8xi1>, vector<8xi1>
  return %v : vector<8xi1>
}""")
    BoolBytes().run(module)
    assert "memref<8xi1>" in ir.to_text(module)


ALL = """
func.func @f(%x: memref<5x67xf32>, %y: memref<5xi1>) {
  %true = arith.constant true
  %limit = arith.constant 0.5 : f32
  linalg.fill ins(%true : i1) outs(%y : memref<5xi1>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<5x67xf32>) outs(%y : memref<5xi1>) {
  ^bb0(%a: f32, %all: i1):
    %s = arith.cmpf olt, %a, %limit : f32
    %r = arith.andi %all, %s : i1
    linalg.yield %r : i1
  }
  return
}"""


def test_reductions_of_bools_are_reductions_of_bytes():
    module = ir.parse(ALL)
    BoolBytes().run(module)
    ir.verify(module)
    assert "arith.andi %out, %" in ir.to_text(module).replace("%all", "%out")
    x = np.zeros((5, 67), np.float32)
    x[1, 66] = x[3, 0] = 1
    y = np.zeros(5, bool)
    load(compile(mlir_payload(ALL))).call("f", x, y)
    np.testing.assert_array_equal(y, [True, False, True, False, True])
