"""Who owns returned memory."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import numpy as np
import pytest

from pharos.core.artifact import Argument
from pharos.runtime.device import Memory
from pharos.runtime.frame import Descriptor
from pharos.runtime.results import adopt

LINE = Argument("memref", "f32", (-1,))


class Heap:
    """Hands out real memory and counts what comes back."""

    def __init__(self) -> None:
        self.blocks: dict[int, Any] = {}
        self.freed: list[int] = []

    def block(self, *values: float) -> int:
        memory = np.array(values, np.float32)
        self.blocks[memory.ctypes.data] = memory
        return memory.ctypes.data

    def free(self, address: int) -> None:
        self.freed.append(address)


@pytest.fixture
def heap() -> Heap:
    return Heap()


def take(heap: Heap, *values: Any, arguments: Any = (), kinds: Any = None) -> tuple[Any, ...]:
    kinds = kinds or [LINE] * len(values)
    return adopt(kinds, values, list(arguments), heap.free, "code")


def test_allocated_memory_is_freed_with_the_last_array(heap: Heap) -> None:
    at = heap.block(1, 2, 3, 4)
    (array,) = take(heap, Descriptor(at, at, 0, (4,), (1,)))
    assert array.tolist() == [1, 2, 3, 4]
    part = array[1:3]
    del array
    gc.collect()
    assert heap.freed == [] and part.tolist() == [2, 3]
    del part
    gc.collect()
    assert heap.freed == [at]


def test_two_results_in_one_block_free_it_once(heap: Heap) -> None:
    at = heap.block(1, 2, 3, 4)
    first, second = take(
        heap, Descriptor(at, at, 0, (2,), (1,)), Descriptor(at, at + 4, 1, (2,), (1,))
    )
    assert first.tolist() == [1, 2] and second.tolist() == [3, 4]
    del first
    gc.collect()
    assert heap.freed == [] and second.tolist() == [3, 4]
    del second
    gc.collect()
    assert heap.freed == [at]


def test_a_result_in_an_argument_is_a_view_of_it(heap: Heap) -> None:
    given = np.arange(4, dtype=np.float32)
    at = given.ctypes.data
    argument = Memory(at, (4,), (1,), given)
    (array,) = take(heap, Descriptor(at, at, 1, (3,), (1,)), arguments=[argument])
    assert np.shares_memory(array, given) and array.tolist() == [1, 2, 3]
    del array
    gc.collect()
    assert heap.freed == []


def test_a_view_of_a_read_only_argument_is_read_only(heap: Heap) -> None:
    given = np.arange(4, dtype=np.float32)
    given.flags.writeable = False
    at = given.ctypes.data
    argument = Memory(at, (4,), (1,), given)
    (array,) = take(heap, Descriptor(at, at, 0, (4,), (1,)), arguments=[argument])
    assert not array.flags.writeable


def test_a_constant_of_the_program_is_never_freed_nor_written(heap: Heap) -> None:
    at = heap.block(5, 6)
    (array,) = take(heap, Descriptor(0xDEADBEEF, at, 0, (2,), (1,)))
    assert array.tolist() == [5, 6] and not array.flags.writeable
    del array
    gc.collect()
    assert heap.freed == []


def test_strided_empty_and_zero_dimensional_results(heap: Heap) -> None:
    at = heap.block(*range(6))
    kinds = [Argument("memref", "f32", (-1, -1)), Argument("memref", "f32", ()), LINE]
    turned, single, empty = take(
        heap,
        Descriptor(at, at, 0, (3, 2), (1, 3)),
        Descriptor(at, at, 5, (), ()),
        Descriptor(at, at, 0, (0,), (1,)),
        kinds=kinds,
    )
    assert turned.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert single.shape == () and single == 5
    assert empty.shape == (0,)
    (backwards,) = take(heap, Descriptor(at, at, 5, (3,), (-2,)))
    assert backwards.tolist() == [5, 3, 1]


def test_null_memory_is_not_freed(heap: Heap) -> None:
    (empty,) = take(heap, Descriptor(0, 0, 0, (0,), (1,)))
    assert empty.shape == (0,)
    gc.collect()
    assert heap.freed == []


def test_scalars_pass_through(heap: Heap) -> None:
    kinds = [Argument("scalar", "i32"), Argument("pointer", "")]
    assert take(heap, 3, 4096, kinds=kinds) == (3, 4096)


def test_freeing_really_frees(heap: Heap) -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None
    at = libc.malloc(ctypes.c_size_t(64))
    ctypes.memset(at, 0, 64)
    (array,) = adopt([LINE], [Descriptor(at, at, 0, (16,), (1,))], [], libc.free, "code")
    assert not array.any()
    del array
