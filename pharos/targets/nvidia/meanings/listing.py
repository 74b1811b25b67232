"""The table of covered instructions as a page: `python -m pharos.targets.nvidia.meanings.listing`.

docs/nvidia-instructions.md is what this prints; a test compares the two.
"""

from __future__ import annotations

from pharos.targets.common.gpu import instruction_page
from pharos.targets.nvidia.meanings import accumulators
from pharos.targets.nvidia.meanings.table import FAMILIES

_HEAD = """# Instructions of NVIDIA GPUs on the simulated device

What `nvidia:sim` executes: the intrinsics of LLVM IR (without `llvm.nvvm.`) and inline assembly,
by family, with the section of the manual that says what they do. `[.a]` may be left out, `{a,b}` is
one of these, `*` a number. Anything else stops a kernel, with its name, before it runs.
"""
_PREFIX = r"llvm\.nvvm\."


def page() -> str:
    """The whole page, Markdown."""
    shown = [family for family in FAMILIES if family is not accumulators.TABLE]
    return instruction_page.page(_HEAD, shown, _PREFIX)


def readable(pattern: str) -> str:
    """A regular expression as people read it; of assembly only the instruction's name."""
    return instruction_page.readable(pattern, _PREFIX)


if __name__ == "__main__":
    print(page(), end="")
