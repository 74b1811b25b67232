"""Before kernels are written: loops merged, fills folded, rows grouped, sums shared."""

import re

import numpy as np

from pharos import ir
from pharos.targets.cpu.vector_loops.stage import VectorLoops
from pharos.toolchain import Request, compile, load, mlir_payload

ELEMENT = "affine_map<(n, c, h, w) -> (n, c, h, w)>"
ROW = "affine_map<(i, j) -> (i, j)>"
PER_ROW = "affine_map<(i, j) -> (i)>"


def lowered(text: str) -> str:
    module = ir.parse(text)
    VectorLoops(simd_bits=512, registers=32, threads=2, grain=100).run(module)
    ir.verify(module)
    return ir.to_text(module)


PLANES = f"""
func.func @f(%x: memref<4x3x7x7xf32>, %b: memref<4x3xf32>, %y: memref<4x3x7x7xf32>) {{
  linalg.generic {{indexing_maps = [{ELEMENT}, affine_map<(n, c, h, w) -> (n, c)>, {ELEMENT}],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
    ins(%x, %b : memref<4x3x7x7xf32>, memref<4x3xf32>) outs(%y : memref<4x3x7x7xf32>) {{
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  }}
  return
}}"""


def test_loops_that_walk_memory_as_one_become_one():
    text = lowered(PLANES)
    assert "memref.collapse_shape %arg0 [[0, 1], [2, 3]]" in text
    assert "memref.collapse_shape %arg1 [[0, 1]]" in text
    assert "memref<12x49xf32>" in text


def softmax(rows: int, columns: int) -> str:
    x, m = f"memref<{rows}x{columns}xf32>", f"memref<{rows}xf32>"
    sums = f'indexing_maps = [{ROW}, {PER_ROW}], iterator_types = ["parallel", "reduction"]'
    each = f"indexing_maps = [{ROW}, {PER_ROW}, {ROW}]"
    return f"""
func.func @f(%x: {x}, %y: {x}) attributes {{pharos.unique = array<i64: 1>}} {{
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %m = memref.alloc() : {m}
  %e = memref.alloc() : {x}
  %s = memref.alloc() : {m}
  linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
    outs(%m : {m}) {{
  ^bb0(%o: f32):
    linalg.yield %low : f32
  }}
  linalg.generic {{{sums}}} ins(%x : {x}) outs(%m : {m}) {{
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %o : f32
    linalg.yield %r : f32
  }}
  linalg.generic {{{each}, iterator_types = ["parallel", "parallel"]}}
    ins(%x, %m : {x}, {m}) outs(%e : {x}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  }}
  linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
    outs(%s : {m}) {{
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  }}
  linalg.generic {{{sums}}} ins(%e : {x}) outs(%s : {m}) {{
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  }}
  linalg.generic {{{each}, iterator_types = ["parallel", "parallel"]}}
    ins(%e, %s : {x}, {m}) outs(%y : {x}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.divf %a, %b : f32
    linalg.yield %r : f32
  }}
  memref.dealloc %m : {m}
  memref.dealloc %e : {x}
  memref.dealloc %s : {m}
  return
}}"""


def test_neighbours_on_the_same_rows_share_a_loop():
    text = lowered(softmax(64, 100))
    assert text.count("scf.parallel") == 1
    # The fills went into the reductions: four kernels, and the one that calls them.
    assert len(re.findall(r"func.func private @f_kernel", text)) == 5


def allocations(text: str) -> set[str]:
    return set(re.findall(r"memref.alloc\(\)[^:]*: (\S+)", text))


def test_what_only_neighbours_reach_is_there_for_a_block_of_rows():
    text = softmax(64, 100).replace("attributes {pharos.unique = array<i64: 1>} ", "")
    # Half of the rows for each of two threads: 32 sums, 32 rows of exponentials.
    assert allocations(lowered(text)) == {"memref<32xf32>", "memref<3200xf32>"}
    # Rows count from the first one of a block there.
    kernels = re.split("func.func private @f_kernel[0-3]", lowered(text))[1:]
    for kernel in kernels:
        assert len(re.findall(r"arith.subi %\w+, %arg0 ", kernel)) > 1
    # What somebody else reads is there as a whole.
    kept = text.replace("memref.dealloc %e", "memref.copy %e, %x : !x to !x")
    kept = kept.replace("!x to !x", "memref<64x100xf32> to memref<64x100xf32> //")
    assert allocations(lowered(kept)) == {"memref<32xf32>", "memref<64x100xf32>"}


