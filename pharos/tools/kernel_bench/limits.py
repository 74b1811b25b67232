"""What one problem may use of the machine."""

from __future__ import annotations

import os

from pharos.runtime.crew import Limits


def limits(seconds: float, compiling: float, memory_mb: int, jobs: int) -> Limits:
    """Limits of one problem: of the machine's memory each of ``jobs`` has its part."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    memory = memory_mb << 20 if memory_mb else machine * 3 // 4 // jobs
    return Limits(seconds, memory, {"import": compiling, "compile": compiling})
