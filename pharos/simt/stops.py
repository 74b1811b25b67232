"""What every device does alike: a kernel that gives up stops the run."""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.writer import Writer

TABLE = Meanings("every device")


@meaning(TABLE, r"llvm\.trap", source="LLVM Language Reference, 'llvm.trap' Intrinsic")
def trap(w: Writer, call: Call) -> None:
    """A failed assertion of the program, or what it does where it cannot go on."""
    w.fault("an assertion of the program failed (it traps)")