def test_what_a_result_is_computed_from_lies_in_its_memory():
    text = lowered(softmax(64, 100))
    assert allocations(text) == {"memref<32xf32>"}
    # Not where the result may be the memory of another argument.
    shared = softmax(64, 100).replace("array<i64: 1>", "array<i64: 0>")
    assert allocations(lowered(shared)) == {"memref<3200xf32>", "memref<32xf32>"}
    # Not where it is read afterwards, or where the result is used before.
    read_later = softmax(64, 100).replace("memref.dealloc %e", "memref.copy %e, %x : !x to !x")
    read_later = read_later.replace("!x to !x", "memref<64x100xf32> to memref<64x100xf32> //")
    assert "memref.alloc() : memref<64x100xf32>" in lowered(read_later)
    used_before = softmax(64, 100).replace(
        "%s = memref", "memref.copy %x, %y : !x to !x\n%s = memref"
    )
    used_before = used_before.replace("!x to !x", "memref<64x100xf32> to memref<64x100xf32>")
    assert "memref<3200xf32>" in allocations(lowered(used_before))


def test_an_array_may_be_argument_and_result():
    x = np.random.default_rng(0).standard_normal((64, 100)).astype(np.float32)
    e = np.exp(x - x.max(1, keepdims=True))
    text = softmax(64, 100).replace("attributes {pharos.unique = array<i64: 1>} ", "")
    for pipeline in ("default", "optimize"):
        same = x.copy()
        load(compile(mlir_payload(text), Request(pipeline=pipeline))).call("f", same, same)
        np.testing.assert_allclose(same, e / e.sum(1, keepdims=True), rtol=1e-5)


TURNED = f"""
func.func @f(%x: memref<64x100xf32>, %y: memref<64x100xf32>)
    attributes {{pharos.unique = array<i64: 1>}} {{
  %e = memref.alloc() : memref<64x100xf32>
  linalg.generic {{indexing_maps = [{ROW}, {ROW}], iterator_types = ["parallel", "parallel"]}}
    ins(%x : memref<64x100xf32>) outs(%e : memref<64x100xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  }}
  linalg.generic {{indexing_maps = [{ROW}, {ROW}], iterator_types = ["parallel", "parallel"]}}
    ins(%e : memref<64x100xf32>) outs(%y : memref<64x100xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %last = arith.constant 99 : index
    %k = arith.subi %last, %j : index
    %b = memref.load %e[%i, %k] : memref<64x100xf32>
    %r = arith.subf %a, %b : f32
    linalg.yield %r : f32
  }}
  memref.dealloc %e : memref<64x100xf32>
  return
}}"""


def test_what_a_body_loads_from_other_places_stays_where_it_is():
    x = np.random.default_rng(0).standard_normal((64, 100)).astype(np.float32)
    y = np.full_like(x, np.nan)
    load(compile(mlir_payload(TURNED))).call("f", x, y)
    e = np.exp(x)
    np.testing.assert_allclose(y, e - e[:, ::-1], atol=1e-5)


def test_softmax_row_by_row():
    for rows, columns in ((64, 100), (8, 3), (7, 1000)):
        x = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
        y = np.zeros_like(x)
        payload = mlir_payload(softmax(rows, columns))
        load(compile(payload, Request(parameters={"grain": 16}))).call("f", x, y)
        e = np.exp(x - x.max(1, keepdims=True))
        np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-5)


def test_what_reads_other_rows_is_not_grouped():
    head, tail = softmax(64, 64).rsplit(f"indexing_maps = [{ROW}", 1)
    text = f"{head}indexing_maps = [affine_map<(i, j) -> (j, i)>{tail}"
    assert lowered(text).count("scf.parallel") == 2
    x = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    y = np.zeros_like(x)
    load(compile(mlir_payload(text), Request(parameters={"grain": 16}))).call("f", x, y)
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(y, e.T / e.sum(1)[:, None], rtol=1e-5)


TOTAL = """
func.func @f(%x: memref<6x1000xf32>, %y: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
      iterator_types = ["reduction", "reduction"]}
    ins(%x : memref<6x1000xf32>) outs(%y : memref<f32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %o, %a : f32
    linalg.yield %s : f32
  }
  return
}"""


def test_a_sum_to_one_number_is_shared():
    text = lowered(TOTAL)
    assert text.count("scf.parallel") == 1
    x, y = np.random.default_rng(0).random((6, 1000), np.float32), np.array(5, np.float32)
    load(compile(mlir_payload(TOTAL), Request(parameters={"grain": 16}))).call("f", x, y)
    np.testing.assert_allclose(y, 5 + x.sum(dtype=np.float64), rtol=1e-6)


def test_kernels_that_are_the_same_are_made_once():
    call = PLANES[PLANES.index("  linalg.generic") : PLANES.index("  return")]
    # A barrier between the two: what an unknown operation may touch ends a group.
    twice = PLANES.replace(call, call + "  gpu.barrier\n" + call)
    text = lowered(twice)
    assert len(re.findall(r"func.func private @f_kernel", text)) == 1
    # So is what hands them to threads.
    assert len(re.findall(r"func.func private @f_shared", text)) == 1
    assert text.count("call @f_shared") == 2


