"""In large modules, kernels that differ in sizes only are one, and take what they read."""

import numpy as np

from pharos import ir
from pharos.targets.cpu.merged_functions import MergeFunctions
from pharos.targets.cpu.unused_parameters import UnusedParameters
from pharos.toolchain import Request, compile, load, lower, mlir_payload

CALLS = """
llvm.func internal @a(%x: i64) -> i64 {
  %c = llvm.mlir.constant(64 : i64) : i64
  %d = llvm.mlir.constant(2 : i64) : i64
  %e = llvm.mlir.constant(64 : index) : i64
  %s = llvm.add %x, %c : i64
  %p = llvm.mul %s, %d : i64
  %q = llvm.mul %p, %e : i64
  llvm.return %q : i64
}
llvm.func internal @b(%x: i64) -> i64 {
  %c = llvm.mlir.constant(96 : i64) : i64
  %d = llvm.mlir.constant(2 : i64) : i64
  %e = llvm.mlir.constant(96 : index) : i64
  %s = llvm.add %x, %c : i64
  %p = llvm.mul %s, %d : i64
  %q = llvm.mul %p, %e : i64
  llvm.return %q : i64
}
llvm.func internal @other(%x: i64) -> i64 {
  %c = llvm.mlir.constant(96 : i64) : i64
  %s = llvm.sub %x, %c : i64
  llvm.return %s : i64
}
llvm.func internal @address_taken(%x: i64) -> i64 {
  %c = llvm.mlir.constant(7 : i64) : i64
  %s = llvm.sub %x, %c : i64
  llvm.return %s : i64
}
llvm.func @main(%x: i64) -> i64 {
  %0 = llvm.mlir.addressof @address_taken : !llvm.ptr
  %1 = llvm.call @a(%x) : (i64) -> i64
  %2 = llvm.call @b(%1) : (i64) -> i64
  %3 = llvm.call @other(%2) : (i64) -> i64
  %4 = llvm.call %0(%3) : !llvm.ptr, (i64) -> i64
  llvm.return %4 : i64
}
"""


def merged(text, **options):
    module = ir.parse(text)
    MergeFunctions(**options).run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_what_differs_in_numbers_is_one_function():
    text = merged(CALLS, least=0)
    assert "@b" not in text
    # 64 and 96 occur twice and are one parameter; 2 is 2 in both and stays.
    assert "llvm.func internal @a(%arg0: i64, %arg1: i64) -> i64" in text
    body = text.split("@a(", 1)[1].split("llvm.return")[0]
    assert body.count("llvm.mlir.constant") == 1 and "constant(2 : i64)" in body
    assert text.count("llvm.call @a(") == 2 and "llvm.call @other(%" in text
    # Whoever has its address calls it with the arguments it had.
    assert "@address_taken(%arg0: i64) -> i64" in text


def inner(name, number):
    return f"""
llvm.func internal @{name}(%x: i64) -> i64 {{
  %c = llvm.mlir.constant({number} : i64) : i64
  %s = llvm.add %x, %c : i64
  llvm.return %s : i64
}}"""


def outer(name, number):
    return f"""
llvm.func internal @{name}(%x: i64) -> i64 {{
  %c = llvm.mlir.constant({number} : i64) : i64
  %s = llvm.mul %x, %c : i64
  %r = llvm.call @c(%s) : (i64) -> i64
  llvm.return %r : i64
}}"""


def test_calls_in_a_function_that_is_gone_are_gone_with_it():
    # @b, merged into @a, called @c, which is merged with @d after that.
    main = """
llvm.func @main(%x: i64) -> i64 {
  %1 = llvm.call @a(%x) : (i64) -> i64
  %2 = llvm.call @b(%1) : (i64) -> i64
  %3 = llvm.call @d(%2) : (i64) -> i64
  llvm.return %3 : i64
}"""
    text = merged(outer("a", 2) + outer("b", 3) + inner("c", 4) + inner("d", 5) + main, least=0)
    assert "@b" not in text and "@d" not in text
    # In @a as in main, @c is told which number it adds.
    assert text.count("llvm.call @c(") == 2 and text.count(") : (i64, i64) -> i64") == 4


def test_what_runs_at_the_start_keeps_its_signature():
    start = """
llvm.func internal @start(%unused: i64) {
  llvm.return
}
llvm.mlir.global_ctors ctors = [@start], priorities = [0 : i32], data = [#llvm.zero]
"""
    module = ir.parse(start)
    UnusedParameters(least=0).run(module)
    assert "@start(%arg0: i64)" in ir.to_text(module)


def test_small_modules_stay():
    assert "@b(" in merged(CALLS)


PASSED_ON = """
llvm.func internal @outer(%x: i64, %unused: !llvm.ptr, %y: i64) -> i64 {
  %0 = llvm.call @inner(%y, %x) : (i64, i64) -> i64
  llvm.return %0 : i64
}
llvm.func internal @inner(%unused: i64, %z: i64) -> i64 {
  llvm.return %z : i64
}
llvm.func @main(%x: i64, %p: !llvm.ptr) -> i64 {
  %0 = llvm.call @outer(%x, %p, %x) : (i64, !llvm.ptr, i64) -> i64
  llvm.return %0 : i64
}
"""


def test_what_is_not_read_is_not_passed():
    module = ir.parse(PASSED_ON)
    UnusedParameters(least=0).run(module)
    ir.verify(module)
    text = ir.to_text(module)
    # %y of @outer only went to a parameter that @inner does not read.
    assert "@outer(%arg0: i64) -> i64" in text and "@inner(%arg0: i64) -> i64" in text
    # Whoever calls main from outside passes what it declares.
    assert "@main(%arg0: i64, %arg1: !llvm.ptr) -> i64" in text
    assert "llvm.call @outer(%arg0) : (i64) -> i64" in text


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


LARGE = ("stage: unused-parameters{least=0}", "stage: merge-functions{least=0}")


def test_kernels_of_other_sizes_compute_what_they_did():
    payload = mlir_payload(SUMS)
    request = Request(stages=("include: optimize.yaml", *LARGE))
    text = ir.to_text(lower(payload, request).module)
    assert (
        text.count("llvm.func @sum40_kernel0(%arg0: i64, %arg1: i64, %arg2: !llvm.ptr") == 1
        and "56_kernel" not in text
    )
    runner = load(compile(payload, request))
    rng = np.random.default_rng(0)
    for n in (40, 56, 72):
        x, y = rng.random((2, n), np.float32)
        right = x + y
        runner.call(f"sum{n}", x, y)
        assert np.array_equal(y, right)
