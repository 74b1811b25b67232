"""pharos kernel-bench: problems compiled, checked and timed."""

from pharos.tools.kernel_bench.command import kernel_bench

__all__ = ["kernel_bench"]
