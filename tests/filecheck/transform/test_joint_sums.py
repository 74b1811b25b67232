"""Reductions of the same inputs become one operation; others stay apart."""

from __future__ import annotations

from pharos import ir
from pharos.transform.joint_sums import JointSums

ALL, ROW = "affine_map<(i, j) -> (i, j)>", "affine_map<(i, j) -> (i)>"
COLUMN = "affine_map<(i, j) -> (j)>"


def reduction(name: str, source: str, start: str, body: str, maps: str = f"{ALL}, {ROW}") -> str:
    kinds = '"parallel", "reduction"' if ROW in maps else '"reduction", "parallel"'
    size = 8 if ROW in maps else 16
    return f"""
  {name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
      ins({source} : tensor<8x16xf32>) outs({start} : tensor<{size}xf32>) {{
  ^bb0(%p: f32, %o: f32):
    {body}
    linalg.yield %r : f32
  }} -> tensor<{size}xf32>"""


SUM = "%r = arith.addf %o, %p : f32"
SQUARES = "%q = arith.mulf %p, %p : f32\n    %r = arith.addf %o, %q : f32"


def joined(*operations: str, results: str = "%a, %b", sizes: str = "8 8") -> str:
    kinds = ", ".join(f"tensor<{size}xf32>" for size in sizes.split())
    module = ir.parse(f"""
func.func @f(%x: tensor<8x16xf32>, %y: tensor<8x16xf32>, %u: tensor<8xf32>, %w: tensor<16xf32>)
    -> ({kinds}) {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %z = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
      outs(%e : tensor<8xf32>) {{
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  }} -> tensor<8xf32>
  {"".join(operations)}
  return {results} : {kinds}
}}""")
    JointSums().run(module)
    ir.verify(module)
    return ir.to_text(module)


def test_two_sums_of_one_input_share_a_pass_and_have_fills_of_their_own():
    text = joined(reduction("%a", "%x", "%z", SUM), reduction("%b", "%x", "%z", SQUARES))
    assert text.count('"reduction"') == 1
    assert text.count("linalg.generic") == 3
    assert "-> (tensor<8xf32>, tensor<8xf32>)" in text.rsplit("linalg.generic", 1)[1]


def test_other_inputs_places_and_results_that_depend_on_each_other_stay_apart():
    other = reduction("%b", "%y", "%z", SQUARES)
    assert joined(reduction("%a", "%x", "%z", SUM), other).count('"reduction"') == 2
    columns = reduction("%b", "%x", "%w", SQUARES, f"{ALL}, {COLUMN}")
    apart = joined(reduction("%a", "%x", "%z", SUM), columns, sizes="8 16")
    assert apart.count('"reduction"') == 2
    after = reduction("%b", "%x", "%a", SQUARES)
    assert joined(reduction("%a", "%x", "%z", SUM), after).count('"reduction"') == 2
