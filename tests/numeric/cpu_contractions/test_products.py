"""Packed products against numpy: odd sizes, transpositions, batches, strides, types, blocks.

Outputs lie inside larger arrays filled with a guard value that must survive, and start as NaN
where the program fills them itself.
"""

from __future__ import annotations

import functools
import itertools

import ml_dtypes
import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, lower, mlir_payload

TYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "bf16": ml_dtypes.bfloat16}
WIDTHS = {"256 bits": (256, 16), "512 bits": (512, 32)}
FORMS = {
    "n": ("m, k", "k, n"),
    "t": ("m, k", "n, k"),
    "x": ("k, m", "k, n"),
    "tx": ("k, m", "n, k"),
}


def parameters(width: str, threads: int = 2) -> dict[str, int]:
    bits, registers = WIDTHS[width]
    return {"simd_bits": bits, "registers": registers, "threads": threads, "grain": 1000}


def was_packed(text: str, width: str = "512 bits") -> bool:
    driving = {"stop_after": "packed-contractions"}
    request = Request(parameters=parameters(width), driving=driving)
    return "_tiles" in str(lower(mlir_payload(text), request).module)


@functools.cache
def compiled(text: str, width: str = "512 bits", threads: int = 2):
    return load(compile(mlir_payload(text), Request(parameters=parameters(width, threads))))


def memref(shape: tuple, dtype: str, strided: bool = False) -> str:
    sizes = "x".join("?" if n is None else str(n) for n in shape)
    layout = f", strided<[{', '.join(['?'] * (len(shape) - 1))}, 1], offset: ?>" if strided else ""
    return f"memref<{sizes}x{dtype}{layout}>"


def product(form: str, dtype: str, sizes: tuple, tiles: str = "") -> str:
    """``c[b,m,n] += a * b``; a size of None is known at run time only."""
    b, m, n, k = sizes
    left, right = FORMS[form]
    named = {"m": m, "n": n, "k": k}
    shapes = [(b, *(named[x] for x in side.split(", "))) for side in (left, right)]
    out = "f32" if dtype == "bf16" else dtype
    add, mul = ("addi", "muli") if dtype[0] == "i" else ("addf", "mulf")
    widen = (
        ""
        if dtype == out
        else "".join(f"%{v}{v} = arith.extf %{v} : {dtype} to {out}\n" for v in "pq")
    )
    p, q = ("%pp", "%qq") if widen else ("%p", "%q")
    head = "affine_map<(b, m, n, k) -> "
    types = [*(memref(s, dtype) for s in shapes), memref((b, m, n), out, strided=True)]
    extra = f" attrs = {{pharos.params = {{{tiles}}}}}" if tiles else ""
    return f"""
func.func @f(%a: {types[0]}, %b: {types[1]}, %c: {types[2]}) {{
  linalg.generic {{indexing_maps = [{head}(b, {left})>, {head}(b, {right})>, {head}(b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
    ins(%a, %b : {types[0]}, {types[1]}) outs(%c : {types[2]}){extra} {{
  ^bb0(%p: {dtype}, %q: {dtype}, %s: {out}):
    {widen}%x = arith.{mul} {p}, {q} : {out}
    %y = arith.{add} %s, %x : {out}
    linalg.yield %y : {out}
  }}
  return
}}"""


def numbers(rng, shape, dtype):
    if np.dtype(dtype).kind == "i":
        return rng.integers(-9, 10, shape).astype(dtype)
    return rng.standard_normal(shape).astype(np.float32).astype(dtype)


def guarded(array):
    """A copy of ``array`` inside a block of the guard value; returns (view, whole block)."""
    block = np.full([n + 2 for n in array.shape], 77, array.dtype)
    view = block[tuple(slice(1, n + 1) for n in array.shape)]
    view[...] = array
    return view, block


def check(run, form, dtype, sizes, seed=0):
    b, m, n, k = sizes
    rng = np.random.default_rng(seed)
    type_ = TYPES[dtype]
    left, right = numbers(rng, (b, m, k), type_), numbers(rng, (b, k, n), type_)
    before = numbers(rng, (b, m, n), np.float32 if dtype == "bf16" else type_)
    out, block = guarded(before)
    exact = before + left.astype(np.float64) @ right.astype(np.float64)
    left = np.ascontiguousarray(left.swapaxes(1, 2)) if "x" in form else left
    right = np.ascontiguousarray(right.swapaxes(1, 2)) if "t" in form else right
    run.call("f", left, right, out)
    tolerance = 1e-12 if dtype == "f64" else 1e-6
    bound = tolerance * (np.sqrt(k) + 4) * 4
    np.testing.assert_allclose(out, exact, rtol=bound, atol=bound, err_msg=f"{form} {sizes}")
    frame = block.copy()
    frame[1:-1, 1:-1, 1:-1] = 77
    assert np.all(frame == 77), f"wrote outside: {form} {sizes}"


DYNAMIC = (None, None, None, None)
ODD = [1, 2, 3, 4, 5, 7, 11, 12, 13, 16, 17, 31, 32, 33, 47, 64, 65, 97]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["f32", pytest.param("f64", marks=pytest.mark.slow), "bf16"])
@pytest.mark.parametrize("form", FORMS)
def test_products_of_sizes_known_at_run_time(form, dtype, width):
    text = product(form, dtype, DYNAMIC)
    assert was_packed(text, width)
    run = compiled(text, width)
    rng = np.random.default_rng(len(form))
    for seed in range(25):
        check(run, form, dtype, (int(rng.integers(1, 4)), *map(int, rng.choice(ODD, 3))), seed)
    check(run, form, dtype, (1, 29, 70, 1100))


