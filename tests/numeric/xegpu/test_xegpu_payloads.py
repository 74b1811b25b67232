"""Payloads of several kernels, batches, views, and what runs without matrix units."""

import itertools

import numpy as np
import pytest
from both_levels import DTYPES, kinds, numbers, ran, spirv, tensor, wide

RNG = np.random.default_rng(11)


def einsum(spec, sizes, factor="f16", result="f32"):
    """A contraction as a payload, written as numpy's einsum has it."""
    inputs, out = spec.split("->")
    a, b = inputs.split(",")
    loops = out + "".join(sorted({*a, *b} - set(out)))
    maps = ", ".join(f"affine_map<({', '.join(loops)}) -> ({', '.join(o)})>" for o in (a, b, out))
    kinds_ = ", ".join('"parallel"' if d in out else '"reduction"' for d in loops)
    types = [tensor([sizes[d] for d in o], t) for o, t in ((a, factor), (b, factor), (out, result))]
    return f"""
func.func @f(%A: {types[0]}, %B: {types[1]}) -> {types[2]} {{
  %zero = arith.constant 0.0 : {result}
  %empty = tensor.empty() : {types[2]}
  %filled = linalg.fill ins(%zero : {result}) outs(%empty : {types[2]}) -> {types[2]}
  %sums = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds_}]}}
      ins(%A, %B : {types[0]}, {types[1]}) outs(%filled : {types[2]}) {{
  ^bb0(%x: {factor}, %y: {factor}, %z: {result}):
    %p = arith.extf %x : {factor} to {result}
    %q = arith.extf %y : {factor} to {result}
    %u = arith.mulf %p, %q : {result}
    %v = arith.addf %z, %u : {result}
    linalg.yield %v : {result}
  }} -> {types[2]}
  return %sums : {types[2]}
}}"""


CONTRACTIONS = [
    ("bmk,bkn->bmn", {"b": 3, "m": 17, "k": 24, "n": 33}),
    ("bmk,bnk->bmn", {"b": 2, "m": 32, "k": 32, "n": 48}),
    ("bsk,kn->bsn", {"b": 2, "s": 9, "k": 40, "n": 33}),
    ("bthd,bshd->bhts", {"b": 1, "t": 8, "h": 2, "d": 32, "s": 20}),
    ("bhts,bshd->bthd", {"b": 1, "h": 2, "t": 12, "s": 16, "d": 32}),
    ("mk,kn->nm", {"m": 20, "k": 16, "n": 36}),
    ("kxm,xkn->mn", {"k": 4, "x": 8, "m": 16, "n": 16}),
]


@pytest.mark.parametrize(
    ("spec", "sizes"),
    [
        pytest.param(*c, marks=() if n == 3 else pytest.mark.slow)
        for n, c in enumerate(CONTRACTIONS)
    ],
)
def test_contractions_of_any_layout(spec, sizes):
    inputs, _ = spec.split("->")
    a, b = (numbers(RNG, [sizes[d] for d in o], "f16") for o in inputs.split(","))
    found = ran(einsum(spec, sizes), a, b)
    np.testing.assert_allclose(found.results[0], np.einsum(spec, wide(a), wide(b)), atol=2e-4)
    assert spirv(found.artifact)
    # Where the inner loops are no one dimension, multiply-adds do it.
    assert ("product" in kinds(found)) == (spec != "kxm,xkn->mn")


def layer(number, m, k, n):
    x, w, y = tensor((m, k), "f16"), tensor((k, n), "f16"), tensor((m, n), "f16")
    b = tensor((n,), "f16")
    return f"""
  %e{number} = tensor.empty() : {y}
  %f{number} = linalg.fill ins(%zero : f16) outs(%e{number} : {y}) -> {y}
  %p{number} = linalg.matmul ins(%x{number}, %w{number} : {x}, {w}) outs(%f{number} : {y}) -> {y}
  %x{number + 1} = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}}
      ins(%p{number}, %b{number} : {y}, {b}) outs(%e{number} : {y}) {{
  ^bb0(%x: f16, %b: f16, %o: f16):
    %s = arith.addf %x, %b : f16
    %t = arith.maximumf %s, %zero : f16
    linalg.yield %t : f16
  }} -> {y}"""


