"""Arrays through the default pipeline: dtypes, strides, tensors, vectors, linalg, threads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, ClassVar

import ml_dtypes
import numpy as np
import pytest

from pharos.runtime import Runner, numpy_dtype

Load = Callable[..., Runner]
RNG = np.random.default_rng(7)


def randoms(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.standard_normal(shape, np.float32)


ADD_FLOAT = """
func.func @f(%a: memref<?x?x{T}, strided<[?, ?], offset: ?>>,
             %b: memref<?x?x{T}>, %o: memref<?x?x{T}>) {{
  linalg.generic {{
    indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                     affine_map<(i, j) -> (i, j)>],
    iterator_types = ["parallel", "parallel"]}}
    ins(%a, %b : memref<?x?x{T}, strided<[?, ?], offset: ?>>, memref<?x?x{T}>)
    outs(%o : memref<?x?x{T}>) {{
  ^bb0(%x: {T}, %y: {T}, %z: {T}):
    %s = {ADD} %x, %y : {T}
    linalg.yield %s : {T}
  }}
  return
}}"""


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "i1"])
def test_every_element_type(load: Load, dtype: str) -> None:
    integer = dtype.startswith("i")
    add = "arith.ori" if dtype == "i1" else "arith.addi" if integer else "arith.addf"
    run = load(ADD_FLOAT.format(T=dtype, ADD=add))
    a = (RNG.standard_normal((6, 10)) * 20).astype(numpy_dtype(dtype))
    b = (RNG.standard_normal((3, 5)) * 20).astype(numpy_dtype(dtype))
    out = np.zeros((3, 5), numpy_dtype(dtype))
    run.call("f", a[::2, ::2], b, out)
    np.testing.assert_array_equal(out, a[::2, ::2] + b)


def test_index_elements(load: Load) -> None:
    run = load(
        """func.func @f(%n: index, %o: memref<?xindex>) {
             %0 = arith.constant 0 : index
             %1 = arith.constant 1 : index
             scf.for %i = %0 to %n step %1 { memref.store %i, %o[%i] : memref<?xindex> }
             return }"""
    )
    out = np.full(5, -1)
    run.call("f", 4, out)
    assert out.tolist() == [0, 1, 2, 3, -1]


def test_complex_arithmetic_on_memory(load: Load) -> None:
    run = load(
        """func.func @f(%a: memref<2xf32>, %o: memref<2xf32>) {
             %0 = arith.constant 0 : index
             %1 = arith.constant 1 : index
             %b = memref.alloc() : memref<1xcomplex<f32>>
             %re = memref.load %a[%0] : memref<2xf32>
             %im = memref.load %a[%1] : memref<2xf32>
             %z = complex.create %re, %im : complex<f32>
             memref.store %z, %b[%0] : memref<1xcomplex<f32>>
             %l = memref.load %b[%0] : memref<1xcomplex<f32>>
             %t = complex.tanh %l : complex<f32>
             %u = complex.pow %t, %l : complex<f32>
             %ur = complex.re %u : complex<f32>
             %ui = complex.im %u : complex<f32>
             memref.store %ur, %o[%0] : memref<2xf32>
             memref.store %ui, %o[%1] : memref<2xf32>
             memref.dealloc %b : memref<1xcomplex<f32>>
             return }"""
    )
    out = np.zeros(2, np.float32)
    run.call("f", np.array([0.3, -0.7], np.float32), out)
    z = np.complex64(0.3 - 0.7j)
    expected = np.tanh(z) ** z
    np.testing.assert_allclose(out, [expected.real, expected.imag], rtol=1e-5)


def test_strided_copy(load: Load) -> None:
    run = load(
        """func.func @f(%a: memref<?x?xf32>, %o: memref<?x?xf32, strided<[?, 2], offset: ?>>) {
             memref.copy %a, %o
               : memref<?x?xf32> to memref<?x?xf32, strided<[?, 2], offset: ?>>
             return }"""
    )
    a, out = randoms(3, 4), np.zeros((5, 8), np.float32)
    run.call("f", a, out[1:4, ::2])
    np.testing.assert_array_equal(out[1:4, ::2], a)
    assert not out[:, 1::2].any() and not out[0].any() and not out[4].any()


def test_a_copy_of_unknown_rank(load: Load) -> None:
    run = load(
        """func.func @f(%a: memref<3x4xbf16>, %o: memref<3x4xbf16, strided<[1, 3]>>) {
             %0 = memref.cast %a : memref<3x4xbf16> to memref<*xbf16>
             %1 = memref.cast %o : memref<3x4xbf16, strided<[1, 3]>> to memref<*xbf16>
             memref.copy %0, %1 : memref<*xbf16> to memref<*xbf16>
             return }"""
    )
    a, out = randoms(3, 4).astype(ml_dtypes.bfloat16), np.zeros((4, 3), ml_dtypes.bfloat16)
    run.call("f", a, out.T)
    np.testing.assert_array_equal(out.T, a)


def test_results_of_every_kind(load: Load) -> None:
    run = load(
        """func.func @f(%n: index, %p: !llvm.ptr)
               -> (i1, memref<?x2xf64>, bf16, i16, f16, !llvm.ptr, memref<f32>, i8) {
             %a = memref.alloc(%n) : memref<?x2xf64>
             %x = arith.constant 4.0 : f64
             linalg.fill ins(%x : f64) outs(%a : memref<?x2xf64>)
             %b = memref.alloc() : memref<f32>
             %y = arith.constant 0.5 : f32
             memref.store %y, %b[] : memref<f32>
             %t = arith.constant true
             %h = arith.constant 1.5 : bf16
             %i = arith.constant -300 : i16
             %g = arith.constant -0.25 : f16
             %c = arith.constant -7 : i8
             return %t, %a, %h, %i, %g, %p, %b, %c
               : i1, memref<?x2xf64>, bf16, i16, f16, !llvm.ptr, memref<f32>, i8 }"""
    )
    some = np.zeros(1)
    t, a, h, i, g, p, b, c = run.call("f", 3, some)
    assert (t, h, i, g, c) == (True, 1.5, -300, -0.25, -7)
    assert p == some.ctypes.data
    np.testing.assert_array_equal(a, np.full((3, 2), 4.0))
    assert b.shape == () and b == np.float32(0.5)


def test_tensors_are_values(load: Load) -> None:
    run = load(
        """func.func @f(%t: tensor<4xf32>, %x: f32) -> (tensor<4xf32>, tensor<4xf32>) {
             %i = arith.constant 1 : index
             %u = tensor.insert %x into %t[%i] : tensor<4xf32>
             return %u, %t : tensor<4xf32>, tensor<4xf32> }"""
    )
    given = np.arange(4, dtype=np.float32)
    given.flags.writeable = False
    changed, same = run.call("f", given, 9.0)
    assert changed.tolist() == [0, 9, 2, 3]
    assert given.tolist() == same.tolist() == [0, 1, 2, 3]
    same[0] = 5
    assert given[0] == 0 and changed[0] == 0


def test_linalg_on_tensors(load: Load) -> None:
    run = load(
        """func.func @f(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %bias: tensor<?xf32>)
               -> tensor<?x?xf32> {
             %0 = arith.constant 0 : index
             %1 = arith.constant 1 : index
             %z = arith.constant 0.0 : f32
             %m = tensor.dim %a, %0 : tensor<?x?xf32>
             %n = tensor.dim %b, %1 : tensor<?x?xf32>
             %e = tensor.empty(%m, %n) : tensor<?x?xf32>
             %f = linalg.fill ins(%z : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
             %p = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>)
                                outs(%f : tensor<?x?xf32>) -> tensor<?x?xf32>
             %w = linalg.broadcast ins(%bias : tensor<?xf32>) outs(%e : tensor<?x?xf32>)
                                   dimensions = [0]
             %s = arith.addf %p, %w : tensor<?x?xf32>
             %t = math.exp %s : tensor<?x?xf32>
             return %t : tensor<?x?xf32> }"""
    )
    a, b, bias = randoms(5, 7) / 4, randoms(7, 3) / 4, randoms(3)
    np.testing.assert_allclose(run.call("f", a, b, bias), np.exp(a @ b + bias), rtol=1e-5)
    assert run.call("f", a[:0], b, bias).shape == (0, 3)


def test_tensor_pad_slices_and_concatenation(load: Load) -> None:
    run = load(
        """func.func @f(%t: tensor<2x3xi32>) -> (tensor<4x3xi32>, tensor<4x4xi32>) {
             %c = arith.constant 7 : i32
             %p = tensor.pad %t low[1, 0] high[1, 1] {
             ^bb0(%i: index, %j: index):
               tensor.yield %c : i32
             } : tensor<2x3xi32> to tensor<4x4xi32>
             %s = tensor.extract_slice %p[0, 0] [4, 3] [1, 1]
               : tensor<4x4xi32> to tensor<4x3xi32>
             %u = tensor.insert_slice %t into %s[2, 0] [2, 3] [1, 1]
               : tensor<2x3xi32> into tensor<4x3xi32>
             return %u, %p : tensor<4x3xi32>, tensor<4x4xi32> }"""
    )
    given = np.arange(6, dtype=np.int32).reshape(2, 3)
    joined, padded = run.call("f", given)
    expected = np.pad(given, ((1, 1), (0, 1)), constant_values=7)
    np.testing.assert_array_equal(padded, expected)
    np.testing.assert_array_equal(joined, np.vstack([expected[:2, :3], given]))


def test_vector_transfers_at_the_edge(load: Load) -> None:
    run = load(
        """func.func @f(%a: memref<?x?xf32>, %o: memref<?x?xf32>, %j: index) {
             %0 = arith.constant 0 : index
             %z = arith.constant -1.0 : f32
             %v = vector.transfer_read %a[%0, %j], %z : memref<?x?xf32>, vector<4x8xf32>
             %w = arith.addf %v, %v : vector<4x8xf32>
             vector.transfer_write %w, %o[%0, %j] : vector<4x8xf32>, memref<?x?xf32>
             return }"""
    )
    a, out = randoms(3, 11), np.zeros((3, 11), np.float32)
    run.call("f", a, out, 5)
    np.testing.assert_array_equal(out[:, 5:], 2 * a[:, 5:])
    assert not out[:, :5].any()


def test_masked_and_gathered_vectors(load: Load) -> None:
    run = load(
        """func.func @f(%a: memref<?xf32>, %o: memref<?xf32>, %n: index) {
             %0 = arith.constant 0 : index
             %z = arith.constant dense<0.0> : vector<8xf32>
             %m = vector.create_mask %n : vector<8xi1>
             %i = arith.constant dense<[7, 6, 5, 4, 3, 2, 1, 0]> : vector<8xindex>
             %g = vector.gather %a[%0] [%i], %m, %z
               : memref<?xf32>, vector<8xindex>, vector<8xi1>, vector<8xf32> into vector<8xf32>
             vector.maskedstore %o[%0], %m, %g : memref<?xf32>, vector<8xi1>, vector<8xf32>
             return }"""
    )
    a, out = randoms(8), np.full(8, 9, np.float32)
    run.call("f", a, out, 5)
    np.testing.assert_array_equal(out, [*a[:2:-1], 9, 9, 9])


def test_affine_loops(load: Load) -> None:
    run = load(
        """#tri = affine_map<(i) -> (i + 1)>
           func.func @f(%a: memref<?x?xf64>, %o: memref<?xf64>) {
             %0 = arith.constant 0 : index
             %n = memref.dim %a, %0 : memref<?x?xf64>
             affine.for %i = 0 to %n {
               %z = arith.constant 0.0 : f64
               %s = affine.for %j = 0 to #tri(%i) iter_args(%acc = %z) -> (f64) {
                 %x = affine.load %a[%i, %j] : memref<?x?xf64>
                 %y = arith.addf %acc, %x : f64
                 affine.yield %y : f64
               }
               affine.store %s, %o[%i] : memref<?xf64>
             }
             return }"""
    )
    a, out = RNG.standard_normal((6, 6)), np.zeros(6)
    run.call("f", a, out)
    np.testing.assert_allclose(out, np.tril(a).sum(1))


NAMED = {
    "batch_matmul": ("4x2x3", "4x3x5", "4x2x5", lambda a, b: a @ b),
    "matvec": ("6x5", "5", "6", lambda a, b: a @ b),
    "conv_1d": ("9", "3", "7", lambda a, b: np.correlate(a, b, "valid")),
    "dot": ("7", "7", "", lambda a, b: a @ b),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_linalg_on_memrefs(load: Load, name: str) -> None:
    *shapes, reference = NAMED[name]
    kinds = [f"memref<{shape}{'x' if shape else ''}f32>" for shape in shapes]
    run = load(
        f"""func.func @f(%a: {kinds[0]}, %b: {kinds[1]}, %o: {kinds[2]}) {{
              linalg.{name} ins(%a, %b : {kinds[0]}, {kinds[1]}) outs(%o : {kinds[2]})
              return }}"""
    )
    sizes = [tuple(map(int, filter(None, shape.split("x")))) for shape in shapes]
    a, b, out = randoms(*sizes[0]), randoms(*sizes[1]), np.zeros(sizes[2], np.float32)
    run.call("f", a, b, out)
    np.testing.assert_allclose(out, reference(a, b), rtol=1e-4, atol=1e-5)


PARALLEL = """
func.func @fill(%n: index, %o: memref<?xi64>) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  scf.parallel (%i) = (%0) to (%n) step (%1) {
    %v = arith.index_cast %i : index to i64
    %s = arith.muli %v, %v : i64
    memref.store %s, %o[%i] : memref<?xi64>
    scf.reduce
  }
  return
}
func.func @sum(%a: memref<?x?xf64>) -> f64 {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  %z = arith.constant 100.0 : f64
  %m = memref.dim %a, %0 : memref<?x?xf64>
  %n = memref.dim %a, %1 : memref<?x?xf64>
  %r = scf.parallel (%i, %j) = (%0, %0) to (%m, %n) step (%1, %1) init (%z) -> f64 {
    %x = memref.load %a[%i, %j] : memref<?x?xf64>
    scf.reduce(%x : f64) {
    ^bb0(%p: f64, %q: f64):
      %s = arith.addf %p, %q : f64
      scf.reduce.return %s : f64
    }
  }
  return %r : f64
}
func.func private @omp_get_num_threads() -> i32
func.func private @omp_get_thread_num() -> i32
func.func @threads(%o: memref<?xi32>) {
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  %n = memref.dim %o, %0 : memref<?xi32>
  scf.parallel (%i) = (%0) to (%n) step (%1) {
    %t = func.call @omp_get_num_threads() : () -> i32
    memref.store %t, %o[%i] : memref<?xi32>
    scf.reduce
  }
  return
}
func.func @forall(%t: tensor<?xf32>) -> tensor<?xf32> {
  %0 = arith.constant 0 : index
  %n = tensor.dim %t, %0 : tensor<?xf32>
  %r = scf.forall (%i) in (%n) shared_outs(%o = %t) -> tensor<?xf32> {
    %s = tensor.extract_slice %t[%i] [1] [1] : tensor<?xf32> to tensor<1xf32>
    %d = arith.addf %s, %s : tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %d into %o[%i] [1] [1] : tensor<1xf32> into tensor<?xf32>
    }
  }
  return %r : tensor<?xf32>
}"""


def test_parallel_loops(load: Load) -> None:
    run = load(PARALLEL)
    assert "openmp" in run.artifact.libraries
    out = np.zeros(1000, np.int64)
    run.call("fill", 1000, out)
    np.testing.assert_array_equal(out, np.arange(1000) ** 2)
    a = RNG.standard_normal((37, 11))
    assert run.call("sum", a) == pytest.approx(100 + a.sum())
    x = randoms(50)
    np.testing.assert_array_equal(run.call("forall", x), 2 * x)


def test_the_number_of_threads_is_ours(load: Load) -> None:
    from pharos.targets.cpu import openmp

    run = load(PARALLEL)
    out = np.zeros(100, np.int32)
    try:
        for count in (1, 3):
            openmp.set_threads(count)
            run.call("threads", out)
            assert set(out) == {count}
    finally:
        openmp.set_threads(2)


class _Mallinfo(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks")),
        ("keepcost", ctypes.c_size_t),
    ]


def heap_in_use() -> int:
    """Bytes of the C heap that are allocated (glibc's mallinfo2)."""
    query = ctypes.CDLL(None).mallinfo2
    query.restype = _Mallinfo
    found = query()
    return int(found.uordblks + found.hblkhd)


LEAKS = {
    "temporaries": """
        %e = tensor.empty(%n) : tensor<?xf32>
        %a = linalg.fill ins(%x : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
        %b = arith.addf %a, %t : tensor<?xf32>
        %c = arith.mulf %b, %a : tensor<?xf32>""",
    "a loop that carries a tensor": """
        %c = scf.for %i = %0 to %n step %1 iter_args(%a = %t) -> tensor<?xf32> {
          %v = tensor.extract %a[%i] : tensor<?xf32>
          %w = arith.addf %v, %x : f32
          %u = tensor.insert %w into %a[%i] : tensor<?xf32>
          %d = arith.addf %u, %u : tensor<?xf32>
          scf.yield %d : tensor<?xf32>
        }""",
    "a branch": """
        %big = arith.cmpi sgt, %n, %1 : index
        %c = scf.if %big -> tensor<?xf32> {
          %d = arith.addf %t, %t : tensor<?xf32>
          scf.yield %d : tensor<?xf32>
        } else {
          scf.yield %t : tensor<?xf32>
        }""",
    "a loop of blocks": """
        cf.br ^head(%0, %t : index, tensor<?xf32>)
      ^head(%i: index, %a: tensor<?xf32>):
        %on = arith.cmpi slt, %i, %n : index
        cf.cond_br %on, ^body, ^end
      ^body:
        %d = arith.addf %a, %a : tensor<?xf32>
        %hundred = arith.constant 500 : index
        %j = arith.addi %i, %hundred : index
        cf.br ^head(%j, %d : index, tensor<?xf32>)
      ^end:
        %c = arith.mulf %a, %t : tensor<?xf32>""",
    "own memory beside tensors": """
        %m = func.call @make(%n) : (index) -> memref<?xf32>
        %k = memref.alloc(%n) : memref<?xf32>
        %s = bufferization.to_tensor %m restrict : memref<?xf32> to tensor<?xf32>
        %c = arith.addf %t, %s : tensor<?xf32>
        memref.dealloc %k : memref<?xf32>
        func.call @drop(%m) : (memref<?xf32>) -> ()""",
    "a call that returns a tensor": """
        %d = func.call @double(%t) : (tensor<?xf32>) -> tensor<?xf32>
        %c = func.call @double(%d) : (tensor<?xf32>) -> tensor<?xf32>""",
}


@pytest.mark.parametrize("name", LEAKS)
def test_nothing_leaks(load: Load, name: str) -> None:
    run = load(
        f"""func.func @make(%n: index) -> memref<?xf32> {{
              %m = memref.alloc(%n) : memref<?xf32>
              %z = arith.constant 1.0 : f32
              linalg.fill ins(%z : f32) outs(%m : memref<?xf32>)
              return %m : memref<?xf32>
            }}
            func.func @drop(%m: memref<?xf32>) {{
              memref.dealloc %m : memref<?xf32>
              return
            }}
            func.func @double(%t: tensor<?xf32>) -> tensor<?xf32> {{
              %d = arith.addf %t, %t : tensor<?xf32>
              return %d : tensor<?xf32>
            }}
            func.func @f(%t: tensor<?xf32>, %x: f32) -> (tensor<?xf32>, f32) {{
              %0 = arith.constant 0 : index
              %1 = arith.constant 1 : index
              %n = tensor.dim %t, %0 : tensor<?xf32>
              {LEAKS[name]}
              %v = tensor.extract %c[%1] : tensor<?xf32>
              return %c, %v : tensor<?xf32>, f32
            }}"""
    )
    given = np.ones(2000, np.float32)
    bound = run.bind("f", given, 2.0)
    for _ in range(5):
        bound()
    before = heap_in_use()
    for _ in range(200):
        bound()
    assert heap_in_use() - before < 100_000  # one leaked tensor each would be 1.6 MB
    assert (given == 1).all()
