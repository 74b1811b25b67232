"""Reductions with few results, and scans: shared by the work-items of a block, and by blocks."""

from pharos import ir
from pharos.targets.common.loops.stage import GpuLoops


def lowered(text, **options):
    module = ir.parse(text)
    GpuLoops(**options).run(module)
    ir.verify(module)
    ir.run_passes(module, "canonicalize,cse")
    return ir.to_text(module)


def total(shape, maps, kinds, out, **options):
    """The sum over the reduction loops, zero filled in before."""
    text = f"""
func.func @main(%x: memref<{shape}xf32>, %y: memref<{out}f32>) {{
  linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
    ins(%x : memref<{shape}xf32>) outs(%y : memref<{out}f32>) {{
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  }}
  return
}}"""
    return lowered(text, **options)


def columns(rows, count, **options):
    maps = "affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>"
    return total(f"{rows}x{count}", maps, '"reduction", "parallel"', f"{count}x", **options)


def everything(count, **options):
    maps = "affine_map<(i) -> (i)>, affine_map<(i) -> ()>"
    return total(str(count), maps, '"reduction"', "", **options)


def test_many_columns_have_a_work_item_for_each_vector():
    text = columns(64, 65536, compute_units=1)
    assert "@reduction_0" in text and "gpu.barrier" not in text
    assert "vector.load" in text


def test_the_rows_of_few_columns_are_shared_by_slots_that_join_through_memory():
    text = columns(64, 128, compute_units=1)
    assert "@shared_reduction_0" in text and "gpu.shuffle" not in text
    assert "known_block_size = array<i32: 256, 1, 1>" in text
    assert "workgroup(%arg2 : memref<1024xf32, #gpu.address_space<workgroup>>" in text
    assert text.count("gpu.barrier") == 1


def test_long_columns_are_cut_into_slices_that_a_second_kernel_joins():
    text = columns(100000, 64, compute_units=16)
    assert "@partial_reduction_0" in text and "@join_0" in text
    assert "memref.alloc() : memref<2048xf32>" in text
    assert "known_grid_size = array<i32: 32, 1, 1>" in text


def test_a_long_array_is_cut_into_slices_of_vectors():
    text = everything(1 << 20, compute_units=16)
    assert "@partial_reduction_0" in text and "@join_0" in text
    assert "known_grid_size = array<i32: 32, 1, 1>" in text
    assert "vector<4xf32>" in text and "gpu.shuffle" in text
    assert "memref.alloc() : memref<32xf32>" in text


def test_a_short_array_is_a_row():
    text = everything(1000)
    assert text.count("gpu.launch_func") == 1 and "@row_reduction_0" in text


def test_a_few_long_rows_are_no_kernel_of_a_block_each():
    maps = "affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>"
    text = total("3x1000000", maps, '"parallel", "reduction"', "3x", compute_units=16)
    assert "@partial_reduction_0" in text
    assert "known_grid_size = array<i32: 33, 1, 1>" in text


def running_sum(rows, length, **options):
    return lowered(
        f"""
func.func @main(%x: memref<{rows}x{length}xf32>, %y: memref<{rows}x{length}xf32>,
                %s: memref<{rows}xf32>) {{
  linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}}
    ins(%x : memref<{rows}x{length}xf32>)
    outs(%y, %s : memref<{rows}x{length}xf32>, memref<{rows}xf32>) {{
  ^bb0(%a: f32, %o: f32, %p: f32):
    %r = arith.addf %p, %a : f32
    linalg.yield %r, %r : f32, f32
  }}
  return
}}""",
        **options,
    )


def test_the_lanes_of_a_subgroup_scan_a_row():
    text = running_sum(64, 128)
    assert text.count("gpu.shuffle idx") == 5 + 2
    assert "vector<4xf32>" in text and "gpu.barrier" not in text
    assert "scf.for" not in text


def test_a_block_scans_a_long_row():
    text = running_sum(4, 8192)
    assert "known_block_size = array<i32: 256, 1, 1>" in text
    assert text.count("gpu.barrier") == 1 and "scf.for" in text
    assert "memref<16xf32, #gpu.address_space<workgroup>>" in text


def test_short_scans_are_left_to_a_work_item_each():
    assert "gpu.shuffle" not in running_sum(64, 8)
