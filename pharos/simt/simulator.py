"""A kernel that the host executes lane by lane: compiled once, run with any grid and arguments."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from pharos.core.errors import UserError
from pharos.simt import build
from pharos.simt.accesses import granule_of
from pharos.simt.arguments import Argument, argument_regions, packed_arguments
from pharos.simt.checks import Checks
from pharos.simt.emitter import Written
from pharos.simt.expand import Expansion
from pharos.simt.faults import UnknownInstruction
from pharos.simt.instrument import Instrument
from pharos.simt.kernel import read_kernel
from pharos.simt.launch import Launch, launch_of
from pharos.simt.layout import shared_layout
from pharos.simt.loaded import Loaded
from pharos.simt.meanings import Meanings
from pharos.simt.regions import Region
from pharos.simt.report import fault_of
from pharos.simt.rewriting import Rewriter
from pharos.simt.said import Said
from pharos.simt.sites import Sites
from pharos.simt.trace import Trace, Tracer
from pharos.simt.workers import cores, in_use, run_all
from pharos.simt.writer import Writer


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
        self.fibers = fibers or build.fibers_here()
        self.stack_bytes = stack_bytes
        self._shared_space = shared_space
        self.kernel = read_kernel(text, entry, shared_space)
        self.kernel.edit(meanings.edits())
        self.sites = Sites(self.kernel.metadata)
        self._tracer = Tracer(self.sites) if traced else None
        self._layout = shared_layout(self.kernel.shared)
        self._code = self._compiled(meanings, optimize)
        self._loaded: dict[int, Loaded] = {}

    def _compiled(self, meanings: Meanings, optimize: int) -> list[bytes]:
        """The kernel's objects: its calls replaced by meanings, its accesses checked."""
        expansion = Expansion(self.kernel, meanings, self._writer)
        written = expansion.written
        instrument = Instrument(written, self._shared_space) if self.checks else None
        rewriter = Rewriter(self.kernel, expansion, self.sites, instrument, self._tracer)
        rewritten = rewriter.module()
        self._refuse(expansion.unknown)
        self._granule = granule_of(written.granules) if self.checks else None
        self.says = written.says
        start, traced = build.entry_text(self.kernel), self._tracer is not None
        code = build.Code(self.checks, written, start, rewritten, traced, self.fibers)
        return [build.compile_unit(unit, optimize) for unit in build.units(code)]

    def _writer(self, written: Written, what: int) -> Writer:
        checked = bool(self.checks)
        return Writer(written, self.subgroup_size, what, checked, self._shared_space)

    def _refuse(self, unknown: Mapping[str, str]) -> None:
        """UnknownInstruction for the instructions without a meaning, if there are any."""
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
        said: Said | None = None,
        workers: int | None = None,
    ) -> None:
        """Runs every block of the grid. ``grid`` and ``block`` have 1 to 3 axes, x first.

        ``arguments`` in the order of the kernel's parameters: for a pointer an address, an array
        or bytes, for a number a number. ``dynamic_shared`` bytes follow the static shared memory.
        Threads start in ``order``; asynchronous effects happen at the ``latest`` moment that is
        legal or at the earliest. ``memory`` is all global memory that the kernel may use; without
        it, the arrays among the arguments, or any when there are other pointers. ``trace`` is
        filled with what its thread executes, if the kernel was built ``traced``, ``said`` with what
        a kernel says that ``says`` anything.
        SimulationFault when the kernel does what is not allowed.
        """
        shared = self._layout.with_dynamic(dynamic_shared)
        launch = launch_of(grid, block, shared, order, latest)
        packed, kept = packed_arguments(self.name, self.kernel.parameters, arguments)
        regions = memory
        if memory is None:
            regions = argument_regions(self.kernel.parameters, kept)
        with in_use:
            copies = self._prepared(launch, packed, regions, workers or cores())
            recorded = self._record(trace, launch, copies)
            words = self._listen(said or Said(0), copies)
            kinds = run_all(copies, guarded=self.fibers == build.NATIVE)
            stopped = [c for c, kind in zip(copies, kinds, strict=True) if kind]
            faults = [fault_of(self, copy, regions) for copy in stopped]
            if trace is not None:
                self._fill(trace, recorded, copies)
            if said is not None:
                self._hear(said, words, copies)
        if faults:
            raise faults[0]

    def _prepared(
        self,
        launch: Launch,
        packed: np.ndarray,
        regions: Sequence[Region] | None,
        workers: int,
    ) -> list[Loaded]:
        """The copies of the kernel that take part, each ready to take blocks from one counter."""
        # Each copy has its own variables: what blocks write there must be seen by all.
        alone = any(not array.constant for array in self.kernel.arrays)
        count = 1 if alone else max(1, min(workers, launch.blocks))
        self._counter = ctypes.c_int64(0)
        copies = [self._worker(number) for number in range(count)]
        for copy in copies:
            copy.set_block(launch.block, self.subgroup_size)
            copy.set_stacks(len(launch.order), self.stack_bytes)
            copy.set_regions(regions if self.checks.bounds else None)
            launch.prepare(copy, packed, self._counter)
        return copies

    def _record(self, trace: Trace | None, launch: Launch, copies: Sequence[Loaded]) -> np.ndarray:
        """Where the copies record what the traced thread does; nothing without a trace."""
        if self._tracer is None:
            if trace is not None:
                raise UserError(f"kernel {self.name} was built without traced=True")
            return np.empty(0, np.uint8)
        recorded = launch.buffer(trace) if trace else np.empty(0, np.uint8)
        for copy in copies:
            copy.set_trace(recorded, launch.traced(trace))
        return recorded

    def _fill(self, trace: Trace, recorded: np.ndarray, copies: Sequence[Loaded]) -> None:
        """Reads what the worker wrote that ran the traced block; each began at the start."""
        assert self._tracer is not None
        ends = [copy["simt.trace.next"] - recorded.ctypes.data for copy in copies]
        trace.missed = sum(copy["simt.trace.full"] for copy in copies)
        trace.read(recorded[: max(ends)], self.sites, self._tracer.kinds)

    def _listen(self, said: Said, copies: Sequence[Loaded]) -> list[np.ndarray]:
        """Room for what the copies say."""
        buffers = said.buffers(len(copies)) if self.says else []
        for copy, buffer in zip(copies, buffers, strict=False):
            copy.set_words(buffer)
        return buffers

    def _hear(self, said: Said, buffers: Sequence[np.ndarray], copies: Sequence[Loaded]) -> None:
        """Reads what they said."""
        if not self.says:
            return
        ends = [
            copy["simt.say.next"] - buffer.ctypes.data
            for copy, buffer in zip(copies, buffers, strict=True)
        ]
        said.read([buffer[: end // 8] for buffer, end in zip(buffers, ends, strict=True)])
        said.missed += sum(copy["simt.say.full"] for copy in copies)

    def _worker(self, number: int) -> Loaded:
        if number not in self._loaded:
            arrays = {array.name: array.size for array in self.kernel.arrays}
            offsets = self._layout.offsets
            traced, greenlets = self._tracer is not None, self.fibers == build.GREENLET
            self._loaded[number] = Loaded(
                self._code, number, offsets, self._granule, arrays, traced, greenlets, self.says
            )
        return self._loaded[number]
