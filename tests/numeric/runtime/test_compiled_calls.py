"""Descriptors against compiled code: any shape, strides and type arrives and comes back right."""

from __future__ import annotations

import ctypes
import gc
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos import ir
from pharos.core.errors import UserError
from pharos.pipeline import Driver, flatten, load_descriptor, make_registry
from pharos.runtime import Runner, numpy_dtype
from pharos.targets.cpu import target

REGISTRY = make_registry(
    stages=list(target.stages().items()), selectors=[], descriptors=[target.pipelines]
)


def load(text: str) -> Runner:
    module = ir.parse(text)
    prepared = target.prepare(module)
    pipeline = flatten(
        load_descriptor("default", REGISTRY), {}, REGISTRY, target_facts=target.facts()
    )
    lowered = Driver(REGISTRY, target.facts()).run(pipeline, module).module
    return Runner(target.open_device(), target.finish(lowered, prepared, ()))


def memref(rank: int, dtype: str, *, strided: bool = False) -> str:
    shape = "?x" * rank + dtype
    if not strided:
        return f"memref<{shape}>"
    return f"memref<{shape}, strided<[{', '.join('?' * rank)}], offset: ?>>"


def copier(rank: int, dtype: str) -> str:
    given, out = memref(rank, dtype, strided=True), memref(rank, dtype)
    return f"""
      func.func @copy_{rank}_{dtype}(%a: {given}, %o: {out}) {{
        memref.copy %a, %o : {given} to {out}
        return
      }}"""


DTYPES = ("f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "i1", "index")


@pytest.fixture(scope="module")
def copies() -> Runner:
    kinds = [(rank, "i32") for rank in range(5)] + [
        (2, dtype) for dtype in DTYPES if dtype != "i32"
    ]
    return load("".join(copier(rank, dtype) for rank, dtype in kinds))


@st.composite
def sliced(draw: st.DrawFn, rank: int, dtype: str) -> np.ndarray[Any, Any]:
    """A window with steps into a larger array, its dimensions in any order."""
    kind = numpy_dtype(dtype)
    shape, steps, starts = (
        [draw(st.integers(low, high)) for _ in range(rank)]
        for low, high in ((0, 5), (1, 3), (0, 2))
    )
    whole = [b + n * s for b, n, s in zip(starts, shape, steps, strict=True)]
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 2, whole) * 3
    window = tuple(slice(b, b + n * s, s) for b, n, s in zip(starts, shape, steps, strict=True))
    array = values.astype(kind)[(*window, ...)]
    return array.transpose(draw(st.permutations(range(rank))))


@settings(deadline=None)
@given(data=st.data(), rank=st.integers(0, 4))
def test_any_shape_and_strides(copies: Runner, data: st.DataObject, rank: int) -> None:
    given = data.draw(sliced(rank, "i32"))
    out = np.full(given.shape, -1, np.int32)
    copies.call(f"copy_{rank}_i32", given, out)
    np.testing.assert_array_equal(out, given)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), dtype=st.sampled_from(DTYPES))
def test_any_type(copies: Runner, data: st.DataObject, dtype: str) -> None:
    given = data.draw(sliced(2, dtype))
    out = np.zeros(given.shape, given.dtype)
    copies.call(f"copy_2_{dtype}", given, out)
    np.testing.assert_array_equal(out, given)


def test_buffers_and_their_views(copies: Runner) -> None:
    device = copies.device
    with device.upload(np.arange(12, dtype=np.int32).reshape(3, 4)) as given:
        view = given.view([3, 2], offset=1, strides=[4, 2])
        with device.allocate([3, 2], "i32") as out:
            copies.call("copy_2_i32", view, out)
            assert out.numpy().tolist() == [[1, 3], [5, 7], [9, 11]]


def test_a_bound_call_sees_new_contents_and_new_arguments(copies: Runner) -> None:
    given, out = np.zeros((2, 2), np.int32), np.zeros((2, 2), np.int32)
    with copies.bind("copy_2_i32", given, out) as bound:
        given[:] = 5
        bound()
        assert out.tolist() == [[5, 5], [5, 5]]
        bound.set(0, np.full((2, 2), 6, np.int32).T)
        bound()
        assert out.tolist() == [[6, 6], [6, 6]]


