"""Contractions: the same facts in named, category and generic forms, on tensors and on memrefs."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.payload import Contraction, inspect_payload

MAPS = {
    "nn": ("(m, k)", "(k, n)", "4x8", "8x16"),
    "tn": ("(k, m)", "(k, n)", "8x4", "8x16"),
    "nt": ("(m, k)", "(n, k)", "4x8", "16x8"),
    "tt": ("(k, m)", "(n, k)", "8x4", "16x8"),
}


def maps(turned: str) -> str:
    lhs, rhs, _, _ = MAPS[turned]
    return ", ".join(f"affine_map<(m, n, k) -> {to}>" for to in (lhs, rhs, "(m, n)"))


def operation(form: str, turned: str, kind: str, out: str) -> str:
    _, _, a, b = MAPS[turned]
    types = f"%a, %b : {kind}<{a}xf32>, {kind}<{b}xf32>"
    tail = f"outs({out} : {kind}<4x16xf32>)"
    if form == "named":
        return f"linalg.matmul indexing_maps = [{maps(turned)}] ins({types}) {tail}"
    if form == "category":
        return f"linalg.contract indexing_maps = [{maps(turned)}] ins({types}) {tail}"
    kinds = '["parallel", "parallel", "reduction"]'
    return f"""linalg.generic {{indexing_maps = [{maps(turned)}], iterator_types = {kinds}}}
      ins({types}) {tail} {{
    ^bb0(%x: f32, %y: f32, %z: f32):
      %p = arith.mulf %y, %x : f32
      %s = arith.addf %p, %z : f32
      linalg.yield %s : f32
    }}"""


def payload(form: str, turned: str, kind: str) -> str:
    _, _, a, b = MAPS[turned]
    arguments = f"%a: {kind}<{a}xf32>, %b: {kind}<{b}xf32>"
    if kind == "memref":
        return f"""func.func @f({arguments}, %c: memref<4x16xf32>) {{
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : memref<4x16xf32>)
    {operation(form, turned, kind, "%c")}
    return }}"""
    return f"""func.func @f({arguments}) -> tensor<4x16xf32> {{
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x16xf32>
    %c = linalg.fill ins(%zero : f32) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
    %r = {operation(form, turned, kind, "%c")} -> tensor<4x16xf32>
    return %r : tensor<4x16xf32> }}"""


@pytest.mark.parametrize("kind", ["tensor", "memref"])
@pytest.mark.parametrize("turned", MAPS)
@pytest.mark.parametrize("form", ["named", "category", "generic"])
def test_every_form_has_the_same_facts(motifs, form, turned, kind):
    (found,) = motifs(payload(form, turned, kind))
    assert isinstance(found, Contraction)
    assert (found.m, found.n, found.k, found.batch) == (4, 16, 8, 1)
    assert (found.transpose_a, found.transpose_b) == (turned[0] == "t", turned[1] == "t")
    assert (found.dtype, found.compute, found.initial) == ("f32", "f32", "zero")
    assert found.operation.name.startswith("linalg.")


MLP = """
func.func @mlp(%x: tensor<32x64xf32>, %v: tensor<64x128xf32>, %w: tensor<128x10xf32>,
    %b: tensor<128xf32>) -> tensor<32x10xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<32x128xf32>) -> tensor<32x128xf32>
  %h = linalg.matmul ins(%x, %v : tensor<32x64xf32>, tensor<64x128xf32>)
    outs(%f : tensor<32x128xf32>) -> tensor<32x128xf32>
  %wide = linalg.broadcast ins(%b : tensor<128xf32>) outs(%e : tensor<32x128xf32>) dimensions = [0]
  %s = linalg.add ins(%h, %wide : tensor<32x128xf32>, tensor<32x128xf32>)
    outs(%e : tensor<32x128xf32>) -> tensor<32x128xf32>
  %r = linalg.max ins(%s, %f : tensor<32x128xf32>, tensor<32x128xf32>)
    outs(%e : tensor<32x128xf32>) -> tensor<32x128xf32>
  %e2 = tensor.empty() : tensor<32x10xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<32x10xf32>) -> tensor<32x10xf32>
  %y = linalg.matmul ins(%r, %w : tensor<32x128xf32>, tensor<128x10xf32>)
    outs(%f2 : tensor<32x10xf32>) -> tensor<32x10xf32>
  return %y : tensor<32x10xf32>
}"""


def test_the_second_layer_of_a_chain_is_not_transposed(motifs):
    first, second = (m for m in motifs(MLP) if isinstance(m, Contraction))
    assert not (first.transpose_a or first.transpose_b)
    assert not (second.transpose_a or second.transpose_b)
    assert (second.m, second.n, second.k) == (32, 10, 128)


def test_an_epilogue_belongs_to_its_contraction(motifs):
    first, second = (m for m in motifs(MLP) if isinstance(m, Contraction))
    assert [step.name for step in first.epilogue] == ["bias", "relu"]
    assert second.epilogue == ()
    assert [op.name for op in first.covers] == ["linalg.matmul", "linalg.add", "linalg.max"]


def test_a_transposition_before_it_is_seen_through(motifs):
    found = motifs("""func.func @f(%a: tensor<8x4xf32>, %b: tensor<8x4xf32>, %c: tensor<8x8xf32>)
    -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %t = linalg.transpose ins(%b : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
  %r = linalg.matmul ins(%a, %t : tensor<8x4xf32>, tensor<4x8xf32>)
    outs(%c : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %r : tensor<8x8xf32> }""")
    contraction = found[-1]
    assert contraction.rhs.layout == "kn" and contraction.rhs.stored == "nk"
    assert contraction.transpose_b and not contraction.transpose_a
    assert contraction.initial == "value"


def test_batches_of_any_number_of_dimensions(motifs):
    (found,) = motifs("""func.func @f(%a: tensor<2x3x4x5xbf16>, %b: tensor<2x3x6x5xbf16>,
    %c: tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32> {
  %r = linalg.contract indexing_maps = [affine_map<(p, q, m, n, k) -> (p, q, m, k)>,
      affine_map<(p, q, m, n, k) -> (p, q, n, k)>, affine_map<(p, q, m, n, k) -> (p, q, m, n)>]
    ins(%a, %b : tensor<2x3x4x5xbf16>, tensor<2x3x6x5xbf16>)
    outs(%c : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  return %r : tensor<2x3x4x6xf32> }""")
    assert (found.batch, found.m, found.n, found.k) == (6, 4, 6, 5)
    assert (found.lhs.dtype, found.dtype, found.compute) == ("bf16", "f32", "f32")
    assert found.transpose_b


@pytest.mark.parametrize(
    ("operation", "types", "sizes"),
    [
        ("matvec", ("?x8xf32", "8xf32", "?xf32"), (None, 1, 8)),
        ("vecmat", ("8xf32", "8x16xf32", "16xf32"), (1, 16, 8)),
        ("dot", ("8xf32", "8xf32", "f32"), (1, 1, 8)),
    ],
)
def test_products_with_vectors_and_sizes_known_later(motifs, operation, types, sizes):
    a, b, c = (f"tensor<{one}>" for one in types)
    (found,) = motifs(f"""func.func @f(%a: {a}, %b: {b}, %c: {c}) -> {c} {{
  %r = linalg.{operation} ins(%a, %b : {a}, {b}) outs(%c : {c}) -> {c}
  return %r : {c} }}""")
    assert (found.m, found.n, found.k) == sizes


def test_a_sum_of_differences_is_no_contraction(motifs):
    (found,) = motifs("""
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @f(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %r = linalg.generic {indexing_maps = [#a, #b, #c],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %d = arith.subf %x, %y : f32
    %s = arith.addf %z, %d : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  return %r : tensor<4x4xf32> }""")
    assert found.kind == "reduction" and found.combiner == "sum of sub"


def test_a_write_between_hides_where_a_buffer_came_from(motifs):
    text = payload("named", "nn", "memref").replace(
        "linalg.matmul",
        "%i = arith.constant 1 : index\n memref.store %zero, %c[%i, %i] : memref<4x16xf32>\n"
        "    linalg.matmul",
    )
    assert motifs(text)[-1].initial == "value"


def keys(text: str) -> list[str]:
    return [m.key for m in inspect_payload(ir.parse(text)).walk() if m.kind == "contraction"]


def test_keys_do_not_depend_on_what_stands_around():
    before = "  %unused = arith.constant 7 : i32\n  %zero = arith.constant 0.0 : f32"
    moved = MLP.replace("  %zero = arith.constant 0.0 : f32", before)
    assert keys(moved) == keys(MLP)
    assert len(set(keys(MLP))) == 2


def test_keys_tell_the_same_work_on_other_operands_apart_by_order():
    type_ = "tensor<4x4xf32>"
    one = f"%r = linalg.matmul ins(%a, %a : {type_}, {type_}) outs(%a : {type_}) -> {type_}"
    text = f"func.func @f(%a: tensor<4x4xf32>) {{ {one}\n {one.replace('%r', '%s')}\n return }}"
    first, second = keys(text)
    assert second == f"{first}.2"


def test_keys_change_with_sizes_and_with_what_is_computed():
    assert keys(MLP) != keys(MLP.replace("64", "65"))
    assert keys(MLP)[1] != keys(MLP.replace("linalg.max ", "linalg.min "))[1]
    written = MLP.replace("linalg.matmul", "linalg.matmul {pharos.params = {mr = 8 : i64}}", 1)
    assert keys(written) == keys(MLP)
