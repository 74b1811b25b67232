"""Barriers of the workgroup and of the wave; counters that the simulator need not wait for."""

from __future__ import annotations

from pharos.simt import Call, Meanings, Writer, meaning

TABLE = Meanings("barriers")


@meaning(
    TABLE,
    r"llvm\.amdgcn\.s\.barrier",
    source="RDNA3 ISA, 16.5 SOPP opcodes, S_BARRIER; MI300 ISA, 12.5, the same",
)
def barrier(w: Writer, call: Call) -> None:
    """All work-items of the workgroup meet."""
    w.meet("workgroup")


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
    source="RDNA3 ISA, 4.4 Data Dependency Resolution, and 16.5 SOPP opcodes",
)
def nothing(w: Writer, call: Call) -> None:
    """Loads and stores have happened when the simulator goes on: nothing is left to wait for."""
