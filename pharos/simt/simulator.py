"""A kernel that the host executes lane by lane: compiled once, run with any grid and arguments."""

from __future__ import annotations

import ctypes
import math
import os
import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from pharos.core.errors import UserError
from pharos.simt import build, types
from pharos.simt.accesses import granule_of
from pharos.simt.checks import Checks
from pharos.simt.expand import Expansion
from pharos.simt.faults import KINDS, UnknownInstruction
from pharos.simt.guards import handler
from pharos.simt.instrument import Instrument
from pharos.simt.kernel import read_kernel
from pharos.simt.layout import shared_layout
from pharos.simt.loaded import Loaded
from pharos.simt.meanings import Meanings
from pharos.simt.memory import SHARED_BYTES
from pharos.simt.regions import Region
from pharos.simt.report import fault_of
from pharos.simt.rewriting import Rewriter
from pharos.simt.sites import Sites
from pharos.simt.trace import Trace, Tracer
from pharos.simt.writer import Writer

Three = tuple[int, int, int]
Argument: TypeAlias = "int | float | np.ndarray | np.generic | bytes | bytearray"
MOST_THREADS = 1024
ORDERS = ("forward", "backward", "shuffled")
# One kernel at a time uses the workers: they own the shared memory.
_workers_in_use = threading.Lock()


