"""The table of covered functions as a page: `python -m pharos.targets.xegpu.meanings.listing`.

docs/xegpu-instructions.md is what this prints; a test compares the two.
"""

from __future__ import annotations

from pharos.targets.common.gpu import instruction_page
from pharos.targets.xegpu.meanings import FAMILIES

_HEAD = """# Instructions of Intel GPUs on the simulated device

What `xegpu:sim` executes: the functions of OpenCL C and of Intel's extensions that kernels call, by
family, with the section of the manual that says what they do. Their names are as kernels have
them, mangled (the types of arguments are letters at the end) but for the prefix `_Z` and the
length; `*` is any number, `{a,b}` is one of these, `[a]` may be left out, `...` the types. Anything
else stops a kernel, with its name, before it runs.
"""


def page() -> str:
    """The whole page, Markdown."""
    text = instruction_page.page(_HEAD, FAMILIES, r"_Z\d+")
    return text.replace(r"\w+", "...").replace(r"\w*", "...")


if __name__ == "__main__":
    print(page(), end="")
