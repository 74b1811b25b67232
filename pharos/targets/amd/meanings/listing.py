"""The table of covered instructions as a page: `python -m pharos.targets.amd.meanings.listing`.

docs/amd-instructions.md is what this prints; a test compares the two.
"""

from __future__ import annotations

from pharos.targets.amd.meanings import FAMILIES
from pharos.targets.common.gpu import instruction_page

_HEAD = """# Instructions of AMD GPUs on the simulated device

What `amd:sim` executes: the intrinsics of LLVM IR (without `llvm.amdgcn.`), by family, with the
section of the manual that says what they do. `[.a]` may be left out, `{a,b}` is one of these, `...`
the types. Atomics in LDS and memory are LLVM IR's own. Anything else stops a kernel, with its name,
before it runs.
"""


def page() -> str:
    """The whole page, Markdown."""
    return instruction_page.page(_HEAD, FAMILIES, r"llvm\.amdgcn\.")


if __name__ == "__main__":
    print(page(), end="")