def body_of(function: str, size: int) -> str:
    return lowered(f"""
func.func @f(%x: memref<{size}xf32>, %y: memref<{size}xf32>) {{
  linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}} ins(%x : memref<{size}xf32>) outs(%y : memref<{size}xf32>) {{
  ^bb0(%p: f32, %o: f32):
    %s = {function} %p : f32
    linalg.yield %s : f32
  }}
  return
}}""")


def test_long_arithmetic_is_done_on_several_registers_together():
    assert "math.erf %" in body_of("math.erf", 1000)
    assert "vector<64xf32>" in body_of("math.erf", 1000)
    assert "vector<64xf32>" not in body_of("math.erf", 100)  # it would be mostly a masked rest
    assert "vector<64xf32>" not in body_of("math.absf", 1000)


def test_rows_of_a_product_with_one_column_are_shared():
    text = lowered("""
func.func @f(%a: memref<64x96xf32>, %b: memref<96x1xf32>, %c: memref<64x1xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
      affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<64x96xf32>, memref<96x1xf32>) outs(%c : memref<64x1xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }
  return
}""")
    assert re.search(r"scf.parallel \(%\w+\) = \(%c0\w*\) to \(%c64\w*\) step \(%c32\w*\)", text)


def test_what_belongs_to_a_row_is_loaded_once_for_it():
    text = lowered(f"""
func.func @f(%x: memref<3x1000xf32>, %b: memref<3xf32>, %y: memref<3x1000xf32>) {{
  linalg.generic {{indexing_maps = [{ROW}, {PER_ROW}, {ROW}],
      iterator_types = ["parallel", "parallel"]}}
    ins(%x, %b : memref<3x1000xf32>, memref<3xf32>) outs(%y : memref<3x1000xf32>) {{
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.divf %p, %q : f32
    linalg.yield %s : f32
  }}
  return
}}""")
    kernel = text[text.index("func.func private @f_kernel0") :]
    # Once in the loop over rows, before the loop over vectors.
    names = ("scf.for", "memref.load", "scf.for", "vector.load", "scf.for", "vector.maskedload")
    places = [0]
    for name in names:
        places.append(kernel.index(name, places[-1] + 1))
    assert kernel.count("memref.load") == 1


def padded_windows(rows: int, columns: int) -> str:
    """y[i, j] = max x[i, j - 2 .. j + 2], -inf beyond the ends of a row."""
    x, wide = f"memref<{rows}x{columns}xf32>", f"memref<{rows}x{columns + 4}xf32>"
    inner = f"memref<{rows}x{columns}xf32, strided<[{columns + 4}, 1], offset: 2>>"
    each = f'indexing_maps = [{ROW}, {ROW}], iterator_types = ["parallel", "parallel"]'
    filled = f'indexing_maps = [{ROW}], iterator_types = ["parallel", "parallel"]'
    windows = "affine_map<(i, j, k) -> (i, j + k)>, affine_map<(i, j, k) -> (k)>"
    return f"""
func.func @f(%x: {x}, %y: {x}) {{
  %low = arith.constant 0xFF800000 : f32
  %w = memref.alloc() : memref<5xf32>
  %p = memref.alloc() : {wide}
  linalg.generic {{{filled}}} outs(%p : {wide}) {{
  ^bb0(%o: f32):
    linalg.yield %low : f32
  }}
  %inside = memref.subview %p[0, 2] [{rows}, {columns}] [1, 1] : {wide} to {inner}
  linalg.generic {{{each}}} ins(%x : {x}) outs(%inside : {inner}) {{
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }}
  linalg.generic {{{filled}}} outs(%y : {x}) {{
  ^bb0(%o: f32):
    linalg.yield %low : f32
  }}
  linalg.generic {{indexing_maps = [{windows}, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%p, %w : {wide}, memref<5xf32>) outs(%y : {x}) {{
  ^bb0(%a: f32, %size: f32, %o: f32):
    %m = arith.maximumf %o, %a : f32
    linalg.yield %m : f32
  }}
  memref.dealloc %p : {wide}
  memref.dealloc %w : memref<5xf32>
  return
}}"""


def test_rows_with_a_margin_stay_in_the_caches():
    found = lowered(padded_windows(64, 50))
    assert found.count("scf.parallel") == 1
    assert allocations(found) == {"memref<5xf32>", f"memref<{32 * 54}xf32>"}


def test_numbers_of_windows_with_a_margin():
    x = np.random.default_rng(0).standard_normal((11, 45)).astype(np.float32)
    out = np.full_like(x, np.nan)
    parameters = {"threads": 2, "grain": 100}
    text = padded_windows(11, 45)
    load(compile(mlir_payload(text), Request(parameters=parameters))).call("f", x, out)
    wide = np.pad(x, ((0, 0), (2, 2)), constant_values=-np.inf)
    np.testing.assert_array_equal(out, np.max([wide[:, k : k + 45] for k in range(5)], axis=0))