@pytest.mark.slow
def test_layers_are_a_kernel_each():
    m, widths = 33, (40, 72, 64)
    pairs = list(itertools.pairwise(widths))
    declared = [f"%x0: {tensor((m, widths[0]), 'f16')}"]
    for number, (k, n) in enumerate(pairs):
        declared.append(f"%w{number}: {tensor((k, n), 'f16')}, %b{number}: {tensor((n,), 'f16')}")
    body = "".join(layer(number, m, k, n) for number, (k, n) in enumerate(pairs))
    text = f"""
func.func @f({", ".join(declared)}) -> {tensor((m, widths[-1]), "f16")} {{
  %zero = arith.constant 0.0 : f16{body}
  return %x{len(pairs)} : {tensor((m, widths[-1]), "f16")}
}}"""
    x, arguments = numbers(RNG, (m, widths[0]), "f16"), []
    expected = wide(x)
    for k, n in pairs:
        w, b = numbers(RNG, (k, n), "f16"), numbers(RNG, (n,), "f16")
        arguments += [w, b]
        rounded = wide((expected @ wide(w)).astype(np.float16))
        expected = wide(np.maximum(rounded + wide(b), 0).astype(np.float16))
    found = ran(text, x, *arguments)
    np.testing.assert_allclose(found.results[0], expected, atol=4e-3 * np.abs(expected).max())
    assert kinds(found) == ["product", "product"]


@pytest.mark.slow
def test_a_view_that_begins_between_lines():
    a, b = tensor((40, 64), "f16"), tensor((64, 32), "f16")
    c, part = tensor((32, 32), "f32"), tensor((32, 48), "f16")
    text = f"""
func.func @f(%A: {a}, %B: {b}) -> {c} {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {c}
  %filled = linalg.fill ins(%zero : f32) outs(%empty : {c}) -> {c}
  %left = tensor.extract_slice %A[3, 5] [32, 48] [1, 1] : {a} to {part}
  %right = tensor.extract_slice %B[16, 0] [48, 32] [1, 1] : {b} to {tensor((48, 32), "f16")}
  %sums = linalg.matmul ins(%left, %right : {part}, {tensor((48, 32), "f16")})
      outs(%filled : {c}) -> {c}
  return %sums : {c}
}}"""
    left, right = numbers(RNG, (40, 64), "f16"), numbers(RNG, (64, 32), "f16")
    found = ran(text, left, right)
    expected = wide(left)[3:35, 5:53] @ wide(right)[16:64]
    np.testing.assert_allclose(found.results[0], expected, atol=2e-4)
    # A is copied, B, which begins 1024 bytes into its buffer, is not.
    assert kinds(found).count("product") == 1


def unary(shape, dtype, body, **more):
    kind = tensor(shape, dtype)
    return f"""
func.func @f(%x: {kind}) -> {kind} {{
  %e = tensor.empty() : {kind}
  {body.format(kind=kind, **more)}
  return %y : {kind}
}}"""


