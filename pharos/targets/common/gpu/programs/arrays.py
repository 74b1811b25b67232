"""What a running program does with memory: allocates, registers, copies, fills.

The methods are functions of ``table.RUN_TIME``: the first argument is the caller's entry in the
table of places, addresses and handles are numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from pharos.core.errors import UserError
from pharos.targets.common.gpu.host.driver import Driver, Place
from pharos.targets.common.gpu.programs.memory import Block, Blocks
from pharos.targets.common.gpu.programs.pins import Pins
from pharos.targets.common.gpu.programs.places import span_at
from pharos.targets.common.gpu.programs.streams import Streams

_WORD = 8


class Arrays:
    """All memory that a program shares with ``driver``; ``streams`` are the program's."""

    def __init__(self, driver: Driver, streams: Streams) -> None:
        self._driver = driver
        self._streams = streams
        self._blocks = Blocks()
        self._pins = Pins(driver, streams.wait_for_all)
        self._owned: dict[int, Any] = {}  # memory of the host that is shared, by address

    def functions(self) -> dict[str, Callable[..., Any]]:
        """MLIR's functions on memory; the first argument is the caller's entry."""
        return {
            "mgpuMemAlloc": self._allocate,
            "mgpuMemFree": self._free,
            "mgpuMemcpy": self._copy,
            "mgpuMemset32": lambda *given: self._fill(4, *given),
            "mgpuMemset16": lambda *given: self._fill(2, *given),
            "mgpuMemHostRegisterMemRef": self._register,
            "mgpuMemHostUnregisterMemRef": self._unregister,
            "_mlir_ciface_mgpuMemGetDeviceMemRef1dFloat": lambda *given: self._find(1, *given),
            "_mlir_ciface_mgpuMemGetDeviceMemRef2dFloat": lambda *given: self._find(2, *given),
        }

    def close(self) -> None:
        """Give back what the program did not."""
        for block in list(self._blocks):
            self._release(block)

    def places(self) -> list[Place]:
        """All that kernels may use, as they know it."""
        return [Place(one.name, self.device_address(one.start), one.size) for one in self._blocks]

    def device_address(self, address: int) -> int:
        """Where kernels find what the program knows at ``address``; the same for what they may not
        use."""
        block = self._blocks.at(address)
        found = block is not None and block.on_host
        return self._pins.device_address(address) if found else address

    def _allocate(self, entry: Any, size: int, stream: int, shared: int) -> int:
        size = max(size, 1)
        if shared:
            storage = ctypes.create_string_buffer(size + 64)
            start = -(-ctypes.addressof(storage) // 64) * 64
            self._owned[start] = storage
            self._pins.add(start, size)
        else:
            start = self._driver.allocate(size)
        self._blocks.add(Block(start, size, bool(shared), True, span_at(entry)))
        return start

    def _free(self, entry: Any, address: int, stream: int) -> None:
        block = self._blocks.starting(address, allocated=True)
        if block is None:
            raise UserError(
                f"no memory was allocated on the device at {address:#x}, or it was freed before",
                hint="gpu.dealloc frees what gpu.alloc gave, once; memref.dealloc the host's",
            )
        self._streams.wait_for_all()
        self._release(block)

    def _release(self, block: Block) -> None:
        self._blocks.remove(block)
        if block.on_host:
            self._pins.remove(block.start)
            self._owned.pop(block.start, None)
        else:
            self._driver.free(block.start)

    def _register(self, entry: Any, rank: int, descriptor: int, element: int) -> None:
        start, size = _extent(rank, descriptor, element)
        if not size:
            return
        # Memory may come back from malloc that was freed and never unregistered.
        for old in self._blocks.overlapping(start, size):
            self._release(old)
            end = max(start + size, old.start + old.size)
            start = min(start, old.start)
            size = end - start
        self._pins.add(start, size)
        self._blocks.add(Block(start, size, True, False, span_at(entry)))

    def _unregister(self, entry: Any, rank: int, descriptor: int, element: int) -> None:
        start, size = _extent(rank, descriptor, element)
        block = self._blocks.starting(start, allocated=False)
        if block is None and size:
            raise UserError("this memory is not registered, or no longer")
        if block is not None:
            self._streams.wait_for_all()
            self._release(block)

    def _find(self, rank: int, entry: Any, result: int, descriptor: int) -> None:
        """A memref over registered memory as the device knows it."""
        words = 3 + 2 * rank
        ctypes.memmove(result, descriptor, words * _WORD)
        found: Any = (ctypes.c_uint64 * words).from_address(result)
        if self._blocks.at(found[1]) is None:
            raise UserError(
                "this memory is not registered", hint="say (gpu.host_register m) before"
            )
        found[0] = self.device_address(found[0])
        found[1] = self.device_address(found[1])

    def _copy(self, entry: Any, target: int, source: int, size: int, stream: int) -> None:
        span, driver = span_at(entry), self._driver
        there = self._blocks.device_block(target, size, span)
        here = self._blocks.device_block(source, size, span)
        on = self._streams.at(stream)
        if there is not None and here is not None:
            driver.move(target, source, size, on)
        elif there is not None:
            driver.write(target, source, size, on)
        elif here is not None:
            driver.read(target, source, size, on)
        else:
            driver.synchronize(on)
            ctypes.memmove(target, source, size)

    def _fill(
        self, width: int, entry: Any, target: int, value: int, count: int, stream: int
    ) -> None:
        raw = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little") * count
        there = self._blocks.device_block(target, len(raw), span_at(entry))
        on = self._streams.at(stream)
        if there is None:
            self._driver.synchronize(on)
            ctypes.memmove(target, raw, len(raw))
        elif raw:
            data = ctypes.create_string_buffer(raw, len(raw))
            self._driver.write(target, ctypes.addressof(data), len(raw), on)


def _extent(rank: int, descriptor: int, element: int) -> tuple[int, int]:
    """The first byte of a memref, and how many there are to its last.

    A descriptor is: allocated pointer, aligned pointer, offset, sizes, strides.
    """
    words: Any = (ctypes.c_int64 * (3 + 2 * rank)).from_address(descriptor)
    sizes, strides = words[3 : 3 + rank], words[3 + rank : 3 + 2 * rank]
    start = (words[1] & 0xFFFF_FFFF_FFFF_FFFF) + words[2] * element
    if not all(sizes):
        return start, 0
    last = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    return start, (1 + last) * element
