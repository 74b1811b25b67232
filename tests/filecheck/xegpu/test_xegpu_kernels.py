"""What the stages of xegpu write, line by line where it matters."""

import re

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.xegpu.contractions.factors import XeGpuFactors
from pharos.targets.xegpu.contractions.multiply_adds import XeGpuMultiplyAdds
from pharos.targets.xegpu.contractions.stage import XeGpuProducts
from pharos.targets.xegpu.kernel_form import KernelForm
from pharos.targets.xegpu.tiles_to_lanes import TilesToLanes

MATMUL = """
func.func @f(%a: memref<{m}x{k}x{t}>, %b: memref<{k}x{n}x{t}>, %c: memref<{m}x{n}xf32>) {{
  linalg.generic {{indexing_maps = [affine_map<(i, j, l) -> ({am})>,
      affine_map<(i, j, l) -> (l, j)>, affine_map<(i, j, l) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : memref<{m}x{k}x{t}>, memref<{k}x{n}x{t}>) outs(%c : memref<{m}x{n}xf32>){more} {{
  ^bb0(%x: {t}, %y: {t}, %z: f32):
    %p = arith.extf %x : {t} to f32
    %q = arith.extf %y : {t} to f32
    %u = arith.mulf %p, %q : f32
    %v = arith.addf %z, %u : f32
    linalg.yield %v : f32
  }}
  return
}}
"""


def product(m=64, n=64, k=96, t="f16", am="i, l", more=""):
    return MATMUL.format(m=m, n=n, k=k, t=t, am=am, more=more)


def parameters(**values):
    listed = ", ".join(f"{name} = {value} : i64" for name, value in values.items())
    return f" attrs = {{pharos.params = {{{listed}}}}}"


def run(text, *stages):
    module = ir.parse(text)
    for stage in stages or (XeGpuProducts(),):
        stage.run(module)
        ir.verify(module)
    return module


def lines(module, word):
    return [line.strip() for line in str(module).splitlines() if word in line]


def test_the_kernel_at_workgroup_level():
    module = run(product())
    ir.run_passes(module, "canonicalize,cse")
    text = re.sub(r"#xegpu\.layout<[^>]*>", "LAYOUT", str(module))
    body = text[text.index("gpu.func") : text.index("gpu.return")]
    words = re.findall(r"(?:xegpu|scf|gpu)\.\w+", body)
    assert words == [
        "gpu.func", "gpu.block_id", "gpu.block_id",
        "xegpu.create_nd_tdesc", "xegpu.tensor_desc", "xegpu.load_nd", "xegpu.tensor_desc",
        "xegpu.create_nd_tdesc", "xegpu.tensor_desc", "xegpu.create_nd_tdesc", "xegpu.tensor_desc",
        "xegpu.create_nd_tdesc", "xegpu.tensor_desc", "xegpu.create_nd_tdesc", "xegpu.tensor_desc",
        *["xegpu.prefetch_nd", "xegpu.cache_hint", "xegpu.cache_hint", "xegpu.tensor_desc"] * 2,
        "scf.for",
        *["xegpu.prefetch_nd", "xegpu.cache_hint", "xegpu.cache_hint", "xegpu.tensor_desc"] * 2,
        "xegpu.load_nd", "xegpu.tensor_desc", "xegpu.convert_layout",
        "xegpu.load_nd", "xegpu.tensor_desc", "xegpu.convert_layout",
        "xegpu.dpas", "scf.yield", "xegpu.store_nd", "xegpu.tensor_desc",
    ]  # fmt: skip


def test_layouts_of_loads_and_products():
    (dpas,) = lines(run(product()), "xegpu.dpas")
    assert (
        "layout_a = #xegpu.layout<sg_layout = [2, 2], sg_data = [32, 32], inst_data = [8, 16]>"
        in dpas
    )
    assert (
        "layout_b = #xegpu.layout<sg_layout = [2, 2], sg_data = [32, 32], inst_data = [16, 16]>"
        in dpas
    )
    assert (
        "layout_cd = #xegpu.layout<sg_layout = [2, 2], sg_data = [32, 32], inst_data = [8, 16]>"
        in dpas
    )
    loads = lines(run(product()), "xegpu.load_nd")
    assert all("inst_data = [32, 16]" in line for line in loads[1:])