SOFTMAX = "%y = linalg.softmax dimension(1) ins(%x : {kind}) outs(%e : {kind}) -> {kind}"
TANH = "%y = linalg.tanh ins(%x : {kind}) outs(%e : {kind}) -> {kind}"
NORM = """%zero = arith.constant 0.0 : f32
  %n = arith.constant {n}.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %r = tensor.empty() : tensor<{m}xf32>
  %z = linalg.fill ins(%zero : f32) outs(%r : tensor<{m}xf32>) -> tensor<{m}xf32>
  %s = linalg.reduce {{ arith.addf }} ins(%x : {kind}) outs(%z : tensor<{m}xf32>) dimensions = [1]
  %d = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %s : {kind}, tensor<{m}xf32>) outs(%e : {kind}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %mean = arith.divf %b, %n : f32
    %c = arith.subf %a, %mean : f32
    linalg.yield %c : f32
  }} -> {kind}
  %v = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}}
      ins(%d : {kind}) outs(%z : tensor<{m}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %q = arith.mulf %a, %a : f32
    %p = arith.addf %o, %q : f32
    linalg.yield %p : f32
  }} -> tensor<{m}xf32>
  %y = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}}
      ins(%d, %v : {kind}, tensor<{m}xf32>) outs(%e : {kind}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %var = arith.divf %b, %n : f32
    %w = arith.addf %var, %eps : f32
    %i = math.rsqrt %w : f32
    %c = arith.mulf %a, %i : f32
    linalg.yield %c : f32
  }} -> {kind}"""


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def norm(x):
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)


ROWS = [(16, 128), (37, 100), (5, 1), (3, 1000), (130, 33)]


@pytest.mark.slow
@pytest.mark.parametrize("shape", ROWS, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize(
    ("body", "reference", "dtypes"),
    [(SOFTMAX, softmax, ("f32", "f16", "bf16")), (TANH, np.tanh, ("f32", "f16", "bf16")),
     (NORM, norm, ("f32",))],
    ids=["softmax", "tanh", "layer-norm"],
)  # fmt: skip
def test_rows_and_elements(body, reference, dtypes, shape):
    bounds = {"f32": 4e-6, "f16": 2e-3, "bf16": 1.6e-2}
    for dtype in dtypes:
        x = numbers(RNG, shape, dtype)
        found = ran(unary(shape, dtype, body, m=shape[0], n=shape[1]), x)
        np.testing.assert_allclose(found.results[0], reference(wide(x)), atol=bounds[dtype], rtol=0)
        assert spirv(found.artifact)


def test_a_row_kernel_runs_in_subgroups_of_sixteen():
    x = numbers(RNG, (9, 70), "f32")
    found = ran(unary((9, 70), "f32", SOFTMAX), x)
    np.testing.assert_allclose(found.results[0], softmax(x), atol=1e-6)
    assert b"_Z22get_sub_group" not in spirv(found.artifact)  # became a built-in variable
    assert set(DTYPES) == {"f16", "bf16", "f32"}


def test_numbers_of_places_on_vectors_have_code():
    """They are constants: SPIR-V has no instruction that counts lanes."""
    kind, rows = tensor((6, 256), "f32"), tensor((6,), "f32")
    all_, row = "affine_map<(i, j) -> (i, j)>", "affine_map<(i, j) -> (i)>"
    text = f"""
func.func @f(%x: {kind}, %last: tensor<i32>) -> {rows} {{
  %least = arith.constant -3.0e38 : f32
  %e = tensor.empty() : {rows}
  %start = linalg.fill ins(%least : f32) outs(%e : {rows}) -> {rows}
  %y = linalg.generic {{indexing_maps = [{all_}, affine_map<(i, j) -> ()>, {row}],
      iterator_types = ["parallel", "reduction"]}} ins(%x, %last : {kind}, tensor<i32>)
      outs(%start : {rows}) {{
  ^bb0(%a: f32, %l: i32, %o: f32):
    %j = linalg.index 1 : index
    %k = arith.index_cast %j : index to i32
    %seen = arith.cmpi sle, %k, %l : i32
    %s = arith.select %seen, %a, %least : f32
    %m = arith.maximumf %o, %s : f32
    linalg.yield %m : f32
  }} -> {rows}
  return %y : {rows}
}}"""
    x = numbers(RNG, (6, 256), "f32")
    found = ran(text, x, np.array(70, np.int32))
    np.testing.assert_array_equal(found.results[0], x[:, :71].max(1))
    assert spirv(found.artifact)
