"""The table of covered instructions as a page: `python -m pharos.targets.nvidia.meanings.listing`.

docs/nvidia-instructions.md is what this prints; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pharos.simt.meanings import Meaning, Meanings
from pharos.targets.nvidia.meanings import accumulators
from pharos.targets.nvidia.meanings.table import FAMILIES

_HEAD = """# Instructions of NVIDIA GPUs on the simulated device

What `nvidia:sim` executes: the intrinsics of LLVM IR (without `llvm.nvvm.`) and inline assembly,
by family, with the section of the manual that says what they do. `[.a]` may be left out, `{a,b}` is
one of these, `*` a number. Anything else stops a kernel, with its name, before it runs.
"""
_ESCAPED = re.compile(r"\\([.$\[\]{}])")


def page() -> str:
    """The whole page, Markdown."""
    shown = [family for family in FAMILIES if family is not accumulators.TABLE]
    return "\n".join([_HEAD, *(line for family in shown for line in _section(family))])


def _section(family: Meanings) -> Iterator[str]:
    by_body: dict[int, list[Meaning]] = {}
    for entry in family:
        by_body.setdefault(id(entry.body), []).append(entry)
    yield f"## {family.name[0].upper()}{family.name[1:]}\n"
    yield "| instruction | source |\n|---|---|"
    for entries in by_body.values():
        shown = dict.fromkeys(readable(entry.pattern.pattern) for entry in entries)
        spellings = "<br>".join(f"`{name}`" for name in shown)
        yield f"| {spellings} | {entries[0].source} |"
    yield ""


def readable(pattern: str) -> str:
    """A regular expression as people read it; of assembly only the instruction's name."""
    if r"\$" not in pattern:
        return _plain(pattern.removeprefix(r"llvm\.nvvm\."))
    text = _plain(re.sub(r"\\s[*+]", " ", pattern))
    return "asm " + max(re.findall(r"[a-z{][\w.:*]+(?:[\w.:*{},]|\[\.\w+\])*", text), key=len)


def _plain(pattern: str) -> str:
    """Groups as `{a,b}`, optional ones as `[...]`, innermost first."""
    text = re.sub(r"\(\?P=\w+\)", "same", pattern)
    text = re.sub(r"\[([a-z]{2,})\]", lambda m: "{" + ",".join(m[1]) + "}", text)
    text = text.replace(r"\d+", "N").replace("[1-5]", "{1..5}").replace("[124]", "{1,2,4}")
    group = re.compile(r"\((?:\?P<\w+>|\?:)([^()]*)\)(\?)?")
    while found := group.search(text):
        inside, optional = found[1], found[2]
        choice = inside if "|" not in inside else "{" + inside.replace("|", ",") + "}"
        text = text[: found.start()] + (f"[{choice}]" if optional else choice) + text[found.end() :]
    return _ESCAPED.sub(r"\1", text.replace(r"\..*", "...").replace(r"\.\w+", "...")).replace(
        "N", "*"
    )


if __name__ == "__main__":
    print(page(), end="")