def test_the_launch_covers_the_result():
    (launch,) = lines(run(product(m=200, n=72)), "gpu.launch_func")
    module = run(product(m=200, n=72))
    assert "known_block_size = array<i32: 256, 1, 1>" in str(module)
    assert "known_grid_size = array<i32: 2, 1, 1>" in str(module)
    assert "@kernels::@product_0" in launch


def test_parameters_decide():
    more = parameters(
        wg_m=32, wg_n=64, sg_m=16, sg_n=32, k_tile=16, load_a_m=8, load_b_k=16, prefetch=0
    )
    module = run(product(more=more))
    assert (
        "vector<32x16xf16>, vector<16x64xf16>, vector<32x64xf32>" in lines(module, "xegpu.dpas")[0]
    )
    assert "known_grid_size = array<i32: 2, 1, 1>" in str(module)
    assert not lines(module, "xegpu.prefetch_nd")


def test_illegal_parameters_are_refused_at_the_product():
    with pytest.raises(
        UserError, match="sg_m = 12 is not a multiple of the rows of dpas"
    ) as caught:
        run(product(more=parameters(sg_m=12)))
    assert caught.value.span.line == 3


def test_a_transposed_factor_is_loaded_turned():
    text = product(m=64, k=64, am="l, i")
    found = lines(run(text), "order = [0, 1]")
    assert any("xegpu.load_nd" in line and "-> vector<32x64xf16>" in line for line in found)
    assert lines(run(text), "vector.transpose")[0].endswith(
        "[1, 0] : vector<32x64xf16> to vector<64x32xf16>"
    )


def test_what_blocks_cannot_reach_is_copied():
    module = run(product(m=64, n=64, k=33))
    assert lines(module, "memref.alloc()")[0].endswith(": memref<64x64xf16>")
    assert len(lines(module, "linalg.generic")) == 2
    assert len(lines(module, "memref.dealloc")) == 1
    # A has 64 columns now, of which zeros are the last; B keeps its 33 rows.
    shapes = re.findall(r"shape : \[(\d+, \d+)\]", str(module))
    assert {"64, 64", "33, 64"} <= set(shapes)


def test_a_result_between_lines_is_scattered():
    module = run(product(n=65))
    assert lines(module, "xegpu.store ")
    assert not lines(module, "xegpu.store_nd")


@pytest.mark.parametrize(
    "text",
    [
        product(t="f32").replace("%p = arith.extf %x : f32 to f32", "%p = arith.negf %x : f32")
        .replace("%q = arith.extf %y : f32 to f32", "%q = arith.negf %y : f32"),
        product(m=3),
        product(m="?"),
        product().replace("%u = arith", "%o = arith.negf %p : f32\n    %u = arith")
        .replace("arith.mulf %p", "arith.mulf %o"),
    ],
    ids=["f32", "three rows", "dynamic", "computed factor"],
)  # fmt: skip
def test_what_is_left_alone(text):
    assert not lines(run(text), "gpu.launch_func")


def test_the_rest_runs_on_multiply_adds():
    text = (
        product(t="f32")
        .replace("arith.extf %x : f32 to f32", "arith.negf %x : f32")
        .replace("arith.extf %y : f32 to f32", "arith.negf %y : f32")
    )
    module = run(text, XeGpuProducts(), XeGpuMultiplyAdds())
    assert "@kernels::@f_contraction_0" in lines(module, "gpu.launch_func")[0]
    assert lines(module, "fma")


def lowered_to(level):
    module = run(product(), XeGpuProducts(), KernelForm())
    ir.run_passes(module, "xevm-attach-target{chip=bmg triple=spirv64-unknown-unknown}")
    for to in ("subgroups", "instructions", "lanes"):
        TilesToLanes(to).run(module)
        ir.verify(module)
        if to == level:
            return str(module)
    raise AssertionError(level)