SIZES = [(1, 37, 41, 29), (1, 12, 32, 64), (3, 33, 17, 50), (1, 100, 5, 31), (2, 5, 300, 8)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("form", ["n", "t", "x"])
def test_products_of_sizes_known_at_compile_time(form, sizes):
    text = product(form, "f32", sizes)
    assert was_packed(text)
    check(compiled(text), form, "f32", sizes)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("seed", range(12))
def test_random_static_sizes(seed, dtype):
    rng = np.random.default_rng(seed)
    sizes = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(4, 90, 3)))
    form = list(FORMS)[seed % 4]
    check(compiled(product(form, dtype, sizes), list(WIDTHS)[seed % 2]), form, dtype, sizes)


@pytest.mark.parametrize("split", ["rows", "columns"])
def test_many_small_blocks(split):
    sizes = (1, 75, 41, 50) if split == "rows" else (1, 41, 75, 50)
    tiles = "mr = 3 : i64, nr = 16 : i64, mc = 9 : i64, nc = 32 : i64, kc = 7 : i64"
    for form in FORMS:
        check(compiled(product(form, "f32", sizes, tiles)), form, "f32", sizes)


def test_thin_small_and_unfit_products_are_left_alone():
    assert not was_packed(product("n", "f32", (1, 1, 300, 300)))
    assert not was_packed(product("n", "f32", (1, 300, 1, 300)))
    assert not was_packed(product("n", "f32", (1, 300, 300, 1)))
    assert not was_packed(product("n", "f32", (1, 5, 5, 5)))
    assert not was_packed(product("n", "f32", (1, 50, 50, 0)))
    twice = product("n", "f32", (1, 50, 50, 50)).replace("arith.mulf %p, %q", "arith.mulf %p, %p")
    assert not was_packed(twice)


def test_results_do_not_depend_on_the_number_of_threads():
    text, sizes = product("t", "f32", DYNAMIC), (1, 65, 131, 67)
    rng = np.random.default_rng(3)
    left, right = numbers(rng, (1, 65, 67), np.float32), numbers(rng, (1, 131, 67), np.float32)
    outs = []
    for threads in (1, 2, 5):
        out = np.zeros((1, *sizes[1:3]), np.float32)
        compiled(text, "256 bits", threads).call("f", left, right, out)
        outs.append(out)
    assert all(np.array_equal(outs[0], other) for other in outs[1:])


def contraction(spec: str, sizes: dict[str, int]) -> str:
    """An einsum with a filled result, as linalg."""
    ins, out = spec.split("->")
    left, right = ins.split(",")
    loops = list(dict.fromkeys(out + left + right))
    maps = [f"affine_map<({', '.join(loops)}) -> ({', '.join(s)})>" for s in (left, right, out)]
    kinds = ", ".join('"parallel"' if x in out else '"reduction"' for x in loops)
    a, b, c = (memref(tuple(sizes[x] for x in s), "f32") for s in (left, right, out))
    return f"""
func.func @f(%a: {a}, %b: {b}, %c: {c}) {{
  %z = arith.constant 0.0 : f32
  linalg.fill ins(%z : f32) outs(%c : {c})
  linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = [{kinds}]}}
    ins(%a, %b : {a}, {b}) outs(%c : {c}) {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %x = arith.mulf %p, %q : f32
    %y = arith.addf %x, %s : f32
    linalg.yield %y : f32
  }}
  return
}}"""


EINSUMS = [
    "mk,kn->mn",
    "abk,kn->abn",
    "bijl,lk->bijk",
    "ka,bkc->abc",
    "bhqd,bkhd->bhqk",
    "akbl,lckd->abcd",
    "kma,akn->mn",
    "ak,bk->ba",
    "xyk,zk->xzy",
]


@pytest.mark.parametrize("spec", EINSUMS)
def test_several_loops_of_each_role(spec):
    letters = sorted(set(spec) - set(",->"))
    sizes = dict(zip(letters, itertools.cycle([13, 17, 19, 9, 5, 11]), strict=False))
    text = contraction(spec, sizes)
    assert was_packed(text)
    ins, _ = spec.split("->")
    rng = np.random.default_rng(0)
    a, b = (numbers(rng, [sizes[x] for x in s], np.float32) for s in ins.split(","))
    expected = np.einsum(spec, a.astype(float), b.astype(float))
    out = np.full(expected.shape, np.nan, np.float32)
    compiled(text).call("f", a, b, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_a_factor_may_be_masked_by_bytes():
    text = """
func.func @f(%m: memref<33x1xi8>, %a: memref<33x40xf32>, %b: memref<40x50xf32>,
             %c: memref<33x50xf32>) {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0 : i8
  linalg.fill ins(%zero : f32) outs(%c : memref<33x50xf32>)
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, 0)>,
      affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%m, %a, %b : memref<33x1xi8>, memref<33x40xf32>, memref<40x50xf32>)
    outs(%c : memref<33x50xf32>) {
  ^bb0(%o: i8, %p: f32, %q: f32, %s: f32):
    %off = arith.cmpi ne, %o, %none : i8
    %x = arith.select %off, %zero, %p : f32
    %y = arith.mulf %x, %q : f32
    %t = arith.addf %s, %y : f32
    linalg.yield %t : f32
  }
  return
}"""
    driving = {"stop_after": "packed-contractions"}
    assert "_tiles" in str(lower(mlir_payload(text), Request(driving=driving)).module)
    random = np.random.default_rng(0)
    mask = (random.random((33, 1)) < 0.3).astype(np.int8)
    a, b = (random.standard_normal(s).astype(np.float32) for s in ((33, 40), (40, 50)))
    c = np.full((33, 50), np.nan, np.float32)
    load(compile(mlir_payload(text))).call("f", mask, a, b, c)
    np.testing.assert_allclose(c, np.where(mask, 0, a) @ b, rtol=1e-4, atol=1e-5)
