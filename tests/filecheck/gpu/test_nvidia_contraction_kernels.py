"""What kernels contractions on memrefs become on NVIDIA GPUs."""

import re

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.nvidia.contractions import NvidiaContractions

MAPS = {
    "": ("(m, k)", "(k, n)"),
    "b": ("(m, k)", "(n, k)"),
    "ab": ("(k, m)", "(n, k)"),
}


def product(m, n, k, dtype="f16", turned="", params="", use=""):
    """C = A B on memrefs, from zero; ``use`` is more text before the return."""
    a, b = MAPS[turned]
    sizes = {"m": m, "n": n, "k": k}
    first, second = ("x".join(str(sizes[d]) for d in re.findall("[mnk]", f)) for f in (a, b))
    dims = "affine_map<(m, n, k) -> "
    attributes = f"attrs = {{pharos.params = {{{params}}}}}" if params else ""
    wide = dtype != "f32"
    body = (
        f"""%x1 = arith.extf %x : {dtype} to f32
    %y1 = arith.extf %y : {dtype} to f32"""
        if wide
        else ""
    )
    names = ("%x1", "%y1") if wide else ("%x", "%y")
    return f"""
func.func @main(%A: memref<{first}x{dtype}>, %B: memref<{second}x{dtype}>,
                %C: memref<{m}x{n}xf32>, %D: memref<{n}xf32>) {{
  %zero = arith.constant 0.0 : f32
  linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}} outs(%C : memref<{m}x{n}xf32>) {{
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  }}
  linalg.generic {{indexing_maps = [{dims}{a}>, {dims}{b}>, {dims}(m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%A, %B : memref<{first}x{dtype}>, memref<{second}x{dtype}>)
    outs(%C : memref<{m}x{n}xf32>) {attributes} {{
  ^bb0(%x: {dtype}, %y: {dtype}, %o: f32):
    {body}
    %p = arith.mulf {names[0]}, {names[1]} : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  }}
  {use}
  return
}}"""


def lowered(text, **options):
    module = ir.parse(text)
    NvidiaContractions(**options).run(module)
    ir.verify(module)
    ir.run_passes(module, "canonicalize,cse")
    return ir.to_text(module)


def counts(text, *names):
    return [len(re.findall(rf"{re.escape(name)}\b", text)) for name in names]


def test_one_kernel_takes_the_fill_the_product_and_what_follows():
    bias = """linalg.generic {indexing_maps =
        [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
    ins(%D : memref<64xf32>) outs(%C : memref<128x64xf32>) {
  ^bb0(%d: f32, %c: f32):
    %r = arith.addf %c, %d : f32
    linalg.yield %r : f32
  }"""
    text = lowered(product(128, 64, 96, use=bias), chip="sm_80")
    assert counts(text, "linalg.generic", "gpu.launch_func", "gpu.func") == [0, 1, 1]
    assert "arith.addf" in text
    assert "memref<8192xf32>" in text  # the result, as one row
    assert counts(text, "scf.if") == [1]  # the copy of a later tile; no element is guarded


def test_tensor_cores_are_fed_by_ldmatrix_and_asynchronous_copies_of_16_bytes():
    text = lowered(product(128, 128, 64), chip="sm_80")
    # Tiles of 128 x 128 x 32 for four warps of 64 x 64: 4 x 8 products, twice.
    assert counts(text, "nvgpu.mma.sync", "nvgpu.ldmatrix") == [64, 16]
    copies = re.findall(r"nvgpu.device_async_copy .*", text)
    assert copies and all(", 8 {bypassL1}" in copy for copy in copies)
    assert "nvvm.cp.async.wait.group 1" in text
    assert "vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>" in text


def test_factors_that_are_stored_transposed_are_transposed_by_ldmatrix():
    straight = lowered(product(64, 64, 64, turned="b"), chip="sm_80")
    assert "transpose = true" not in straight
    turned = lowered(product(64, 64, 64, turned="ab"), chip="sm_80")
    assert "transpose = true" in turned and "transpose = false" in turned


def test_odd_rows_are_read_element_by_element_and_zero_beyond_the_edge():
    text = lowered(product(33, 17, 9), chip="sm_80")
    assert "nvgpu.device_async_copy" not in text
    assert "vector.load" not in text
    assert "nvgpu.mma.sync" in text
    assert "arith.select" in text
    assert "arith.cmpi ult" in text


def test_rows_of_eight_bytes_are_copied_so():
    text = lowered(product(64, 64, 36), chip="sm_80")
    assert ", 4 :" in text or ", 4 {" in text or re.search(r"device_async_copy .*, 4, ", text)
    assert counts(text, "bypassL1")[0] > 0  # the right factor's rows are longer


def test_f32_is_multiplied_and_added_in_one_rounding():
    text = lowered(product(64, 64, 32, "f32"), chip="sm_80")
    assert "vector.fma" in text
    assert "nvgpu.mma.sync" not in text


def test_tf32_is_rounded_to_nearest():
    text = lowered(product(64, 64, 32, "f32"), chip="sm_80", f32="tf32")
    assert "tf32Enabled" in text
    assert "nvvm.convert.float.to.tf32" in text
    assert "vector.fma" not in text


def test_a_warpgroup_copies_for_two_that_multiply():
    text = lowered(product(2048, 2048, 128, turned="b"), chip="sm_90a")
    assert "nvvm.wgmma.mma_async" in text
    assert "nvvm.setmaxregister decrease 40" in text
    assert "nvvm.setmaxregister increase 232" in text
    assert "array<i32: 384, 1, 1>" in text
    assert counts(text, "nvvm.cp.async.bulk.tensor.shared.cluster.global") == [2]


def test_rows_that_tma_cannot_take_leave_wgmma_out():
    text = lowered(product(256, 512, 132, turned="b"), chip="sm_90a")
    assert "nvvm.wgmma.mma_async" not in text
    assert "nvgpu.mma.sync" in text


def test_parameters_of_the_operation_are_used():
    given = ", ".join(
        f"{name} = {value} : i64"
        for name, value in {
            "block_m": 32, "block_n": 64, "block_k": 64, "sub_m": 16, "sub_n": 32, "stages": 4,
        }.items()
    )  # fmt: skip
    text = lowered(product(64, 64, 64, params=given), chip="sm_80")
    assert "array<i32: 128, 1, 1>" in text
    assert "known_grid_size = array<i32: 2, 1, 1>" in text
    assert "nvvm.cp.async.wait.group 2" in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sub_m = 24 : i64", "sub_m = 24 is not a multiple of 16"),
        ("stages = 64 : i64", "bytes of shared memory of 166912"),
    ],
)
def test_tiles_that_no_kernel_can_have_are_refused_at_their_place(given, message):
    with pytest.raises(UserError, match=message):
        lowered(product(64, 64, 64, params=given), chip="sm_80")


def test_matrix_times_vector_is_left_for_the_loops():
    assert "linalg.generic" in lowered(product(64, 1, 64), chip="sm_80")
