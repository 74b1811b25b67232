"""What kernels contractions on memrefs become on AMD GPUs."""

import re

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.amd.contractions import AmdContractions

MAPS = {"": ("(m, k)", "(k, n)"), "b": ("(m, k)", "(n, k)"), "a": ("(k, m)", "(k, n)")}
WIDEN = "%x1 = arith.extf %x : {0} to f32\n %y1 = arith.extf %y : {0} to f32"


def product(m, n, k, dtype="f16", turned="", params=""):
    """C += A B on memrefs."""
    a, b = MAPS[turned]
    sizes = {"m": m, "n": n, "k": k}
    first, second = ("x".join(str(sizes[d]) for d in re.findall("[mnk]", f)) for f in (a, b))
    dims = "affine_map<(m, n, k) -> "
    x, y = ("%x", "%y") if dtype == "f32" else ("%x1", "%y1")
    return f"""
func.func @main(%A: memref<{first}x{dtype}>, %B: memref<{second}x{dtype}>,
                %C: memref<{m}x{n}xf32>) {{
  linalg.generic {{indexing_maps = [{dims}{a}>, {dims}{b}>, {dims}(m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%A, %B : memref<{first}x{dtype}>, memref<{second}x{dtype}>)
    outs(%C : memref<{m}x{n}xf32>) attrs = {{pharos.params = {{{params}}}}} {{
  ^bb0(%x: {dtype}, %y: {dtype}, %o: f32):
    {"" if dtype == "f32" else WIDEN.format(dtype)}
    %p = arith.mulf {x}, {y} : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  }}
  return
}}"""


def lowered(text, **options):
    module = ir.parse(text)
    AmdContractions(**options).run(module)
    ir.verify(module)
    ir.run_passes(module, "canonicalize,cse")
    return ir.to_text(module)


def tiles(block_m, block_n, block_k, sub_m, sub_n):
    values = {"block_m": block_m, "block_n": block_n, "block_k": block_k, "sub_m": sub_m,
              "sub_n": sub_n, "stages": 2}  # fmt: skip
    return ", ".join(f"{name} = {value} : i64" for name, value in values.items())


def count(text, name):
    return len(re.findall(rf"{re.escape(name)}\b", text))


def test_wmma_is_fed_from_tiles_in_workgroup_memory():
    given = tiles(64, 64, 32, 32, 32)
    text = lowered(product(128, 128, 64, turned="b", params=given), chip="gfx1100")
    # Each wave: 2 x 2 pieces, two inner steps of 16; a fragment is two loads of 16 bytes.
    assert count(text, "amdgpu.wmma 16x16x16") == 8
    assert count(text, "gpu.launch_func") == 1 and "linalg.generic" not in text
    assert "array<i32: 128, 1, 1>" in text
    loads = re.findall(r"vector.load .*workgroup>>, vector<8xf16>", text)
    assert len(loads) == 2 * 2 * 2 * 2
    assert count(text, "gpu.barrier memfence") >= 1


def test_mfma_takes_its_factors_in_the_other_order():
    """So that what a lane has of the result lies together in a row: stores of four sums."""
    given = tiles(64, 64, 16, 32, 32)
    text = lowered(product(64, 64, 64, turned="b", params=given), chip="gfx942")
    assert count(text, "amdgpu.mfma 32x32x8") == 2
    assert re.search(r"vector.store .* vector<4xf32>", text)
    assert "array<i32: 256, 1, 1>" in text


def test_small_pieces_take_the_small_instruction():
    text = lowered(product(64, 64, 64, params=tiles(32, 32, 32, 16, 32)), chip="gfx942")
    assert count(text, "amdgpu.mfma 16x16x16") == 4
    assert "32x32x8" not in text


@pytest.mark.parametrize(
    ("chip", "f32", "expected", "other"),
    [
        ("gfx942", "matrix", "amdgpu.mfma", "vector.fma"),
        ("gfx942", "fma", "vector.fma", "amdgpu.mfma"),
        ("gfx1100", "matrix", "vector.fma", "amdgpu.wmma"),
    ],
)
def test_f32_by_matrix_instructions_where_the_chip_has_them(chip, f32, expected, other):
    text = lowered(product(64, 64, 64, "f32"), chip=chip, f32=f32)
    assert expected in text and other not in text


def test_odd_rows_are_read_element_by_element():
    text = lowered(product(33, 17, 9), chip="gfx1151")
    assert "amdgpu.wmma" in text and "arith.select" in text
    assert not re.search(r"vector.load .*memref<\d+xf16>", text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sub_m = 24 : i64", "sub_m = 24 is not a multiple of 16"),
        (tiles(256, 256, 64, 64, 64), "bytes of shared memory of 65536"),
    ],
)
def test_tiles_that_no_kernel_can_have_are_refused_at_their_place(given, message):
    with pytest.raises(UserError, match=message):
        lowered(product(64, 64, 64, params=given), chip="gfx942")


def test_matrix_times_vector_is_left_for_the_loops():
    assert "linalg.generic" in lowered(product(64, 1, 64), chip="gfx942")