class Simulator:
    """The kernel ``entry`` of a module of LLVM IR text, as the target's code generator gets it.

    ``meanings`` give the target's instructions, ``subgroup_size`` its lanes; variables of the
    address space ``shared_space`` are shared memory; ``traced`` kernels can fill a Trace.
    ``fibers`` is how threads take turns: "native" (x86-64) or "greenlet" (anywhere, slower).
    UserError for text that LLVM cannot read, UnknownInstruction with the names of all
    instructions that have no meaning.
    """

    def __init__(
        self,
        text: str,
        entry: str,
        *,
        meanings: Meanings,
        subgroup_size: int = 32,
        checks: Checks | None = None,
        shared_space: int = 3,
        stack_bytes: int = 1 << 16,
        optimize: int = 2,
        traced: bool = False,
        fibers: str | None = None,
    ) -> None:
        if subgroup_size not in (1, 2, 4, 8, 16, 32, 64):
            raise UserError(
                f"subgroups have a power of two of lanes, 64 at most, not {subgroup_size}"
            )
        self.name = entry
        self.subgroup_size = subgroup_size
        self.checks = Checks() if checks is None else checks
        self._shared_space = shared_space
        self.stack_bytes = stack_bytes
        self.kernel = read_kernel(text, entry, shared_space)
        self.kernel.edit(meanings.edits())
        self.sites = Sites(self.kernel.metadata)
        self.expansion = Expansion(self.kernel, meanings, self._writer)
        written = self.expansion.written
        instrument = Instrument(written, shared_space) if self.checks else None
        self._tracer = Tracer(self.sites) if traced else None
        rewriter = Rewriter(self.kernel, self.expansion, self.sites, instrument, self._tracer)
        rewritten = rewriter.module()
        self._refuse_unknown()
        self._granule = granule_of(written.granules) if self.checks else None
        self._layout = shared_layout(self.kernel.shared)
        self.fibers = fibers or build.fibers_here()
        start = build.entry_text(self.kernel)
        code = build.Code(self.checks, written, start, rewritten, traced, self.fibers)
        self._code = [build.compile_unit(text, optimize) for text in build.units(code)]
        self._loaded: dict[int, Loaded] = {}

    def _writer(self, written: Any, what: int) -> Writer:
        checked = bool(self.checks)
        return Writer(written, self.subgroup_size, what, checked, self._shared_space)

    def _refuse_unknown(self) -> None:
        unknown = self.expansion.unknown
        if unknown:
            spans = [span for line in unknown.values() if (span := self.sites.span(line))]
            raise UnknownInstruction(self.name, sorted(unknown), spans[0] if spans else None)

    @property
    def static_shared(self) -> int:
        """Bytes of shared memory that the kernel itself declares."""
        return self._layout.size

    def run(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        arguments: Sequence[Argument],
        *,
        dynamic_shared: int = 0,
        order: str = "forward",
        latest: bool = True,
        memory: Sequence[Region] | None = None,
        trace: Trace | None = None,
        workers: int | None = None,
    ) -> None:
        """Runs every block of the grid. ``grid`` and ``block`` have 1 to 3 axes, x first.

        ``arguments`` in the order of the kernel's parameters: for a pointer an address, an array
        or bytes, for a number a number. ``dynamic_shared`` bytes follow the static shared memory.
        Threads start in ``order``; asynchronous effects happen at the ``latest`` moment that is
        legal or at the earliest. ``memory`` is all global memory that the kernel may use; without
        it, the arrays among the arguments, or any when there are other pointers. ``trace`` is
        filled with what its thread executes, if the kernel was built ``traced``.
        SimulationFault when the kernel does what is not allowed.
        """
        launch = Launch(self, _three("grid", grid), _three("block", block), dynamic_shared, order)
        packed, kept = self._pack(arguments)
        regions = tuple(memory) if memory is not None else self._regions(arguments, kept)
        count = max(1, min(workers or _cores(), math.prod(launch.grid)))
        counter = ctypes.c_int64(0)
        recorded = self._buffer(trace, launch) if trace else None
        with _workers_in_use:
            copies = [self._worker(i) for i in range(count)]
            for copy in copies:
                launch.prepare(copy, packed, counter, latest)
                copy.set_regions(regions if self.checks.bounds else None)
                if self._tracer:
                    copy.set_trace(recorded, launch.traced(trace))
            kinds = _run_all(copies, guarded=self.fibers == build.NATIVE)
            stopped = [c for c, kind in zip(copies, kinds, strict=True) if kind]
            faults = [fault_of(self, copy, regions) for copy in stopped]
            if trace and recorded is not None:
                self._fill(trace, recorded, copies)
        del kept
        if faults:
            raise faults[0]

    def _buffer(self, trace: Trace, launch: Launch) -> np.ndarray:
        if self._tracer is None:
            raise UserError(f"kernel {self.name} was built without traced=True")
        if not (_within(trace.block, launch.grid) and _within(trace.thread, launch.block)):
            raise UserError(
                f"no thread {trace.thread} of block {trace.block}: the grid has {launch.grid} "
                f"blocks of {launch.block} threads"
            )
        return np.zeros(trace.bytes, np.uint8)

    def _fill(self, trace: Trace, recorded: np.ndarray, copies: Sequence[Loaded]) -> None:
        """Reads what the worker wrote that ran the traced block; each began at the start."""
        assert self._tracer is not None
        ends = [copy["simt.trace.next"] - recorded.ctypes.data for copy in copies]
        trace.missed = sum(copy["simt.trace.full"] for copy in copies)
        trace.read(recorded[: max(ends)], self.sites, self._tracer.kinds)

    def _worker(self, number: int) -> Loaded:
        if number not in self._loaded:
            arrays = {array.name: array.size for array in self.kernel.arrays}
            offsets = self._layout.offsets
            traced, greenlets = self._tracer is not None, self.fibers == build.GREENLET
            self._loaded[number] = Loaded(
                self._code, number, offsets, self._granule, arrays, traced, greenlets
            )
        return self._loaded[number]

    def _regions(
        self, arguments: Sequence[Argument], kept: Sequence[np.ndarray]
    ) -> tuple[Region, ...] | None:
        """The arrays among the arguments; None when there are pointers of other kinds."""
        pointers = [t for t in self.kernel.parameters if types.address_space(t) is not None]
        if len(kept) < len(pointers):
            return None
        return tuple(Region(f"argument {i}", a.ctypes.data, a.nbytes) for i, a in enumerate(kept))

    def _pack(self, arguments: Sequence[Argument]) -> tuple[np.ndarray, list[Any]]:
        """The arguments as the entry reads them, and what must live as long."""
        wanted = self.kernel.parameters
        if len(arguments) != len(wanted):
            raise UserError(
                f"kernel {self.name} takes {len(wanted)} arguments, {len(arguments)} were given"
            )
        packed = np.zeros(build.ARGUMENT_BYTES * max(1, len(wanted)), np.uint8)
        kept: list[Any] = []
        for index, (type, value) in enumerate(zip(wanted, arguments, strict=True)):
            try:
                given = _argument(type, value, kept)
            except (TypeError, ValueError, struct.error) as error:
                raise UserError(
                    f"kernel {self.name}, argument {index}: expected {type}, found {value!r}"
                ) from error
            at = index * build.ARGUMENT_BYTES
            packed[at : at + len(given)] = np.frombuffer(given, np.uint8)
        return packed, kept


