"""The argument block of a call through MLIR's C interface.

For a function f, MLIR emits ``_mlir__mlir_ciface_f(void **values)``: ``values[i]`` is the address
of argument i. An array argument is a pointer to a descriptor {allocated, aligned, offset,
sizes[rank], strides[rank]} of 64-bit words (MLIR's "LLVM IR Target" document, "C-compatible
wrapper emission"). A single scalar result is stored through the last entry; anything else is a
C struct whose address is the first argument.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pharos.core.artifact import DTYPE_BYTES, Argument, EntryPoint
from pharos.runtime.device import Checked, Memory

_WORD = 8
_F32, _U32 = struct.Struct("<f"), struct.Struct("<I")
_FORMATS = {
    "f64": "<d",
    "f32": "<f",
    "f16": "<e",
    "bf16": "<H",
    "i64": "<q",
    "i32": "<i",
    "i16": "<h",
    "i8": "<b",
    "i1": "<B",
    "index": "<q",
    "pointer": "<Q",
}


def descriptor_words(rank: int) -> int:
    """Words of a memref descriptor of ``rank`` dimensions."""
    return 3 + 2 * rank


@dataclass(frozen=True)
class Descriptor:
    """A memref descriptor that compiled code returned; sizes and strides in elements."""

    allocated: int
    aligned: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


Result = Descriptor | int | float | bool


class Frame:
    """All memory that one call reads its arguments from and writes its results to.

    Built once, then called any number of times: ``address`` is what the packed entry takes.
    Not for two threads at a time.
    """

    def __init__(self, entry: EntryPoint, values: Sequence[Checked]) -> None:
        arguments, results = entry.arguments, entry.results
        by_pointer = returns_by_pointer(results)
        offsets, result_bytes = result_layout(results)
        self._slot = len(arguments) + 1  # where the values start, after their addresses
        self._shift = 1 if by_pointer else 0  # argument 0 is the result struct's address
        descriptors = 2 * self._slot
        self._descriptor: list[int] = []
        for argument in arguments:
            self._descriptor.append(descriptors)
            if argument.kind == "memref":
                descriptors += descriptor_words(len(argument.shape))
        words = descriptors + -(-result_bytes // _WORD)
        self._words = array("q", bytes(words * _WORD))
        self.address: int = self._words.buffer_info()[0]
        for index in range(self._slot):
            self._words[index] = self.address + _WORD * (self._slot + index)
        result = self.address + descriptors * _WORD
        if by_pointer:
            self._words[self._slot] = result
        else:
            self._words[len(arguments)] = result
        self._readers = [
            self._reader(argument, descriptors * _WORD + offset)
            for argument, offset in zip(results, offsets, strict=True)
        ]
        for index, value in enumerate(values):
            self.write(index, value)

    def write(self, index: int, value: Checked) -> None:
        """Put ``value`` in the place of argument ``index``."""
        slot = self._slot + self._shift + index
        if not isinstance(value, Memory):
            self._words[slot] = int.from_bytes(value.raw.ljust(_WORD, b"\0"), "little", signed=True)
            return
        at = self._descriptor[index]
        words = (value.address, value.address, 0, *value.shape, *value.strides)
        self._words[at : at + len(words)] = array("q", words)
        self._words[slot] = self.address + at * _WORD

    def results(self) -> tuple[Result, ...]:
        """What the last call returned, in order; pointers as integers."""
        return tuple([read() for read in self._readers])

    def _reader(self, argument: Argument, at: int) -> Callable[[], Result]:
        memory = memoryview(self._words)
        if argument.kind == "memref":
            rank = len(argument.shape)
            words = memory[at // _WORD : at // _WORD + descriptor_words(rank)]
            return lambda: _descriptor(words.tolist(), rank)
        dtype = "pointer" if argument.kind == "pointer" else argument.dtype
        unpack = struct.Struct(_FORMATS[dtype]).unpack_from
        if dtype == "i1":  # only the lowest bit of the byte is defined
            return lambda: bool(unpack(memory, at)[0] & 1)
        if dtype == "bf16":  # the upper half of an f32
            return lambda: _F32.unpack(_U32.pack(unpack(memory, at)[0] << 16))[0]
        return lambda: unpack(memory, at)[0]


def _descriptor(words: list[int], rank: int) -> Descriptor:
    allocated, aligned, offset = words[:3]
    return Descriptor(allocated, aligned, offset, tuple(words[3:][:rank]), tuple(words[3 + rank :]))


def returns_by_pointer(results: Sequence[Argument]) -> bool:
    """Whether results come back in a struct whose address is passed, not as a value."""
    return len(results) > 1 or any(result.kind == "memref" for result in results)


def result_layout(results: Sequence[Argument]) -> tuple[list[int], int]:
    """The byte offset of each result in the result struct, and the struct's size."""
    offsets, end = [], 0
    for result in results:
        if result.kind == "memref":
            size, align = _WORD * descriptor_words(len(result.shape)), _WORD
        else:
            size = _WORD if result.kind == "pointer" else DTYPE_BYTES[result.dtype]
            align = size
        end = -(-end // align) * align
        offsets.append(end)
        end += size
    return offsets, -(-end // _WORD) * _WORD
