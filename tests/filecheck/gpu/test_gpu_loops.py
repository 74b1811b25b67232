"""What kernels linalg on memrefs becomes: grids, widths, addresses."""

import re

import pytest

from pharos import ir
from pharos.targets.common.loops.stage import GpuLoops


def lowered(text, **options):
    module = ir.parse(text)
    GpuLoops(**options).run(module)
    ir.verify(module)
    ir.run_passes(module, "canonicalize,cse")
    return ir.to_text(module)


def elementwise(shape, dtype="f32", maps=None, operand=None):
    """y = x + z, z read through the second map from an array of type ``operand``."""
    rank = shape.count("x") + 1
    dims = ", ".join("ijklm"[:rank])
    plain = f"affine_map<({dims}) -> ({dims})>"
    other = f"affine_map<({dims}) -> ({maps})>" if maps else plain
    kind, second = f"memref<{shape}x{dtype}>", operand or f"memref<{shape}x{dtype}>"
    add = "addf" if dtype[0] in "fb" else "addi"
    return f"""
func.func @main(%x: {kind}, %z: {second}, %y: {kind}) {{
  linalg.generic {{indexing_maps = [{plain}, {other}, {plain}],
      iterator_types = [{", ".join(['"parallel"'] * rank)}]}}
    ins(%x, %z : {kind}, {second}) outs(%y : {kind}) {{
  ^bb0(%a: {dtype}, %b: {dtype}, %o: {dtype}):
    %r = arith.{add} %a, %b : {dtype}
    linalg.yield %r : {dtype}
  }}
  return
}}"""


@pytest.mark.parametrize(
    ("dtype", "width"), [("f32", 4), ("f16", 8), ("bf16", 8), ("f64", 2), ("i64", 2), ("i8", 16)]
)
def test_sixteen_bytes_at_a_time(dtype, width):
    text = lowered(elementwise("8x64", dtype))
    assert (
        text.count(f"{{alignment = 16 : i64}} : memref<512x{dtype}>, vector<{width}x{dtype}>") == 3
    )
    assert f"known_block_size = array<i32: {min(256, 512 // width)}, 1, 1>" in text


def test_what_does_not_fill_the_last_vector_is_done_one_by_one():
    text = lowered(elementwise("3x37"))
    assert "vector<4xf32>" in text
    assert re.search(r"scf.for .* = %c108_i32 to %c111_i32", text)
    assert "memref.store" in text


def test_rows_that_are_no_multiple_of_a_vector_are_scalar():
    text = lowered(elementwise("3x37", maps="j", operand="memref<37xf32>"))
    assert "vector" not in text
    assert "arith.remui" in text


def test_a_row_for_all_rows_is_loaded_in_vectors():
    text = lowered(elementwise("3x32", maps="j", operand="memref<32xf32>"))
    assert "memref<32xf32>, vector<4xf32>" in text


def test_a_view_that_starts_between_vectors_is_scalar():
    view = "memref<3x32xf32, strided<[33, 1], offset: 1>>"
    assert "vector" not in lowered(elementwise("3x32", operand=view))


def test_loops_that_walk_memory_as_one_become_one():
    assert "arith.divui" not in lowered(elementwise("2x3x4x8"))


def test_the_grid_is_as_large_as_the_device_and_kernels_take_turns():
    text = lowered(elementwise("1024x1024"), compute_units=2, block=128)
    assert "known_grid_size = array<i32: 64, 1, 1>" in text
    assert re.search(r"scf.for .* to %c262144_i32 step %c8192_i32", text)


def test_places_beyond_32_bits_are_counted_in_64():
    text = lowered(elementwise("65536x65536", "i8"))
    assert "i32 :" not in text.replace("array<i32", "")
    assert "arith.muli" in text and ": index" in text


def test_nothing_is_launched_for_no_elements():
    assert "gpu.launch_func" not in lowered(elementwise("0x4"))


def test_a_fill_is_where_the_reduction_starts():
    text = lowered("""
func.func @main(%x: memref<5x7x8xf32>, %y: memref<5x8xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} outs(%y : memref<5x8xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i, k, j) -> (i, k, j)>,
        affine_map<(i, k, j) -> (i, j)>], iterator_types = ["parallel", "reduction", "parallel"]}
    ins(%x : memref<5x7x8xf32>) outs(%y : memref<5x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  }
  return
}""")
    assert text.count("gpu.launch_func") == 1
    assert "vector.load %arg1" not in text and "iter_args" in text


def test_a_gather_and_its_assertion():
    text = lowered("""
func.func @main(%table: memref<9x8xf32>, %rows: memref<5xi64>, %y: memref<5x8xf32>) {
  %n = arith.constant 9 : i64
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
    ins(%rows : memref<5xi64>) outs(%y : memref<5x8xf32>) {
  ^bb0(%row: i64, %o: f32):
    %known = arith.cmpi ult, %row, %n : i64
    cf.assert %known, "no such row"
    %i = arith.index_cast %row : i64 to index
    %j = linalg.index 1 : index
    %v = memref.load %table[%i, %j] : memref<9x8xf32>
    linalg.yield %v : f32
  }
  return
}""")
    assert "llvm.intr.trap" in text and "cf.assert" not in text
    assert re.search(r"memref.load %arg\d\[%.*, %.*\] : memref<9x8xf32>", text)


def test_what_is_out_of_reach_stays():
    text = lowered("""
func.func @main(%x: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    outs(%x : memref<?xf32>) {
  ^bb0(%o: f32):
    %r = arith.addf %o, %o : f32
    linalg.yield %r : f32
  }
  return
}""")
    assert "linalg.generic" in text and "gpu.launch_func" not in text


def transpose(rows, columns, dtype="f32"):
    return lowered(f"""
func.func @main(%x: memref<{rows}x{columns}x{dtype}>, %y: memref<{columns}x{rows}x{dtype}>) {{
  linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j, i)>],
      iterator_types = ["parallel", "parallel"]}}
    ins(%x : memref<{rows}x{columns}x{dtype}>) outs(%y : memref<{columns}x{rows}x{dtype}>) {{
  ^bb0(%a: {dtype}, %o: {dtype}):
    linalg.yield %a : {dtype}
  }}
  return
}}""")


@pytest.mark.parametrize(("dtype", "pitch"), [("f32", 33), ("f16", 34), ("i8", 36), ("f64", 33)])
def test_a_transpose_goes_through_tiles_whose_rows_begin_at_other_banks(dtype, pitch):
    text = transpose(64, 96, dtype)
    assert f"memref<{32 * pitch}x{dtype}, #gpu.address_space<workgroup>>" in text
    assert "known_grid_size = array<i32: 6, 1, 1>" in text
    assert text.count("gpu.barrier") == 1
    assert "scf.if" not in text


def test_the_edges_of_tiles_are_masked():
    text = transpose(33, 40)
    assert re.search(r"arith.cmpi ult, %\d+, %c33_i32", text)
    assert re.search(r"arith.cmpi ult, %\d+, %c40_i32", text)


def test_a_few_columns_are_turned_without_tiles():
    assert "gpu.barrier" not in transpose(4, 1000)
