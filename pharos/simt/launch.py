"""One run of a kernel: its sizes, checked, and how a worker is set up for it."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pharos.core.errors import UserError
from pharos.simt.faults import KINDS
from pharos.simt.loaded import Loaded
from pharos.simt.memory import SHARED_BYTES
from pharos.simt.trace import Trace

Three = tuple[int, int, int]
MOST_THREADS = 1024
ORDERS = ("forward", "backward", "shuffled")


@dataclass(frozen=True)
class Launch:
    """Blocks of threads: ``shared`` bytes for each block, threads start in ``order``."""

    grid: Three
    block: Three
    shared: int
    order: np.ndarray
    latest: bool

    @property
    def blocks(self) -> int:
        """Blocks of the grid."""
        return math.prod(self.grid)

    def traced(self, trace: Trace | None) -> tuple[int, int]:
        """The numbers of the traced block and of its thread; -1 for none."""
        if trace is None:
            return -1, -1
        return _number(trace.block, self.grid), _number(trace.thread, self.block)

    def buffer(self, trace: Trace) -> np.ndarray:
        """Room for what a trace records; UserError for a thread that does not exist."""
        pairs = ((trace.block, self.grid), (trace.thread, self.block))
        for place, sizes in pairs:
            if not all(0 <= at < size for at, size in zip(place, sizes, strict=True)):
                raise UserError(
                    f"no thread {trace.thread} of block {trace.block}: the grid has {self.grid} "
                    f"blocks of {self.block} threads"
                )
        return np.zeros(trace.bytes, np.uint8)

    def prepare(self, copy: Loaded, packed: np.ndarray, counter: ctypes.c_int64) -> None:
        """Writes all of it into a worker's copy of the kernel, with the packed arguments."""
        copy.arrays["simt.grid"][:] = self.grid
        copy["simt.order"] = self.order.ctypes.data
        copy["simt.arguments"] = packed.ctypes.data
        copy["simt.shared"] = copy.shared
        copy["simt.shared.size"] = self.shared
        copy["simt.next_block"] = ctypes.addressof(counter)
        copy["simt.blocks"] = self.blocks
        copy["simt.latest"] = int(self.latest)
        copy["simt.fault.kind"] = KINDS.index("none")


def launch_of(
    grid: Sequence[int], block: Sequence[int], shared: int, order: str, latest: bool
) -> Launch:
    """A launch of one to three axes, x first. UserError for sizes that no block can have."""
    made = Launch(_three("grid", grid), _three("block", block), shared, np.empty(0), latest)
    threads = math.prod(made.block)
    if threads > MOST_THREADS:
        raise UserError(f"a block has at most {MOST_THREADS} threads, not {threads}")
    if shared > SHARED_BYTES:
        raise UserError(f"{shared} bytes of shared memory; at most {SHARED_BYTES} exist")
    return Launch(made.grid, made.block, shared, _start_order(order, threads), latest)


def _number(place: Three, sizes: Three) -> int:
    x, y, z = place
    return x + sizes[0] * (y + sizes[1] * z)


def _start_order(order: str, threads: int) -> np.ndarray:
    forward = np.arange(threads, dtype=np.int32)
    if order == "forward":
        return forward
    if order == "backward":
        return forward[::-1].copy()
    if order == "shuffled":
        return np.random.default_rng(threads).permutation(forward).astype(np.int32)
    raise UserError(f"threads start in one of the orders {', '.join(ORDERS)}, not '{order}'")


def _three(what: str, sizes: Sequence[int]) -> Three:
    given = [int(size) for size in sizes]
    if not 1 <= len(given) <= 3 or min(given) < 1:
        raise UserError(f"a {what} has one to three sizes of at least 1, not {tuple(sizes)}")
    x, y, z = [*given, 1, 1][:3]
    return x, y, z
