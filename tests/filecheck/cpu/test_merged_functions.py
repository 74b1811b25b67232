"""In large modules, kernels that differ in sizes only are one, and take what they read."""

from functools import partialmethod

import numpy as np

from pharos import ir
from pharos.targets.cpu.merged_functions import MergeFunctions
from pharos.toolchain import Request, build, load, lower, mlir_payload

KERNEL = "attributes {llvm.bareptr}"
CALLS = f"""
func.func private @a(%x: index, %y: memref<1099511627776xf32>) {KERNEL} {{
  %c = arith.constant 64 : index
  %d = arith.constant 2 : index
  %e = arith.constant 64 : index
  %s = arith.addi %x, %c : index
  %p = arith.muli %s, %d : index
  %q = arith.muli %p, %e : index
  %v = memref.load %y[%q] : memref<1099511627776xf32>
  memref.store %v, %y[%x] : memref<1099511627776xf32>
  return
}}
func.func private @b(%x: index, %y: memref<1099511627776xf32>) {KERNEL} {{
  %c = arith.constant 96 : index
  %d = arith.constant 2 : index
  %e = arith.constant 96 : index
  %s = arith.addi %x, %c : index
  %p = arith.muli %s, %d : index
  %q = arith.muli %p, %e : index
  %v = memref.load %y[%q] : memref<1099511627776xf32>
  memref.store %v, %y[%x] : memref<1099511627776xf32>
  return
}}
func.func private @other(%x: index, %y: memref<1099511627776xf32>) {KERNEL} {{
  %c = arith.constant 96 : index
  %s = arith.subi %x, %c : index
  %v = memref.load %y[%s] : memref<1099511627776xf32>
  memref.store %v, %y[%x] : memref<1099511627776xf32>
  return
}}
func.func private @unknown_sizes(%y: memref<?x?xf32>) -> index {{
  %c = arith.constant 1 : index
  %s = memref.dim %y, %c : memref<?x?xf32>
  return %s : index
}}
func.func private @the_other_size(%y: memref<?x?xf32>) -> index {{
  %c = arith.constant 0 : index
  %s = memref.dim %y, %c : memref<?x?xf32>
  return %s : index
}}
func.func @main(%x: index, %y: memref<1099511627776xf32>, %z: memref<?x?xf32>) {{
  func.call @a(%x, %y) : (index, memref<1099511627776xf32>) -> ()
  func.call @b(%x, %y) : (index, memref<1099511627776xf32>) -> ()
  func.call @other(%x, %y) : (index, memref<1099511627776xf32>) -> ()
  %0 = func.call @unknown_sizes(%z) : (memref<?x?xf32>) -> index
  %1 = func.call @the_other_size(%z) : (memref<?x?xf32>) -> index
  return
}}
"""


def merged(text, **options):
    module = ir.parse(text)
    MergeFunctions(**options).run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_what_differs_in_numbers_is_one_function():
    text = merged(CALLS, least=0)
    assert "@b(" not in text
    # 64 and 96 occur twice and are one parameter; 2 is 2 in both and stays.
    assert "@a(%arg0: index, %arg1: memref<1099511627776xf32>, %arg2: index)" in text
    body = text.split("@a(", 1)[1].split("return")[0]
    assert body.count("arith.constant") == 1 and "constant 2 : index" in body
    assert text.count("call @a(") == 2 and "call @other(" in text
    main = text.split("@main(", 1)[1]
    assert "constant 64 : index" in main and "constant 96 : index" in main
    # What asks for sizes at run time is not told them.
    assert "@the_other_size(%" in text and "@unknown_sizes(%" in text


def inner(name, number):
    return f"""
func.func private @{name}(%x: index, %y: memref<1099511627776xf32>) {KERNEL} {{
  %c = arith.constant {number} : index
  %s = arith.addi %x, %c : index
  %v = memref.load %y[%s] : memref<1099511627776xf32>
  memref.store %v, %y[%x] : memref<1099511627776xf32>
  return
}}"""


def outer(name, callee, number):
    return f"""
func.func private @{name}(%x: index, %y: memref<1099511627776xf32>) {KERNEL} {{
  %c = arith.constant {number} : index
  %s = arith.muli %x, %c : index
  func.call @{callee}(%s, %y) : (index, memref<1099511627776xf32>) -> ()
  return
}}"""


def test_callers_of_what_became_one_become_one():
    calls = "".join(
        f"  func.call @{name}(%x, %y) : (index, memref<1099511627776xf32>) -> ()\n"
        for name in ("a", "b", "d")
    )
    main = f"""
func.func @main(%x: index, %y: memref<1099511627776xf32>) {{
{calls}  return
}}"""
    text = merged(
        outer("a", "c", 2) + outer("b", "d", 3) + inner("c", 4) + inner("d", 5) + main, least=0
    )
    assert "@b(" not in text and "@d(" not in text
    # @a passes on what @c adds; main says it itself.
    assert "@a(%arg0: index, %arg1: memref<1099511627776xf32>, %arg2: index, %arg3: index)" in text
    assert text.count("call @c(") == 2 and text.count("call @a(") == 2


def test_small_modules_stay():
    assert "@b(" in merged(CALLS)


SUMS = "\n".join(
    f"""func.func @sum{n}(%x: memref<{n}xf32>, %y: memref<{n}xf32>) {{
      linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
        iterator_types = ["parallel"]}} ins(%x : memref<{n}xf32>) outs(%y : memref<{n}xf32>) {{
      ^bb0(%a: f32, %b: f32):
        %0 = arith.addf %a, %b : f32
        linalg.yield %0 : f32
      }}
      return
    }}"""
    for n in (40, 56, 72)
)


def test_kernels_of_other_sizes_compute_what_they_did(monkeypatch):
    monkeypatch.setattr(MergeFunctions, "__init__", partialmethod(MergeFunctions.__init__, least=0))
    payload = mlir_payload(SUMS)
    text = ir.to_text(lower(payload, Request()).module)
    # An array is a pointer.
    assert (
        "llvm.func @sum40_kernel0(%arg0: i64, %arg1: i64, %arg2: !llvm.ptr, %arg3: !llvm.ptr"
        in text
    )
    assert "56_kernel" not in text and "72_kernel" not in text
    runner = load(build(payload, fresh=True).artifact)
    rng = np.random.default_rng(0)
    for n in (40, 56, 72):
        x, y = rng.random((2, n), np.float32)
        right = x + y
        runner.call(f"sum{n}", x, y)
        assert np.array_equal(y, right)