RETURNS = """
memref.global "private" constant @table : memref<3xf32> = dense<[1.0, 2.0, 3.0]>
func.func @fresh(%n: index) -> memref<?x2xf32> {
  %a = memref.alloc(%n) : memref<?x2xf32>
  %x = arith.constant 7.0 : f32
  linalg.fill ins(%x : f32) outs(%a : memref<?x2xf32>)
  return %a : memref<?x2xf32>
}
func.func @window(%a: memref<?x?xf32>) -> memref<2x?xf32, strided<[?, 1], offset: ?>> {
  %1 = arith.constant 1 : index
  %n = memref.dim %a, %1 : memref<?x?xf32>
  %s = memref.subview %a[1, 0] [2, %n] [2, 1]
    : memref<?x?xf32> to memref<2x?xf32, strided<[?, 1], offset: ?>>
  return %s : memref<2x?xf32, strided<[?, 1], offset: ?>>
}
func.func @both(%n: index) -> (memref<?xf32>, memref<1xf32, strided<[1], offset: 2>>) {
  %a = memref.alloc(%n) : memref<?xf32>
  %x = arith.constant 3.0 : f32
  linalg.fill ins(%x : f32) outs(%a : memref<?xf32>)
  %s = memref.subview %a[2] [1] [1] : memref<?xf32> to memref<1xf32, strided<[1], offset: 2>>
  return %a, %s : memref<?xf32>, memref<1xf32, strided<[1], offset: 2>>
}
func.func @constant() -> memref<3xf32> {
  %g = memref.get_global @table : memref<3xf32>
  return %g : memref<3xf32>
}
func.func @same(%a: memref<?xf32>) -> memref<?xf32> { return %a : memref<?xf32> }
func.func @aligned() -> memref<4xf32> {
  %a = memref.alloc() {alignment = 64} : memref<4xf32>
  %x = arith.constant 2.0 : f32
  linalg.fill ins(%x : f32) outs(%a : memref<4xf32>)
  return %a : memref<4xf32>
}
"""


@pytest.fixture(scope="module")
def returns() -> Runner:
    return load(RETURNS)


def test_fresh_memory_belongs_to_the_caller(returns: Runner) -> None:
    array = returns.call("fresh", 3)
    assert array.tolist() == [[7, 7]] * 3
    array[0] = 1
    assert returns.call("fresh", 0).shape == (0, 2)


def test_aligned_allocations_are_freed_at_their_start(returns: Runner) -> None:
    for _ in range(50):
        array = returns.call("aligned")
        assert array.ctypes.data % 64 == 0 and (array == 2).all()


def test_a_window_of_an_argument(returns: Runner) -> None:
    given = np.arange(12, dtype=np.float32).reshape(4, 3)
    window = returns.call("window", given)
    np.testing.assert_array_equal(window, given[1::2])
    assert np.shares_memory(window, given)
    window[0, 0] = -1
    assert given[1, 0] == -1


def test_a_returned_argument_keeps_it_alive(returns: Runner) -> None:
    result = returns.call("same", np.full(1000, 4, np.float32))
    gc.collect()
    assert (result == 4).all()


def test_a_returned_constant_outlives_the_runner() -> None:
    runner = load(RETURNS)
    array = runner.call("constant")
    del runner
    gc.collect()
    assert array.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 9


def test_results_that_share_memory(returns: Runner) -> None:
    whole, part = returns.call("both", 4)
    assert np.shares_memory(whole, part)
    whole[2] = 8
    del whole
    gc.collect()
    assert part.tolist() == [8]


class Mallinfo(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks")),
        ("keepcost", ctypes.c_size_t),
    ]


def heap_in_use() -> int:
    query = ctypes.CDLL(None).mallinfo2
    query.restype = Mallinfo
    found = query()
    return int(found.uordblks + found.hblkhd)


@pytest.mark.parametrize(("entry", "arguments"), [("fresh", (5000,)), ("both", (10_000,))])
def test_returned_memory_comes_back(returns: Runner, entry: str, arguments: Any) -> None:
    for _ in range(5):
        returns.call(entry, *arguments)
    before = heap_in_use()
    for _ in range(200):
        returns.call(entry, *arguments)
    assert heap_in_use() - before < 100_000  # 8 MB if it did not


def test_wrong_arrays_never_reach_the_code(copies: Runner) -> None:
    out = np.zeros((2, 2), np.int32)
    with pytest.raises(UserError, match=r"copy_2_i32: argument 1: expected strides \[2, 1\]"):
        copies.call("copy_2_i32", out, np.zeros((2, 2), np.int32).T)
    with pytest.raises(UserError, match=r"argument 0: expected strides of at least 0"):
        copies.call("copy_2_i32", out[::-1], out.copy())
    readonly = np.zeros((2, 2), np.int32)
    readonly.flags.writeable = False
    copies.call("copy_2_i32", readonly, out)  # only read
    with pytest.raises(UserError, match="argument 1: the code may write to this array"):
        copies.call("copy_2_i32", out, readonly)


def test_modules_of_one_name_do_not_meet() -> None:
    texts = [
        f"func.func @f() -> i32 {{ %0 = arith.constant {n} : i32\n return %0 : i32 }}"
        for n in (1, 2)
    ]
    one, two = map(load, texts)
    assert (one.call("f"), two.call("f"), one.call("f")) == (1, 2, 1)
    del one
    gc.collect()
    assert two.call("f") == 2
