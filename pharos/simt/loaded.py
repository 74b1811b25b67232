"""One loaded copy of a kernel: its code, its own state, its shared memory and stacks."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from pharos.simt.build import target_machine
from pharos.simt.memory import Stacks, shared_arena

_WORDS = {
    "simt.subgroup": ctypes.c_int64, "simt.threads": ctypes.c_int64,
    "simt.fault.kind": ctypes.c_int64, "simt.fault.thread": ctypes.c_int64,
    "simt.fault.site": ctypes.c_int32, "simt.stacks": ctypes.c_uint64,
    "simt.stack_size": ctypes.c_int64, "simt.order": ctypes.c_uint64,
    "simt.arguments": ctypes.c_uint64, "simt.shared": ctypes.c_uint64,
    "simt.shared.size": ctypes.c_int64, "simt.next_block": ctypes.c_uint64,
    "simt.blocks": ctypes.c_int64, "simt.latest": ctypes.c_int64,
}  # fmt: skip
_ARRAYS = {
    "simt.grid": (3, np.int32), "simt.block": (3, np.int32), "simt.block_size": (3, np.int32),
    "simt.place": (3 * 1024, np.int32), "simt.waits": (1024, np.int32),
    "simt.fault.values": (4, np.int64),
}  # fmt: skip
_numbers = itertools.count()


class Loaded:
    """The code of one kernel, ready to run blocks on worker number ``worker``.

    ``symbols`` are the offsets of its shared variables; ``exports`` more names to find.
    """

    def __init__(
        self, code: bytes, worker: int, symbols: Mapping[str, int], exports: Sequence[str]
    ) -> None:
        self.worker = worker
        self.shared = shared_arena(worker)
        self._jit = llvm.create_lljit_compiler(target_machine(2))
        library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, offset in symbols.items():
            library.import_symbol(name, self.shared + offset)
        for name in ("simt.run", *_WORDS, *_ARRAYS, *exports):
            library.export_symbol(name)
        self._library = library.link(self._jit, f"kernel{next(_numbers)}")
        self.run = ctypes.CFUNCTYPE(ctypes.c_int64)(self._library["simt.run"])
        self._words = {n: t.from_address(self._library[n]) for n, t in _WORDS.items()}
        self.arrays = {n: self._array(n, *shape) for n, shape in _ARRAYS.items()}
        self._stacks: Stacks | None = None
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

    def set_stacks(self, threads: int, size: int) -> Stacks:
        """Stacks of at least ``size`` bytes for at least this many threads."""
        if self._stacks is None or self._stacks.count < threads:
            if self._stacks is not None:
                self._stacks.close()
            self._stacks = Stacks(threads, size)
        self["simt.stacks"] = self._stacks.address
        self["simt.stack_size"] = self._stacks.stride
        return self._stacks
