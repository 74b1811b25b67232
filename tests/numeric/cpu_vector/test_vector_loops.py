"""Vector loops against numpy, and against the scalar loops of the default pipeline.

Shapes are drawn at random with 0, 1 and primes among them, so that every register tile meets its
remainder; outputs lie inside larger arrays filled with a guard value that must survive.
"""

from __future__ import annotations

import functools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos.toolchain import Request, compile, load, mlir_payload

TYPES = {
    "f32": np.float32,
    "f64": np.float64,
    "bf16": ml_dtypes.bfloat16,
    "i32": np.int32,
    "i64": np.int64,
}
SIZES = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 33, 64, 65, 67])
WIDTHS = {"128 bits": (128, 16), "256 bits": (256, 16), "512 bits": (512, 32)}


def function(maps: str, kinds: str, operands: list[str], body: str) -> str:
    """A function ``f`` around one linalg.generic; the last operand is the output."""
    types = ", ".join(operands[:-1])
    names = [f"%a{i}" for i in range(len(operands))]
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, operands, strict=True))
    ins = f"ins({', '.join(names[:-1])} : {types})" if types else ""
    return f"""
func.func @f({arguments}) {{
  linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
    {ins} outs({names[-1]} : {operands[-1]}) {{
{body}
  }}
  return
}}"""


@functools.cache
def compiled(text: str, width: str | None):
    """A runner of ``text``: vector loops for a unit of ``width``, or scalar loops for None."""
    if width is None:
        return load(compile(mlir_payload(text), Request(pipeline="default")))
    bits, registers = WIDTHS[width]
    parameters = {"simd_bits": bits, "registers": registers, "threads": 2, "grain": 1000}
    return load(compile(mlir_payload(text), Request(parameters=parameters)))


def numbers(rng, shape, dtype):
    if np.issubdtype(dtype, np.integer):
        return rng.integers(-50, 50, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def guarded(array):
    """A copy of ``array`` inside a block of the guard value; returns (view, whole block)."""
    guard = 77
    block = np.full([n + 2 for n in array.shape], guard, array.dtype)
    view = block[tuple(slice(1, n + 1) for n in array.shape)]
    view[...] = array
    return view, block


def assert_guard(block, view):
    copy = block.copy()
    copy[tuple(slice(1, n + 1) for n in view.shape)] = 77
    assert np.all(copy == np.asarray(77, block.dtype))


def strided(shape: str, dtype: str) -> str:
    rank = shape.count("?")
    strides = ", ".join(["?"] * (rank - 1) + ["1"])
    return f"memref<{shape}x{dtype}, strided<[{strides}], offset: ?>>"


def float_ops(dtype):
    return ("addf", "mulf") if dtype[0] != "i" else ("addi", "muli")


def product(form: str, dtype: str) -> str:
    """A product of two matrices, or of batches of them, accumulated into the output."""
    letters = {"n": ("m, k", "k, n"), "t": ("m, k", "n, k"), "x": ("k, m", "k, n")}
    left, right = letters[form]
    add, mul = float_ops(dtype)
    head = "affine_map<(b, m, n, k) -> "
    maps = f"{head}(b, {left})>, {head}(b, {right})>, {head}(b, m, n)>"
    body = f"""
  ^bb0(%p: {dtype}, %q: {dtype}, %s: {dtype}):
    %x = arith.{mul} %p, %q : {dtype}
    %y = arith.{add} %s, %x : {dtype}
    linalg.yield %y : {dtype}"""
    kinds = '"parallel", "parallel", "parallel", "reduction"'
    return function(maps, kinds, [f"memref<?x?x?x{dtype}>"] * 2 + [strided("?x?x?", dtype)], body)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["f32", "f64", "i32"])