@pytest.mark.parametrize(
    ("level", "vectors"),
    [
        ("subgroups", "vector<32x32xf16>, vector<32x32xf16>, vector<32x32xf32>"),
        ("instructions", "vector<8x16xf16>, vector<16x16xf16>, vector<8x16xf32>"),
        ("lanes", "vector<8xf16>, vector<16xf16>, vector<8xf32>"),
    ],
)
def test_levels(level, vectors):
    found = [line for line in lowered_to(level).splitlines() if "xegpu.dpas" in line]
    assert found and all(vectors in line for line in found)
    # 32 x 32 x 32 in pieces of 8 x 16 x 16.
    assert len(found) == (1 if level == "subgroups" else 16)


def test_kernels_without_tiles_stay_as_they_are():
    text = """
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) workgroup(%s: memref<64xf32, #gpu.address_space<workgroup>>)
        kernel {
      %i = gpu.thread_id x
      %v = memref.load %x[%i] : memref<64xf32>
      memref.store %v, %s[%i] : memref<64xf32, #gpu.address_space<workgroup>>
      gpu.return
    }
  }
}
"""
    module = ir.parse(text)
    before = str(module)
    for to in ("subgroups", "instructions", "lanes"):
        TilesToLanes(to).run(module)
    assert str(module) == before


COMPUTED = """
func.func @f(%x: memref<32x64xf16>, %b: memref<64xf16>, %w: memref<64x48xf16>,
             %c: memref<32x48xf32>) {{
  %zero = arith.constant 0.0 : {t}
  linalg.generic {{indexing_maps = [affine_map<(i, j, l) -> (i, l)>, affine_map<(i, j, l) -> (l)>,
      affine_map<(i, j, l) -> (l, j)>, affine_map<(i, j, l) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%x, %b, %w : memref<32x64xf16>, memref<64xf16>, memref<64x48xf16>)
      outs(%c : memref<32x48xf32>) {{
  ^bb0(%p: f16, %q: f16, %r: f16, %s: f32):
    {body}
    %u = arith.extf %r : f16 to f32
    %v = arith.mulf %t, %u : f32
    %o = arith.addf %s, %v : f32
    linalg.yield %o : f32
  }}
  return
}}
"""
IN_F16 = """%a = arith.addf %p, %q : f16
    %m = arith.maximumf %a, %zero : f16
    %t = arith.extf %m : f16 to f32"""
IN_F32 = """%a = arith.extf %p : f16 to f32
    %d = arith.extf %q : f16 to f32
    %m = arith.addf %a, %d : f32
    %t = arith.maximumf %m, %zero : f32"""


def test_a_factor_that_is_computed_is_computed_before():
    module = run(COMPUTED.format(t="f16", body=IN_F16), XeGpuFactors(), XeGpuProducts())
    first = str(module)[: str(module).index("gpu.launch_func")]
    assert first.count("linalg.generic") == 1
    assert "ins(%arg0, %arg1 : memref<32x64xf16>, memref<64xf16>)" in first
    assert "outs(%alloc : memref<32x64xf16>)" in first
    (launch,) = lines(module, "gpu.launch_func")
    assert "args(%alloc : memref<32x64xf16>, %arg2 : memref<64x48xf16>, %arg3" in launch


def test_a_factor_that_is_computed_in_f32_stays():
    module = run(COMPUTED.format(t="f32", body=IN_F32), XeGpuFactors(), XeGpuProducts())
    assert not lines(module, "memref.alloc") and not lines(module, "gpu.launch_func")


def test_square_tiles_of_one_subgroup_keep_rows_and_columns_apart():
    more = parameters(wg_m=32, wg_n=32, sg_m=32, sg_n=32, k_tile=32, load_a_m=32, load_b_k=32)
    module = run(product(m=65, n=65, more=more), XeGpuProducts(), KernelForm())
    ir.run_passes(module, "xevm-attach-target{chip=bmg triple=spirv64-unknown-unknown}")
    for to in ("subgroups", "instructions", "lanes"):
        TilesToLanes(to).run(module)
        ir.verify(module)
    assert lines(module, "xegpu.store")
