"""One owner per buffer; nothing outside it, nothing after it was freed."""

from __future__ import annotations

import gc

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos.core.errors import UserError
from pharos.runtime import Buffer
from pharos.runtime.buffer import ALIGNMENT, host_buffer, row_major
from pharos.runtime.dtypes import NUMPY


@given(
    shape=st.lists(st.integers(0, 5), max_size=4),
    dtype=st.sampled_from(sorted(NUMPY)),
)
def test_numpy_sees_the_same_memory(shape: list[int], dtype: str) -> None:
    with host_buffer("cpu", shape, dtype) as buffer:
        array = buffer.numpy()
        assert array.shape == tuple(shape) == buffer.shape
        assert array.dtype == NUMPY[dtype]
        assert array.flags.c_contiguous and array.flags.writeable
        assert buffer.address % ALIGNMENT == 0
        assert buffer.nbytes == array.nbytes
        array[...] = 1
        assert (buffer.numpy() == np.ones(shape, NUMPY[dtype])).all()
        if array.size:
            assert array.ctypes.data == buffer.address


def test_double_free_is_refused() -> None:
    buffer = host_buffer("cpu", [3], "f32")
    buffer.free()
    with pytest.raises(UserError, match=r"cannot free a freed buffer \(f32, shape \[3\]\)"):
        buffer.free()


@pytest.mark.parametrize("use", ["numpy", "address", "view", "pin"])
def test_use_after_free_is_refused(use: str) -> None:
    buffer = host_buffer("cpu", [3], "f32")
    view = buffer.view([2])
    buffer.free()
    for one in (buffer, view):
        with pytest.raises(UserError, match="a freed buffer"):
            if use == "address":
                _ = one.address
            elif use == "view":
                one.view([1])
            else:
                getattr(one, use)()
    assert repr(buffer) == "Buffer(freed, cpu, f32, [3])"


def test_a_view_cannot_free() -> None:
    buffer = host_buffer("cpu", [4], "f32")
    with pytest.raises(UserError, match="a view cannot free") as caught:
        buffer.view([2]).free()
    assert caught.value.hint == "free its owner instead"
    assert not buffer.freed


def test_a_pinned_buffer_cannot_be_freed() -> None:
    buffer = host_buffer("cpu", [4], "f32")
    unpin = buffer.view([1], offset=3).pin()
    with pytest.raises(UserError, match=r"still used by 1 bound call"):
        buffer.free()
    unpin()
    buffer.free()
    assert buffer.freed


def test_leaving_a_with_block_frees_even_after_an_error() -> None:
    with pytest.raises(RuntimeError), host_buffer("cpu", [1], "i8") as buffer:
        raise RuntimeError
    assert buffer.freed


def test_release_runs_once() -> None:
    calls: list[int] = []
    buffer = Buffer("gpu", 4096, [2], "f32", lambda: calls.append(1))
    view = buffer.view([1])
    del buffer
    gc.collect()
    assert calls == []  # the view still borrows
    del view
    gc.collect()
    assert calls == [1]
    buffer = Buffer("gpu", 4096, [2], "f32", lambda: calls.append(2))
    buffer.free()
    del buffer
    gc.collect()
    assert calls == [1, 2]


def test_an_array_outlives_its_buffer() -> None:
    buffer = host_buffer("cpu", [1000], "f64")
    array = buffer.numpy()
    array[:] = 3
    buffer.free()
    del buffer
    gc.collect()
    assert array.sum() == 3000


def test_memory_of_a_device_is_not_the_hosts() -> None:
    buffer = Buffer("gpu", 4096, [2], "f32", lambda: None)
    with pytest.raises(UserError, match="memory of device 'gpu' cannot be seen from the host"):
        buffer.numpy()


def test_views() -> None:
    buffer = host_buffer("cpu", [4, 6], "f32")
    whole = buffer.numpy()
    whole[...] = np.arange(24).reshape(4, 6)
    view = buffer.view([2, 3], offset=7, strides=[12, 2])
    np.testing.assert_array_equal(view.numpy(), whole[1::2, 1::2])
    assert view.address == buffer.address + 7 * 4
    inner = view.view([2], offset=2)
    np.testing.assert_array_equal(inner.numpy(), [9, 10])
    halves = buffer.view([48], dtype="bf16")
    assert halves.numpy().dtype == ml_dtypes.bfloat16
    assert buffer.view([0], offset=24).numpy().size == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": [25]}, "view of bytes 0 to 100 of a buffer of 96 bytes"),
        ({"shape": [1], "offset": 24}, "view of bytes 96 to 100 of a buffer of 96"),
        ({"shape": [1], "offset": -1}, "view of bytes -4 to 0"),
        ({"shape": [2, 2], "strides": [23, 1]}, "view of bytes 0 to 100"),
        ({"shape": [2], "strides": [1, 1]}, r"a view of rank 1 takes 1 strides .* \[1, 1\]"),
        ({"shape": [2], "strides": [-1], "offset": 5}, r"strides of at least 0, found \[-1\]"),
        ({"shape": [-2]}, r"sizes of at least 0, found shape \[-2\]"),
        ({"shape": [2], "dtype": "f33"}, "unknown element type 'f33'"),
    ],
)
def test_views_outside_the_memory_are_refused(options: dict[str, object], message: str) -> None:
    buffer = host_buffer("cpu", [4, 6], "f32")
    with pytest.raises(UserError, match=message):
        buffer.view(**options)  # type: ignore[arg-type]


def test_unknown_types_and_sizes_are_refused() -> None:
    with pytest.raises(UserError, match="unknown element type 'float32'; known: f64, f32"):
        host_buffer("cpu", [1], "float32")
    with pytest.raises(UserError, match="sizes of at least 0"):
        host_buffer("cpu", [3, -1], "f32")


def test_row_major() -> None:
    assert row_major([]) == ()
    assert row_major([2, 3, 4]) == (12, 4, 1)
