"""What stands around a contraction moves into its tiles, and only when nothing else sees it."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, lower, mlir_payload

PARAMETERS = {"simd_bits": 512, "registers": 32, "threads": 2, "grain": 1000}
HEAD = """
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#d = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#column = affine_map<(m, n) -> (n)>
"""
PRODUCT = """
  linalg.generic {indexing_maps = [#mk, #kn, #mn],
                  iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<37x600xf32>, memref<600x51xf32>) outs(%t : memref<37x51xf32>)
    attrs = {pharos.params = {kc = 150 : i64, mc = 24 : i64, nc = 32 : i64}} {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %x = arith.addf %s, %m : f32
    linalg.yield %x : f32
  }"""
FILL = "linalg.fill ins(%zero : f32) outs(%t : memref<37x51xf32>)"
RELU = """
    %w = arith.maximumf %v, %zero : f32
    linalg.yield %w : f32"""


def elementwise(ins: str, maps: str, body: str, out: str = "%o", types: str = "") -> str:
    types = types or ", ".join(["memref<37x51xf32>"] * (ins.count("%")))
    return f"""
  linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel"]}}
    ins({ins} : {types}) outs({out} : memref<37x51xf32>) {{{body}
  }}"""


def program(*parts: str, temporary: bool = True) -> str:
    body = "\n".join(parts)
    t = "%t = memref.alloc() : memref<37x51xf32>" if temporary else ""
    done = "memref.dealloc %t : memref<37x51xf32>" if temporary else ""
    argument = "" if temporary else "%t: memref<37x51xf32>, "
    return f"""{HEAD}
func.func @f(%a: memref<37x600xf32>, %b: memref<600x51xf32>, {argument}%o: memref<37x51xf32>,
             %r: memref<37xf32>, %c: memref<51xf32>, %scale: f32) {{
  %zero = arith.constant 0.0 : f32
  {t}
  {body}
  {done}
  return
}}"""


def stages(text: str) -> str:
    driving = {"stop_after": "packed-contractions"}
    return str(lower(mlir_payload(text), Request(parameters=PARAMETERS, driving=driving)).module)


def arrays():
    rng = np.random.default_rng(0)
    shapes = [(37, 600), (600, 51), (37,), (51,)]
    return [rng.standard_normal(s).astype(np.float32) for s in shapes]


def run(text: str, *, temporary: bool = True):
    a, b, r, c = arrays()
    o, t = (np.full((37, 51), np.nan, np.float32) for _ in range(2))
    between = [] if temporary else [t]
    load(compile(mlir_payload(text), Request(parameters=PARAMETERS))).call(
        "f", a, b, *between, o, r, c, np.float32(0.5)
    )
    return o, t


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


def exact():
    a, b, r, c = (x.astype(float) for x in arrays())
    return a @ b, r[:, None], c


def test_bias_scale_and_relu_are_done_on_the_tile():
    body = (
        """
  ^bb0(%u: f32, %e: f32, %g: f32, %old: f32):
    %y = arith.addf %u, %e : f32
    %z = arith.mulf %y, %scale : f32
    %v = arith.addf %z, %g : f32"""
        + RELU
    )
    types = "memref<37x51xf32>, memref<51xf32>, memref<37xf32>"
    text = program(
        FILL, PRODUCT, elementwise("%t, %c, %r", "#d, #column, #row, #d", body, types=types)
    )
    assert "linalg.generic" not in stages(text)
    ab, r, c = exact()
    close(run(text)[0], np.maximum((ab + c) * 0.5 + r, 0))


def test_what_the_body_computes_from_outside_alone_is_computed_in_the_tile():
    body = """
  ^bb0(%u: f32, %old: f32):
    %y = math.sqrt %scale : f32
    %v = arith.divf %u, %y : f32
    linalg.yield %v : f32"""
    text = program(FILL, PRODUCT, elementwise("%t", "#d, #d", body))
    assert "linalg.generic" not in stages(text)
    close(run(text)[0], exact()[0] / np.sqrt(0.5))


def test_a_broadcast_start_is_added_and_not_written():
    start = """
  linalg.generic {indexing_maps = [#column, #d], iterator_types = ["parallel", "parallel"]}
    ins(%c : memref<51xf32>) outs(%o : memref<37x51xf32>) {
  ^bb0(%u: f32, %old: f32):
    linalg.yield %u : f32
  }"""
    text = program(start, PRODUCT.replace("%t", "%o"))
    assert "linalg.generic" not in stages(text)
    ab, _, c = exact()
    close(run(text)[0], ab + c)


def test_a_scalar_start_is_added():
    text = program(FILL.replace("%zero", "%scale").replace("%t", "%o"), PRODUCT.replace("%t", "%o"))
    assert "linalg.generic" not in stages(text)
    close(run(text)[0], exact()[0] + 0.5)


def test_an_operation_in_place_is_done_on_the_tile():
    body = "\n  ^bb0(%v: f32, %old: f32):" + RELU
    text = program(
        FILL.replace("%t", "%o"), PRODUCT.replace("%t", "%o"), elementwise("%o", "#d, #d", body)
    )
    assert "linalg.generic" not in stages(text)
    close(run(text)[0], np.maximum(exact()[0], 0))


def test_a_result_that_others_read_is_stored():
    body = "\n  ^bb0(%v: f32, %old: f32):" + RELU
    finish = elementwise("%t", "#d, #d", body)
    text = program(FILL, PRODUCT, finish, temporary=False)
    assert "linalg.generic" in stages(text)
    o, t = run(text, temporary=False)
    close(t, exact()[0])
    close(o, np.maximum(exact()[0], 0))
    twice = elementwise(
        "%t, %o",
        "#d, #d, #d",
        """
  ^bb0(%u: f32, %e: f32, %old: f32):
    %v = arith.addf %u, %e : f32
    linalg.yield %v : f32""",
    )
    text = program(FILL, PRODUCT, finish, twice)
    assert "linalg.generic" in stages(text)
    close(run(text)[0], np.maximum(exact()[0], 0) + exact()[0])


def test_what_the_operation_reads_may_not_change_in_between():
    change = """
  linalg.fill ins(%scale : f32) outs(%c : memref<51xf32>)"""
    body = """
  ^bb0(%u: f32, %e: f32, %old: f32):
    %v = arith.addf %u, %e : f32
    linalg.yield %v : f32"""
    types = "memref<37x51xf32>, memref<51xf32>"
    finish = elementwise("%t, %c", "#d, #column, #d", body, types=types)
    text = program(FILL, PRODUCT, change, finish)
    close(run(text)[0], exact()[0] + 0.5)


def test_a_transposed_reader_is_no_finish_of_the_tile_in_place():
    swapped = (
        """
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (n, m)>, #d],
                  iterator_types = ["parallel", "parallel"]}
    ins(%t : memref<37x51xf32>) outs(%u : memref<51x37xf32>) {
  ^bb0(%v: f32, %old: f32):"""
        + RELU
        + "\n  }"
    )
    text = program(FILL, PRODUCT, swapped)
    text = text.replace("%o: memref<37x51xf32>", "%u: memref<51x37xf32>")
    a, b, r, c = arrays()
    u = np.full((51, 37), np.nan, np.float32)
    load(compile(mlir_payload(text), Request(parameters=PARAMETERS))).call(
        "f", a, b, u, r, c, np.float32(0.5)
    )
    close(u, np.maximum(exact()[0], 0).T)


@pytest.mark.parametrize("dtype", ["bf16", "f16"])
def test_narrow_results_are_rounded_once(dtype):
    body = f"""
  ^bb0(%u: f32, %old: {dtype}):
    %v = arith.truncf %u : f32 to {dtype}
    linalg.yield %v : {dtype}"""
    finish = elementwise("%t", "#d, #d", body).replace(
        "outs(%o : memref<37x51xf32>)", f"outs(%o : memref<37x51x{dtype}>)"
    )
    text = program(FILL, PRODUCT, finish)
    text = text.replace("%o: memref<37x51xf32>", f"%o: memref<37x51x{dtype}>")
    assert "linalg.generic" not in stages(text)
    import ml_dtypes

    type_ = np.float16 if dtype == "f16" else ml_dtypes.bfloat16
    a, b, r, c = arrays()
    o = np.zeros((37, 51), type_)
    load(compile(mlir_payload(text), Request(parameters=PARAMETERS))).call(
        "f", a, b, o, r, c, np.float32(0.5)
    )
    step = 2.0**-8 if dtype == "bf16" else 2.0**-11
    np.testing.assert_allclose(o.astype(float), exact()[0], rtol=step * 1.1, atol=2e-4)