@pytest.mark.parametrize("form", ["n", "t", "x"])
def test_products(form, dtype, width):
    run = compiled(product(form, dtype), width)

    @settings(max_examples=12, deadline=None)
    @given(st.sampled_from([1, 2, 3]), SIZES, SIZES, SIZES, st.integers(0, 1000))
    def check(b, m, n, k, seed):
        rng = np.random.default_rng(seed)
        left = numbers(rng, (b, m, k), TYPES[dtype])
        right = numbers(rng, (b, k, n), TYPES[dtype])
        out, block = guarded(numbers(rng, (b, m, n), TYPES[dtype]))
        expected = out + left.astype(np.float64) @ right.astype(np.float64)
        a = np.ascontiguousarray(left.swapaxes(1, 2)) if form == "x" else left
        c = np.ascontiguousarray(right.swapaxes(1, 2)) if form == "t" else right
        run.call("f", a, c, out)
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
        assert_guard(block, out)

    check()


@pytest.mark.parametrize("width", WIDTHS)
def test_bf16_weights_are_widened(width):
    head = "affine_map<(t, o, c) -> "
    text = function(
        f"{head}(t, c)>, {head}(o, c)>, {head}(t, o)>",
        '"parallel", "parallel", "reduction"',
        ["memref<?x?xf32>", strided("?x?", "bf16"), "memref<?x?xf32>"],
        """
  ^bb0(%x: f32, %w: bf16, %s: f32):
    %v = arith.extf %w : bf16 to f32
    %p = arith.mulf %x, %v : f32
    %y = arith.addf %s, %p : f32
    linalg.yield %y : f32""",
    )
    run = compiled(text, width)

    @settings(max_examples=25, deadline=None)
    @given(SIZES, SIZES, SIZES, st.integers(0, 1000))
    def check(t, o, c, seed):
        rng = np.random.default_rng(seed)
        x = numbers(rng, (t, c), np.float32)
        w, _ = guarded(numbers(rng, (o, c), ml_dtypes.bfloat16))
        y = numbers(rng, (t, o), np.float32)
        expected = y + x @ w.astype(np.float32).T
        run.call("f", x, w, y)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)

    check()


REDUCTIONS = {
    "sum": ("addf", np.add.reduce, 0.0),
    "product": ("mulf", np.multiply.reduce, 1.0),
    "maximum": ("maximumf", np.maximum.reduce, -np.inf),
    "minimum": ("minimumf", np.minimum.reduce, np.inf),
    "integer sum": ("addi", np.add.reduce, 0),
    "signed maximum": ("maxsi", np.maximum.reduce, -(2**31)),
    "unsigned minimum": ("minui", np.minimum.reduce, -1),
    "and": ("andi", np.bitwise_and.reduce, -1),
    "xor": ("xori", np.bitwise_xor.reduce, 0),
}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("width", ["256 bits", "512 bits"])
def test_reductions(width, name, axis):
    operation, reduce, first = REDUCTIONS[name]
    dtype = "i32" if operation[-1] != "f" else "f32"
    kinds = ['"parallel"', '"parallel"']
    kinds[axis] = '"reduction"'
    text = function(
        f"affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ({'ji'[axis]})>",
        ", ".join(kinds),
        [f"memref<?x?x{dtype}>", f"memref<?x{dtype}>"],
        f"""
  ^bb0(%a: {dtype}, %s: {dtype}):
    %y = arith.{operation} %s, %a : {dtype}
    linalg.yield %y : {dtype}""",
    )
    run = compiled(text, width)

    @settings(max_examples=15, deadline=None)
    @given(SIZES, SIZES, st.integers(0, 1000))
    def check(m, n, seed):
        rng = np.random.default_rng(seed)
        low = 0 if operation == "minui" else -50
        x = rng.integers(low, 50, (m, n)).astype(np.int32)
        x = x if dtype == "i32" else rng.uniform(0.9, 1.1, (m, n)).astype(np.float32)
        out = np.full(x.shape[1 - axis], first, TYPES[dtype])
        expected = reduce(x, axis=axis, initial=first) if operation != "minui" else None
        run.call("f", x, out)
        if expected is None:
            expected = np.minimum.reduce(x.view(np.uint32), axis=axis, initial=2**32 - 1)
            out = out.view(np.uint32)
        np.testing.assert_allclose(out, expected, rtol=1e-5)

    check()


