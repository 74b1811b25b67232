"""Barriers of the workgroup and of the wave; counters that the simulator need not wait for."""

from __future__ import annotations

from pharos.core.errors import UserError
from pharos.simt import Call, Meanings, Value, Writer, meaning

TABLE = Meanings("barriers")


@meaning(
    TABLE,
    r"llvm\.amdgcn\.s\.barrier",
    source="RDNA3 ISA, 16 Instructions, SOPP, S_BARRIER; MI300 ISA, 12, the same",
)
def barrier(w: Writer, call: Call) -> None:
    """All work-items of the workgroup meet."""
    w.meet("workgroup")


_SPLIT = "LLVM, User Guide for AMDGPU Backend, Memory Model GFX12; RDNA4 ISA, S_BARRIER_"


def _split_barrier(w: Writer, call: Call) -> tuple[Value, Value]:
    """The counter of the workgroup's barrier, and where this work-item keeps its phase."""
    number = call.constant(0)
    if number & 0xFFFF != 0xFFFF:
        raise UserError(f"{call.text} of the barrier {number}: only the workgroup's, -1, is known")
    phases = w.kept("amd.barrier.phases", "[1024 x i64]")
    return w.kept("amd.barrier", "i64"), w.element(phases, w.linear, "i64")


@meaning(TABLE, r"llvm\.amdgcn\.s\.barrier\.signal", source=_SPLIT + "SIGNAL")
def signal(w: Writer, call: Call) -> None:
    """Arrives at the barrier without waiting."""
    counter, phase = _split_barrier(w, call)
    with w.when(w.peek(counter, "i64") == 0):
        w.counter_init(counter, w.threads)
    w.poke(w.counter_arrive(counter), phase)


@meaning(TABLE, r"llvm\.amdgcn\.s\.barrier\.wait", source=_SPLIT + "WAIT")
def wait(w: Writer, call: Call) -> None:
    """Waits until all work-items have arrived as often as this one."""
    counter, phase = _split_barrier(w, call)
    w.require(w.peek(counter, "i64") != 0, "s_barrier_wait before any s_barrier_signal")
    w.counter_wait(counter, w.peek(phase, "i64") & 1)


@meaning(
    TABLE,
    r"llvm\.amdgcn\.wave\.barrier",
    source='LLVM, User Guide for AMDGPU Backend, "LLVM IR Intrinsics": nothing moves across it',
)
def wave_barrier(w: Writer, call: Call) -> None:
    """The lanes of a wave meet: in hardware they always go together."""
    w.meet("subgroup")


@meaning(
    TABLE,
    r"llvm\.amdgcn\.s\.waitcnt(?:\..*)?",
    r"llvm\.amdgcn\.s\.wait\..*",
    r"llvm\.amdgcn\.s\.(?:sleep|setprio|nop)",
    r"llvm\.amdgcn\.sched\.(?:barrier|group\.barrier)",
    r"llvm\.amdgcn\.iglp\.opt",
    source="RDNA3 ISA, 4.4 Data Dependency Resolution, and 16 Instructions, SOPP",
)
def nothing(w: Writer, call: Call) -> None:
    """Loads and stores have happened when the simulator goes on: nothing is left to wait for."""
