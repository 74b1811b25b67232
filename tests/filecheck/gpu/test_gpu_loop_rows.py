"""Neighbours that work on the same rows: one kernel, rows kept, subgroups or blocks for each."""

import re

import pytest

from pharos import ir
from pharos.targets.common.loops.stage import GpuLoops

SOFTMAX = """
#whole = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#rows = affine_map<(i) -> (i)>
func.func @main(%x: memref<{shape}xf32>, %y: memref<{shape}xf32>) {{
  %low = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %m = memref.alloc() : memref<{rows}xf32>
  %e = memref.alloc() : memref<{shape}xf32>
  linalg.generic {{indexing_maps = [#rows], iterator_types = ["parallel"]}}
    outs(%m : memref<{rows}xf32>) {{
  ^bb0(%o: f32):
    linalg.yield %low : f32
  }}
  linalg.generic {{indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}}
    ins(%x : memref<{shape}xf32>) outs(%m : memref<{rows}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %o : f32
    linalg.yield %r : f32
  }}
  linalg.generic {{indexing_maps = [#whole, #row, #whole],
      iterator_types = ["parallel", "parallel"]}}
    ins(%x, %m : memref<{shape}xf32>, memref<{rows}xf32>) outs(%e : memref<{shape}xf32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  }}
  linalg.generic {{indexing_maps = [#rows], iterator_types = ["parallel"]}}
    outs(%m : memref<{rows}xf32>) {{
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  }}
  linalg.generic {{indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}}
    ins(%e : memref<{shape}xf32>) outs(%m : memref<{rows}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  }}
  linalg.generic {{indexing_maps = [#whole, #row, #whole],
      iterator_types = ["parallel", "parallel"]}}
    ins(%e, %m : memref<{shape}xf32>, memref<{rows}xf32>) outs(%y : memref<{shape}xf32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.divf %a, %b : f32
    linalg.yield %r : f32
  }}
  {between}
  return
}}"""


def lowered(text, **options):
    module = ir.parse(text)
    GpuLoops(**options).run(module)
    ir.verify(module)
    ir.run_passes(module, "canonicalize,cse")
    return ir.to_text(module)


def softmax(rows, length, between="", **options):
    text = SOFTMAX.format(shape=f"{rows}x{length}", rows=rows, between=between)
    return lowered(text, **options)


def test_softmax_is_one_kernel_that_reads_and_writes_each_element_once():
    text = softmax(100, 128)
    assert text.count("gpu.launch_func") == 1
    assert text.count("vector.load") == 1 and text.count("vector.store") == 1
    assert "memref.alloc" not in text and "gpu.barrier" not in text
    assert "known_block_size = array<i32: 256, 1, 1>" in text
    assert "known_grid_size = array<i32: 13, 1, 1>" in text


@pytest.mark.parametrize(("subgroup", "exchanges"), [(16, 4), (32, 5), (64, 6)])
def test_the_lanes_of_a_subgroup_exchange(subgroup, exchanges):
    text = softmax(64, 256, subgroup_size=subgroup)
    assert text.count("gpu.shuffle xor") == 2 * exchanges
    assert f"%c{subgroup}_i32 : f32" in text


def test_short_rows_share_a_subgroup():
    text = softmax(64, 16)
    assert text.count("gpu.shuffle xor") == 2 * 2
    assert "known_grid_size = array<i32: 1, 1, 1>" in text


def test_long_rows_are_a_block_each():
    text = softmax(8, 8192)
    assert "known_block_size = array<i32: 512, 1, 1>" in text
    assert "known_grid_size = array<i32: 8, 1, 1>" in text
    assert text.count("gpu.barrier") == 2
    assert "workgroup(%arg2 : memref<16xf32, #gpu.address_space<workgroup>>" in text
    assert text.count("vector.load") == 4


def test_rows_beyond_the_registers_go_through_memory():
    text = softmax(32, 65536)
    assert text.count("scf.for") == 3
    assert "memref.alloc" in text


def test_what_others_read_is_written():
    text = softmax(
        100,
        128,
        "%c = memref.alloc() : memref<100x128xf32>\n  memref.copy %e, %c : memref<100x128xf32> "
        "to memref<100x128xf32>",
    )
    assert "memref.alloc" in text and text.count("vector.store") == 2


def test_odd_rows_are_masked():
    text = softmax(5, 37)
    assert "vector<" not in text
    assert re.search(r"arith.cmpi ult, %\d+, %c37_i32", text)
    assert re.search(r"arith.cmpi ult, %\d+, %c5_i32", text)


def test_a_matrix_vector_product_is_rows():
    text = lowered("""
func.func @main(%a: memref<96x256xbf16>, %x: memref<256xbf16>, %y: memref<96xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
      affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
    ins(%a, %x : memref<96x256xbf16>, memref<256xbf16>) outs(%y : memref<96xf32>) {
  ^bb0(%p: bf16, %q: bf16, %o: f32):
    %u = arith.extf %p : bf16 to f32
    %v = arith.extf %q : bf16 to f32
    %w = arith.mulf %u, %v : f32
    %r = arith.addf %o, %w : f32
    linalg.yield %r : f32
  }
  return
}""")
    assert text.count("vector<8xbf16>\n") == 2
    assert "gpu.shuffle xor" in text and "@row_reduction_0" in text


@pytest.mark.parametrize(("filled", "barriers"), [(True, 0), (False, 1)])
def test_numbers_that_are_read_and_stored_are_read_by_all_first(filled, barriers):
    fill = """
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    outs(%y : memref<96xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  }"""
    text = lowered(f"""
func.func @main(%x: memref<96x64xf32>, %y: memref<96xf32>) {{
  %zero = arith.constant 0.0 : f32{fill if filled else ""}
  linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}}
    ins(%x : memref<96x64xf32>) outs(%y : memref<96xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  }}
  return
}}""")
    assert text.count("gpu.barrier") == barriers