def test_a_maximum_keeps_nan():
    text = function(
        "affine_map<(i) -> (i)>, affine_map<(i) -> ()>",
        '"reduction"',
        ["memref<?xf32>", "memref<f32>"],
        """
  ^bb0(%a: f32, %s: f32):
    %y = arith.maximumf %s, %a : f32
    linalg.yield %y : f32""",
    )
    for place in (0, 5, 39):
        x = np.ones(40, np.float32)
        x[place] = np.nan
        out = np.array(-np.inf, np.float32)
        compiled(text, "512 bits").call("f", x, out)
        assert np.isnan(out)


ELEMENTWISE = """
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %i = linalg.index 1 : index
    %j = arith.index_cast %i : index to i32
    %k = arith.sitofp %j : i32 to f32
    %x = arith.mulf %a, %b : f32
    %y = arith.subf %x, %c : f32
    %z = arith.cmpf ogt, %y, %k : f32
    %w = arith.select %z, %y, %k : f32
    linalg.yield %w : f32"""


@pytest.mark.parametrize("width", WIDTHS)
def test_elementwise_with_broadcasts_and_indices(width):
    head = "affine_map<(i, j) -> "
    text = function(
        f"{head}(i, j)>, {head}(j)>, {head}(i)>, {head}(i, j)>",
        '"parallel", "parallel"',
        ["memref<?x?xf32>", "memref<?xf32>", "memref<?xf32>", strided("?x?", "f32")],
        ELEMENTWISE,
    )
    run = compiled(text, width)

    @settings(max_examples=25, deadline=None)
    @given(SIZES, SIZES, st.integers(0, 1000))
    def check(m, n, seed):
        rng = np.random.default_rng(seed)
        a = numbers(rng, (m, n), np.float32) * 100
        b, c = numbers(rng, n, np.float32), numbers(rng, m, np.float32)
        out, block = guarded(np.zeros((m, n), np.float32))
        run.call("f", a, b, c, out)
        expected = np.maximum(a * b - c[:, None], np.arange(n, dtype=np.float32))
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-4)
        assert_guard(block, out)

    check()


SCALAR_ONLY = {
    "transposed copy": (
        "affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>",
        ["memref<?x?xf32>", "memref<?x?xf32>"],
        "  ^bb0(%a: f32, %o: f32):\n    linalg.yield %a : f32",
        lambda x: x.T,
    ),
    "integer division": (
        "affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>",
        ["memref<?x?xi32>", "memref<?x?xi32>"],
        "  ^bb0(%a: i32, %o: i32):\n    %c = arith.constant 7 : i32\n"
        "    %d = arith.divui %a, %c : i32\n    linalg.yield %d : i32",
        lambda x: x // 7,
    ),
}


@pytest.mark.parametrize("name", SCALAR_ONLY)
def test_what_has_no_vector_form_stays_right(name):
    maps, operands, body, reference = SCALAR_ONLY[name]
    text = function(maps, '"parallel", "parallel"', operands, body)
    rng = np.random.default_rng(0)
    for shape in [(0, 3), (1, 1), (5, 7), (33, 18)]:
        x = rng.integers(0, 100, shape).astype(np.int32 if "i32" in operands[0] else np.float32)
        expected = reference(x)
        out = np.zeros(expected.shape, x.dtype)
        compiled(text, "512 bits").call("f", x, out)
        np.testing.assert_array_equal(out, expected)