class Launch:
    """One run's sizes, checked, and how a worker is set up for it."""

    def __init__(self, simulator: Simulator, grid: Three, block: Three, dynamic: int, order: str):
        self.simulator = simulator
        self.grid = grid
        self.block = block
        self.threads = math.prod(block)
        if self.threads > MOST_THREADS:
            raise UserError(f"a block has at most {MOST_THREADS} threads, not {self.threads}")
        self.shared = simulator._layout.with_dynamic(dynamic)
        if self.shared > SHARED_BYTES:
            raise UserError(f"{self.shared} bytes of shared memory; at most {SHARED_BYTES} exist")
        self.order = _start_order(order, self.threads)

    def traced(self, trace: Trace | None) -> tuple[int, int]:
        """The numbers of the traced block and of its thread; -1 for none."""
        if trace is None:
            return -1, -1
        block, thread = (
            x + wide * (y + high * z)
            for (x, y, z), (wide, high, _) in (
                (trace.block, self.grid),
                (trace.thread, self.block),
            )
        )
        return block, thread

    def prepare(self, copy: Loaded, packed: np.ndarray, counter: Any, latest: bool) -> None:
        """Writes everything into a worker's copy of the kernel."""
        copy.set_block(self.block, self.simulator.subgroup_size)
        copy.set_stacks(self.threads, self.simulator.stack_bytes)
        copy.arrays["simt.grid"][:] = self.grid
        copy["simt.order"] = self.order.ctypes.data
        copy["simt.arguments"] = packed.ctypes.data
        copy["simt.shared"] = copy.shared
        copy["simt.shared.size"] = self.shared
        copy["simt.next_block"] = ctypes.addressof(counter)
        copy["simt.blocks"] = math.prod(self.grid)
        copy["simt.latest"] = int(latest)
        copy["simt.fault.kind"] = KINDS.index("none")


def _within(place: Three, sizes: Three) -> bool:
    return all(0 <= at < size for at, size in zip(place, sizes, strict=True))


def _argument(type: str, value: Any, kept: list[Any]) -> bytes:
    """One argument as it lies in memory."""
    if types.address_space(type) is not None:
        if isinstance(value, np.ndarray):
            kept.append(value)
            value = value.ctypes.data
        elif isinstance(value, (bytes, bytearray)):
            copied = np.frombuffer(bytes(value) + bytes(64), np.uint8)
            kept.append(copied)
            value = copied.ctypes.data
        return struct.pack("<Q", int(value))
    size = types.size_of(type)
    if types.is_float(type):
        if type == "bfloat":
            return struct.pack("<f", float(value))[2:]
        return struct.pack({2: "<e", 4: "<f", 8: "<d"}[size], float(value))
    if isinstance(value, float):
        raise TypeError(type)
    return (int(value) & ((1 << (8 * size)) - 1)).to_bytes(size, "little")


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


def _run_all(copies: Sequence[Loaded], guarded: bool) -> list[int]:
    """Runs the blocks on all these workers: the kinds of the faults that stopped them, or 0."""
    guards = handler() if guarded else None

    def run(copy: Loaded) -> int:
        with guards.own_stack() if guards else nullcontext():
            return copy.run()

    places = [copy.guard() for copy in copies]
    with guards.installed(places) if guards else nullcontext():
        return [run(copies[0])] if len(copies) == 1 else list(_pool().map(run, copies))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="simt")
