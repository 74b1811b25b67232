"""Every refusal of an argument, with its message; and what is not refused."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pharos.core.artifact import Argument, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.buffer import Buffer, host_buffer
from pharos.runtime.checks import check_call
from pharos.runtime.device import Memory, Scalar

F32 = np.float32


def entry(*arguments: Argument) -> EntryPoint:
    return EntryPoint("f", arguments)


def memref(dtype: str, shape: tuple[int, ...], **options: Any) -> Argument:
    return Argument("memref", dtype, shape, **options)


def check(arguments: list[Argument], *values: Any) -> list[Any]:
    return check_call(entry(*arguments), values, "cpu")


def refusal(arguments: list[Argument], *values: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        check(arguments, *values)
    return caught.value


def unaligned() -> np.ndarray[Any, Any]:
    return np.zeros(17, np.uint8)[1:].view(F32)


def readonly(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    array = np.zeros(shape, F32)
    array.flags.writeable = False
    return array


SQUARE = memref("f32", (2, 3))
ANY = memref("f32", (-1, 3))
LINE = memref("f32", (-1,))
POINTER = Argument("pointer", "")
STRIDED = memref("f32", (-1, 3), strides=(-1, 2))

ARRAY_REFUSALS = [
    (SQUARE, np.zeros((3, 2), F32), "expected an array f32[2, 3], found shape [3, 2]"),
    (SQUARE, np.zeros(6, F32), "expected an array f32[2, 3], found shape [6]"),
    (ANY, np.zeros((5, 4), F32), "expected an array f32[?, 3], found shape [5, 4]"),
    (SQUARE, np.zeros((2, 3)), "expected an array f32[2, 3], found f64[2, 3]"),
    (SQUARE, np.zeros((2, 3), np.complex64), "found complex64[2, 3]"),
    (SQUARE, np.zeros((2, 3), ml_dtypes.bfloat16), "found bf16[2, 3]"),
    (SQUARE, np.zeros((2, 3), ">f4"), "found >f4[2, 3]"),
    (memref("i1", (2,)), np.zeros(2, np.uint8), "expected an array i1[2], found i8[2]"),
    (memref("i32", (2,)), np.zeros(2, np.int64), "expected an array i32[2], found i64[2]"),
    (SQUARE, [[1.0] * 3] * 2, "found list [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]"),
    (SQUARE, 1.0, "found float 1.0"),
    (SQUARE, None, "found NoneType None"),
    (SQUARE, readonly((2, 3)), "the code may write to this array, and it is read-only"),
    (LINE, np.zeros(6, F32)[::2], "expected strides [1] (in elements), found [2] for shape [3]"),
    (LINE, np.zeros(6, F32)[::-1], "expected strides [1] (in elements), found [-1]"),
    (SQUARE, np.zeros((3, 2), F32).T, "expected strides [3, 1] (in elements), found [1, 2]"),
    (STRIDED, np.zeros((4, 3), F32), "expected strides [?, 2] (in elements), found [3, 1]"),
    (
        memref("f32", (-1,), strides=(-1,)),
        np.zeros(6, F32)[::-1],
        "expected strides of at least 0, found [-1]",
    ),
    (LINE, unaligned(), "expected elements aligned to 4 bytes, found address"),
    (
        memref("f32", (-1,), strides=(-1,)),
        np.zeros(4, np.dtype([("a", F32), ("b", np.int8)]))["a"],
        "and strides of [5] bytes",
    ),
    (
        memref("f32", (-1,), strides=(-1,)),
        np.lib.stride_tricks.as_strided(np.zeros(1, F32), (4,), (0,)),
        "its elements overlap (shape [4], strides [0])",
    ),
]


@pytest.mark.parametrize(("argument", "value", "message"), ARRAY_REFUSALS)
def test_arrays_are_refused(argument: Argument, value: Any, message: str) -> None:
    error = refusal([Argument("scalar", "i32"), argument], 1, value)
    assert error.message.startswith("f: argument 1: ")
    assert message in error.message


SCALAR_REFUSALS = [
    ("i32", 1 << 32, "expected i32, from -2147483648 to 4294967295, found 4294967296"),
    ("i32", -(1 << 31) - 1, "expected i32, from -2147483648"),
    ("i8", 256, "expected i8, from -128 to 255, found 256"),
    ("i1", 2, "expected i1, from 0 to 1, found 2"),
    ("i1", -1, "expected i1, from 0 to 1, found -1"),
    ("index", 1.0, "expected an integer of type index, found 1.0"),
    ("i32", np.float32(1), "expected an integer of type i32, found"),
    ("i32", ml_dtypes.bfloat16(1), "expected an integer of type i32, found"),
    ("i32", "1", "expected a number of type i32, found str '1'"),
    ("f32", None, "expected a number of type f32, found NoneType None"),
    ("f32", 1 + 2j, "expected a number of type f32, found complex"),
    ("f32", np.zeros(1, F32), "expected a number of type f32, found an array of shape [1]"),
    ("f32", 1e39, "1e+39 is too large for f32"),
    ("f16", 70000, "70000 is too large for f16"),
    ("bf16", 3.5e38, "3.5e+38 is too large for bf16"),
    ("f64", 10**400, "is too large for f64"),
]


@pytest.mark.parametrize(("dtype", "value", "message"), SCALAR_REFUSALS)
def test_scalars_are_refused(dtype: str, value: Any, message: str) -> None:
    error = refusal([Argument("scalar", dtype, name="n")], value)
    assert error.message.startswith("f: argument 0 'n': ")
    assert message in error.message


SCALARS = [
    ("i32", -1, b"\xff\xff\xff\xff"),
    ("i32", 0xFFFFFFFF, b"\xff\xff\xff\xff"),
    ("i16", np.int8(-2), b"\xfe\xff"),
    ("i64", True, b"\1\0\0\0\0\0\0\0"),
    ("index", np.uint64((1 << 64) - 1), b"\xff" * 8),
    ("i1", np.True_, b"\1"),
    ("i1", 0, b"\0"),
    ("f32", 1, b"\0\0\x80\x3f"),
    ("f32", np.array(1.0), b"\0\0\x80\x3f"),
    ("bf16", -2.0, b"\0\xc0"),
    ("bf16", ml_dtypes.bfloat16(1), b"\x80\x3f"),
    ("f16", float("inf"), b"\0\x7c"),
    ("bf16", float("-inf"), b"\x80\xff"),
    ("f64", np.float32(0.5), b"\0\0\0\0\0\0\xe0\x3f"),
]


@pytest.mark.parametrize(("dtype", "value", "raw"), SCALARS)
def test_scalars(dtype: str, value: Any, raw: bytes) -> None:
    (checked,) = check([Argument("scalar", dtype)], value)
    assert isinstance(checked, Scalar) and checked.raw == raw


@pytest.mark.parametrize("dtype", ["f32", "bf16", "f16", "f64"])
def test_nan_passes(dtype: str) -> None:
    (checked,) = check([Argument("scalar", dtype)], float("nan"))
    assert checked.raw != bytes(len(checked.raw))


def test_the_count_is_checked_and_the_arguments_are_shown() -> None:
    arguments = [
        memref("f32", (-1, 4), name="x"),
        Argument("scalar", "i64"),
        Argument("pointer", ""),
    ]
    error = refusal(arguments, 1)
    assert error.message == "f: expected 3 argument(s), found 1"
    assert error.hint == "the arguments are (x: f32[?, 4], i64, pointer)"


def test_hints_say_what_to_do() -> None:
    assert refusal([SQUARE], np.zeros((2, 3))).hint == "convert it: x.astype(np.float32)"
    wanted = memref("bf16", (1,))
    assert refusal([wanted], np.zeros(1, F32)).hint == "convert it: x.astype(ml_dtypes.bfloat16)"
    assert "ascontiguousarray" in (refusal([LINE], np.zeros(6, F32)[::2]).hint or "")
    assert refusal([SQUARE], readonly((2, 3))).hint == "pass a copy: x.copy()"


def test_buffers_are_checked_like_arrays() -> None:
    buffer = host_buffer("cpu", [2, 3], "f32")
    (checked,) = check([SQUARE], buffer)
    assert checked == Memory(buffer.address, (2, 3), (3, 1), buffer)
    assert "found shape [3]" in refusal([SQUARE], buffer.view([3])).message
    assert "found f64[2, 3]" in refusal([SQUARE], host_buffer("cpu", [2, 3], "f64")).message
    elsewhere = Buffer("gpu", 4096, [2, 3], "f32", lambda: None)
    error = refusal([SQUARE], elsewhere)
    assert "expected memory of device 'cpu', found memory of 'gpu'" in error.message
    assert (
        "expected memory of device 'cpu'" in refusal([Argument("pointer", "")], elsewhere).message
    )
    buffer.free()
    assert "the buffer was freed before the call" in refusal([SQUARE], buffer).message


def test_strides_that_no_element_uses_do_not_matter() -> None:
    odd = np.lib.stride_tricks.as_strided(np.zeros(8, F32), (1, 3), (400, 4))
    (checked,) = check([memref("f32", (-1, 3))], odd)
    assert checked.strides == (3, 1)
    (checked,) = check([STRIDED], np.zeros((2, 6), F32)[:0, ::2])
    assert checked.strides[1] == 2
    (checked,) = check([LINE], np.zeros(5, F32)[:1][::-1])
    assert checked.strides == (1,)


def test_read_only_and_broadcast_arrays_may_be_read() -> None:
    reads = memref("f32", (-1, 3), strides=(-1, -1), written=False)
    check([reads], readonly((4, 3)))
    (checked,) = check([reads], np.broadcast_to(np.zeros(3, F32), (4, 3)))
    assert checked.strides == (0, 1)


def test_unsigned_arrays_stand_for_integers() -> None:
    check([memref("i8", (2,))], np.zeros(2, np.uint8))
    check([memref("index", (2,))], np.zeros(2, np.uint64))
    check([memref("index", (2,))], np.zeros(2, np.int64))


def test_pointers() -> None:
    array = np.zeros(3)
    buffer = host_buffer("cpu", [1], "i8")
    checked = check([POINTER] * 4, array, buffer, None, 4096)
    addresses = [int.from_bytes(value.raw, "little") for value in checked]
    assert addresses == [array.ctypes.data, buffer.address, 0, 4096]
    assert checked[0].source is array  # kept alive
    assert "expected a dense array for a pointer" in refusal([POINTER], np.zeros(6)[::2]).message
    for wrong in ("text", 1.5, True, -1, 1 << 64):
        assert "expected a pointer, found" in refusal([POINTER], wrong).message


def test_overlap() -> None:
    whole = np.zeros(10, F32)
    reads, writes = memref("f32", (-1,), written=False), LINE
    own = memref("f32", (-1,), unique=True)
    check([reads, reads], whole[:6], whole[2:8])
    check([reads, writes], whole[:5], whole[5:])
    check([reads, writes], whole, whole)
    check([writes, writes], whole[:0], whole)
    error = refusal([reads, writes], whole[:6], whole[2:8])
    assert error.message == "f: arguments 0 and 1 overlap, and the code writes to it"
    assert error.hint == "pass a copy of argument 0"
    assert "pass a copy of argument 1" in (
        refusal([writes, reads], whole[:6], whole[2:]).hint or ""
    )
    error = refusal([reads, own], whole, whole)
    assert error.message == "f: arguments 0 and 1 are the same memory, and the code writes to it"


def test_interleaved_columns_do_not_overlap() -> None:
    strided = memref("f32", (-1,), strides=(-1,))
    pairs = np.zeros((5, 2), F32)
    check([strided, strided], pairs[:, 0], pairs[:, 1])
    assert "overlap" in refusal([strided, strided], pairs[:, 0], pairs[1:, 0]).message


def test_buffers_that_overlap() -> None:
    buffer = host_buffer("cpu", [10], "f32")
    check([LINE, LINE], buffer.view([5]), buffer.view([5], offset=5))
    error = refusal([LINE, LINE], buffer.view([6]), buffer.view([5], offset=5))
    assert "arguments 0 and 1 overlap" in error.message