def test_a_convolution_is_a_nest_with_sums_of_loops():
    text = function(
        "affine_map<(o, k) -> (o + k)>, affine_map<(o, k) -> (k)>, affine_map<(o, k) -> (o)>",
        '"parallel", "reduction"',
        ["memref<?xf32>", "memref<?xf32>", "memref<?xf32>"],
        """
  ^bb0(%a: f32, %b: f32, %s: f32):
    %x = arith.mulf %a, %b : f32
    %y = arith.addf %s, %x : f32
    linalg.yield %y : f32""",
    )
    rng = np.random.default_rng(1)
    for n, k in [(1, 1), (40, 3), (129, 5)]:
        x, w = numbers(rng, n + k - 1, np.float32), numbers(rng, k, np.float32)
        out = np.zeros(n, np.float32)
        compiled(text, "512 bits").call("f", x, w, out)
        np.testing.assert_allclose(out, np.correlate(x, w), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kinds", ['"parallel", "reduction"', '"reduction", "parallel"'])
def test_unit_sizes_are_read_at_position_zero(kinds):
    # What softmax and the norms look like: rows against a column of one element each.
    maps = (
        "affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, 0)>, affine_map<(i, j) -> (0, j)>"
    )
    out = "affine_map<(i, j) -> (i, 0)>" if kinds[1] == "p" else "affine_map<(i, j) -> (0, j)>"
    rows, columns = 5, 37
    shape = f"{rows}x1" if kinds[1] == "p" else f"1x{columns}"
    text = function(
        f"{maps}, {out}",
        kinds,
        [f"memref<{s}xf32>" for s in (f"{rows}x{columns}", f"{rows}x1", f"1x{columns}", shape)],
        """
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
    %x = arith.subf %a, %b : f32
    %y = arith.mulf %x, %c : f32
    %z = arith.addf %s, %y : f32
    linalg.yield %z : f32""",
    )
    rng = np.random.default_rng(0)
    a, b, c = (numbers(rng, n, np.float32) for n in ((rows, columns), (rows, 1), (1, columns)))
    axis = 1 if kinds[1] == "p" else 0
    out = np.ones((rows, 1) if axis else (1, columns), np.float32)
    expected = 1 + ((a - b) * c).sum(axis, keepdims=True)
    compiled(text, "512 bits").call("f", a, b, c, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_values_captured_by_the_body_and_several_outputs():
    text = """
func.func @f(%x: memref<?xf32>, %scale: f32, %sum: memref<f32>, %most: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>,
                                   affine_map<(i) -> ()>], iterator_types = ["reduction"]}
    ins(%x : memref<?xf32>) outs(%sum, %most : memref<f32>, memref<f32>) {
  ^bb0(%a: f32, %s: f32, %m: f32):
    %b = arith.mulf %a, %scale : f32
    %t = arith.addf %s, %b : f32
    %n = arith.maximumf %m, %a : f32
    linalg.yield %t, %n : f32, f32
  }
  return
}"""
    x = np.random.default_rng(2).standard_normal(101).astype(np.float32)
    total, most = np.zeros((), np.float32), np.full((), -np.inf, np.float32)
    compiled(text, "512 bits").call("f", x, 2.5, total, most)
    np.testing.assert_allclose(total, 2.5 * x.sum(dtype=np.float64), rtol=1e-5)
    assert most == x.max()


def test_threads_and_one_thread_agree():
    text = product("t", "f32")
    rng = np.random.default_rng(3)
    left, right = numbers(rng, (1, 65, 67), np.float32), numbers(rng, (1, 131, 67), np.float32)
    results = []
    for threads in (1, 2, 5):
        parameters = {"simd_bits": 256, "registers": 16, "threads": threads, "grain": 1}
        run = load(compile(mlir_payload(text), Request(parameters=parameters)))
        out = np.zeros((1, 65, 131), np.float32)
        run.call("f", left, right, out)
        results.append(out)
    np.testing.assert_allclose(results[0], (left @ right.swapaxes(1, 2)), rtol=1e-4, atol=1e-4)
    assert all(np.array_equal(results[0], other) for other in results[1:])
