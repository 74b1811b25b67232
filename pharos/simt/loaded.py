"""One loaded copy of a kernel: its code, its own state, its shared memory and stacks."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from pharos.simt.build import target_machine
from pharos.simt.greenlets import HOST, Greenlets
from pharos.simt.memory import PAGE, shared_arena, worker_pools, worker_stacks
from pharos.simt.regions import Region, packed_regions

_WORDS = {
    "simt.subgroup": ctypes.c_int64, "simt.threads": ctypes.c_int64,
    "simt.fault.kind": ctypes.c_int64, "simt.fault.thread": ctypes.c_int64,
    "simt.fault.site": ctypes.c_int32, "simt.stacks": ctypes.c_uint64,
    "simt.stack_size": ctypes.c_int64, "simt.order": ctypes.c_uint64,
    "simt.arguments": ctypes.c_uint64, "simt.shared": ctypes.c_uint64,
    "simt.shared.size": ctypes.c_int64, "simt.next_block": ctypes.c_uint64,
    "simt.blocks": ctypes.c_int64, "simt.latest": ctypes.c_int64,
}  # fmt: skip
_CHECKED = {
    "simt.regions": ctypes.c_uint64, "simt.regions.count": ctypes.c_int64,
    "simt.places": ctypes.c_int32,
}  # fmt: skip
_TRACED = {
    "simt.trace.thread": ctypes.c_int64, "simt.trace.block": ctypes.c_int64,
    "simt.trace.next": ctypes.c_uint64, "simt.trace.end": ctypes.c_uint64,
    "simt.trace.full": ctypes.c_int64,
}  # fmt: skip
_SAYING = {
    "simt.say.next": ctypes.c_uint64, "simt.say.end": ctypes.c_uint64,
    "simt.say.full": ctypes.c_int64,
}  # fmt: skip
_ARRAYS = {
    "simt.grid": (3, np.int32), "simt.block": (3, np.int32), "simt.block_size": (3, np.int32),
    "simt.place": (3 * 1024, np.int32), "simt.waits": (1024, np.int32),
    "simt.fault.values": (4, np.int64),
}  # fmt: skip
_numbers = itertools.count()


class Loaded:
    """The code of one kernel, ready to run blocks on worker number ``worker``.

    ``symbols`` are the offsets of its shared variables, ``arrays`` its constant ones
    with their sizes; ``granule`` is that of the checks, None without checks.
    """

    def __init__(
        self,
        code: Sequence[bytes],
        worker: int,
        symbols: Mapping[str, int],
        granule: int | None,
        arrays: Mapping[str, int],
        traced: bool = False,
        greenlets: bool = False,
        says: bool = False,
    ) -> None:
        self.worker = worker
        self._granule = granule or 1
        self.shared = shared_arena(worker)
        library = llvm.JITLibraryBuilder().add_current_process()
        for unit in code:
            library.add_object_img(unit)
        for name, offset in symbols.items():
            library.import_symbol(name, self.shared + offset)
        for name, address in worker_pools(worker).items():
            library.import_symbol(name, address)
        words = _WORDS | (_CHECKED if granule else {}) | (_TRACED if traced else {})
        words |= _SAYING if says else {}
        for name in (
            "simt.run",
            "simt.trap",
            *(HOST if greenlets else ()),
            *words,
            *_ARRAYS,
            *arrays,
        ):
            library.export_symbol(name)
        self._library = library.link(_linker(), f"kernel{next(_numbers)}")
        self.run: Callable[[], int] = ctypes.CFUNCTYPE(ctypes.c_int64)(self._library["simt.run"])
        self._words = {n: t.from_address(self._library[n]) for n, t in words.items()}
        self.arrays = {n: self._array(n, *shape) for n, shape in _ARRAYS.items()}
        if greenlets:
            self._use_greenlets()
        self._constants = [Region(n, self.address(n), size) for n, size in arrays.items()]
        self._regions = packed_regions(())
        self._block: tuple[int, ...] = ()

    def _array(self, name: str, count: int, dtype: type) -> np.ndarray:
        size = count * np.dtype(dtype).itemsize
        memory: Any = (ctypes.c_char * size).from_address(self._library[name])
        return np.frombuffer(memory, dtype)

    def __getitem__(self, name: str) -> int:
        return int(self._words[name].value)

    def __setitem__(self, name: str, value: int) -> None:
        self._words[name].value = value

    def address(self, name: str) -> int:
        """The address of an exported name."""
        return int(self._library[name])

    def _use_greenlets(self) -> None:
        """Threads take turns as greenlets: the code was built with `switch_host`."""
        self._greenlets = Greenlets(*(self.address(name) for name in HOST))
        native = self.run
        self.run = lambda: self._greenlets.run(native)

    def set_block(self, block: tuple[int, int, int], subgroup: int) -> None:
        """Blocks of this many threads along x, y, z."""
        if self._block == block:
            return
        self._block = block
        x, y, z = block
        self.arrays["simt.block_size"][:] = block
        places = np.indices((z, y, x))[::-1].reshape(3, -1).T
        self.arrays["simt.place"][: 3 * x * y * z] = places.ravel()
        self["simt.threads"] = x * y * z
        self["simt.subgroup"] = subgroup

    def set_regions(self, regions: Sequence[Region] | None) -> None:
        """All global memory that may be used, the kernel's constants aside; None for any."""
        if "simt.regions" not in self._words:
            return
        known = [*(regions or ()), *self._constants]
        self._regions = packed_regions(known)
        self["simt.regions"] = self._regions.ctypes.data
        self["simt.regions.count"] = -1 if regions is None else len(known)

    def guard(self) -> tuple[int, int, int]:
        """The first byte of its stacks, the byte after them, and who is told of their faults."""
        start = self["simt.stacks"]
        end = start + self["simt.stack_size"] * self["simt.threads"]
        return start, end + PAGE, self.address("simt.trap")

    def set_trace(self, buffer: np.ndarray | None, traced: tuple[int, int]) -> None:
        """Which thread of which block is traced, and where to; -1 for none."""
        start = buffer.ctypes.data if buffer is not None else 0
        self["simt.trace.block"], self["simt.trace.thread"] = traced
        self["simt.trace.next"] = start
        self["simt.trace.end"] = start + (buffer.nbytes if buffer is not None else 0)
        self["simt.trace.full"] = 0

    def set_words(self, buffer: np.ndarray) -> None:
        """Where what the kernel says goes."""
        self["simt.say.next"] = buffer.ctypes.data
        self["simt.say.end"] = buffer.ctypes.data + buffer.nbytes
        self["simt.say.full"] = 0

    def set_stacks(self, threads: int, size: int) -> None:
        """Stacks of at least ``size`` bytes for at least this many threads."""
        stacks = worker_stacks(self.worker, threads, size)
        self["simt.stacks"] = stacks.address
        self["simt.stack_size"] = stacks.stride

    def last_writer(self, offset: int) -> int:
        """The site that wrote the granule of shared memory at this offset last."""
        places = (ctypes.c_int32 * 262144).from_address(self.address("simt.places"))
        return int(places[offset // self._granule])


@cache
def _linker() -> llvm.LLJIT:
    """Links and holds the code of all kernels."""
    return llvm.create_lljit_compiler(target_machine(2))
