"""The argument block, read back by an independent reader of MLIR's packed calling convention."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos.core.artifact import Argument, EntryPoint
from pharos.runtime.checks import check_call
from pharos.runtime.dtypes import NUMPY
from pharos.runtime.frame import Descriptor, Frame, result_layout, returns_by_pointer

CTYPES = {
    "f64": ctypes.c_double,
    "f32": ctypes.c_float,
    "i64": ctypes.c_int64,
    "i32": ctypes.c_int32,
    "i16": ctypes.c_int16,
    "i8": ctypes.c_int8,
    "i1": ctypes.c_bool,
    "index": ctypes.c_int64,
    "pointer": ctypes.c_void_p,
}


def word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def read_memref(slot: int, rank: int) -> Descriptor:
    """What a callee sees: ``slot`` holds the address of the descriptor."""
    words = [word(word(slot) + 8 * i) for i in range(3 + 2 * rank)]
    return Descriptor(
        words[0], words[1], words[2], tuple(words[3 : 3 + rank]), tuple(words[3 + rank :])
    )


@st.composite
def strided_arrays(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], str]:
    """An array of rank 0 to 4 with non-negative strides, possibly empty, of any element type."""
    dtype = draw(st.sampled_from(sorted(NUMPY)))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    steps = [draw(st.integers(1, 3)) for _ in shape]
    base = np.zeros([n * s for n, s in zip(shape, steps, strict=True)], NUMPY[dtype])
    array = base[(*(slice(None, None, step) for step in steps), ...)]
    order = draw(st.permutations(range(len(shape))))
    return array.transpose(order), dtype


@given(arrays=st.lists(strided_arrays(), max_size=4), data=st.data())
def test_arrays_arrive_as_they_are(arrays: list[Any], data: st.DataObject) -> None:
    arguments, values = [], []
    for array, dtype in arrays:
        dynamic = tuple(-1 if data.draw(st.booleans()) else size for size in array.shape)
        strides = (-1,) * array.ndim
        arguments.append(Argument("memref", dtype, dynamic, strides, written=False))
        values.append(array)
    entry = EntryPoint("f", tuple(arguments))
    frame = Frame(entry, check_call(entry, values, "cpu"))
    for index, array in enumerate(values):
        found = read_memref(word(frame.address + 8 * index), array.ndim)
        assert found.allocated == found.aligned == array.ctypes.data
        assert found.offset == 0
        assert found.shape == array.shape
        for size, step, stride in zip(array.shape, found.strides, array.strides, strict=True):
            assert step == stride // array.itemsize or size <= 1 or not array.size


@given(data=st.data())
def test_scalars_arrive_as_they_are(data: st.DataObject) -> None:
    numbers = {
        "f64": st.floats(allow_nan=False),
        "f32": st.floats(width=32, allow_nan=False),
        "i1": st.booleans(),
        "pointer": st.integers(1, (1 << 64) - 1),
        **{
            dtype: st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
            for dtype, bits in (("i64", 64), ("i32", 32), ("i16", 16), ("i8", 8), ("index", 64))
        },
    }
    kinds = data.draw(st.lists(st.sampled_from(sorted(numbers)), max_size=6))
    values = [data.draw(numbers[kind]) for kind in kinds]
    entry = EntryPoint(
        "f",
        tuple(
            Argument("pointer", "") if kind == "pointer" else Argument("scalar", kind)
            for kind in kinds
        ),
    )
    frame = Frame(entry, check_call(entry, values, "cpu"))
    for index, (kind, value) in enumerate(zip(kinds, values, strict=True)):
        assert CTYPES[kind].from_address(word(frame.address + 8 * index)).value == value


HALVES = [("bf16", ml_dtypes.bfloat16), ("f16", np.float16)]


@pytest.mark.parametrize(("dtype", "kind"), HALVES)
def test_half_precision_scalars(dtype: str, kind: Any) -> None:
    entry = EntryPoint("f", (Argument("scalar", dtype),), (Argument("scalar", dtype),))
    frame = Frame(entry, check_call(entry, [-1.5], "cpu"))
    raw = (ctypes.c_uint8 * 2).from_address(word(frame.address))
    assert np.frombuffer(raw, kind)[0] == -1.5
    (ctypes.c_uint8 * 2).from_address(word(frame.address + 8))[:] = kind(0.375).tobytes()
    assert frame.results() == (0.375,)


SINGLE = [("f64", 0.1, 0.1), ("i64", -5, -5), ("i8", -5, -5), ("index", 7, 7), ("pointer", 9, 9)]


@pytest.mark.parametrize(("dtype", "stored", "expected"), SINGLE)
def test_one_scalar_result_is_stored_through_the_last_entry(
    dtype: str, stored: Any, expected: Any
) -> None:
    result = Argument("pointer", "") if dtype == "pointer" else Argument("scalar", dtype)
    entry = EntryPoint("f", (Argument("scalar", "i8"),), (result,))
    frame = Frame(entry, check_call(entry, [1], "cpu"))
    CTYPES[dtype].from_address(word(frame.address + 8)).value = stored
    assert frame.results() == (expected,)


def test_only_the_lowest_bit_of_an_i1_counts() -> None:
    frame = Frame(EntryPoint("f", (), (Argument("scalar", "i1"),)), [])
    place = ctypes.c_uint8.from_address(word(frame.address))
    for byte, expected in ((0xFE, False), (0xFF, True), (1, True)):
        place.value = byte
        assert frame.results() == (expected,)


@st.composite
def result_kinds(draw: st.DrawFn) -> Argument:
    kind = draw(st.sampled_from(["memref", "pointer", *sorted(CTYPES.keys() - {"pointer"})]))
    if kind == "memref":
        return Argument("memref", "f32", (-1,) * draw(st.integers(0, 3)))
    return Argument("pointer", "") if kind == "pointer" else Argument("scalar", kind)


def c_struct(results: list[Argument]) -> Any:
    """The result struct as ctypes lays it out, independently of ours."""
    fields: list[tuple[str, Any]] = []
    for number, result in enumerate(results):
        if result.kind == "memref":
            kind: Any = ctypes.c_int64 * (3 + 2 * len(result.shape))
        else:
            kind = CTYPES["pointer" if result.kind == "pointer" else result.dtype]
        fields.append((f"r{number}", kind))
    return type("Results", (ctypes.Structure,), {"_fields_": fields})


@given(results=st.lists(result_kinds(), min_size=2, max_size=7))
def test_the_result_struct_is_laid_out_like_in_c(results: list[Argument]) -> None:
    layout = c_struct(results)
    offsets, size = result_layout(results)
    assert offsets == [getattr(layout, f"r{i}").offset for i in range(len(results))]
    assert size >= ctypes.sizeof(layout)
    assert returns_by_pointer(results)


def test_several_results_come_through_a_struct_before_the_arguments() -> None:
    results = (
        Argument("scalar", "i1"),
        Argument("memref", "f32", (-1, 2)),
        Argument("scalar", "f32"),
    )
    entry = EntryPoint("f", (Argument("scalar", "i32"),), results)
    frame = Frame(entry, check_call(entry, [42], "cpu"))
    assert ctypes.c_int32.from_address(word(frame.address + 8)).value == 42
    struct_at = word(word(frame.address))
    found = c_struct(list(results)).from_address(struct_at)
    found.r0, found.r2 = True, 2.5
    found.r1[:] = [10, 20, 3, 4, 2, 5, 1]
    assert frame.results() == (True, Descriptor(10, 20, 3, (4, 2), (5, 1)), 2.5)


def test_replacing_an_argument_keeps_the_others() -> None:
    arguments = (Argument("memref", "f32", (-1,)), Argument("scalar", "i64"))
    entry = EntryPoint("f", arguments)
    old, new = np.zeros(3, np.float32), np.zeros(5, np.float32)
    frame = Frame(entry, check_call(entry, [old, 7], "cpu"))
    at = frame.address
    for index, value in enumerate(check_call(entry, [new, 8], "cpu")):
        frame.write(index, value)
    assert frame.address == at
    assert read_memref(word(at), 1).shape == (5,)
    assert read_memref(word(at), 1).aligned == new.ctypes.data
    assert struct.unpack("<q", ctypes.string_at(word(at + 8), 8)) == (8,)
