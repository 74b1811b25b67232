"""A table of instruction meanings as a page for people: spellings and sources, family by family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pharos.simt.meanings import Meaning, Meanings

_ESCAPED = re.compile(r"\\([.$\[\]{}])")


def page(head: str, families: Iterable[Meanings], prefix: str) -> str:
    """The whole page, Markdown; ``prefix`` (a regular expression) is left out of names."""
    return "\n".join([head, *(line for one in families for line in _section(one, prefix))])


def _section(family: Meanings, prefix: str) -> Iterator[str]:
    by_body: dict[int, list[Meaning]] = {}
    for entry in family:
        by_body.setdefault(id(entry.body), []).append(entry)
    yield f"## {family.name[0].upper()}{family.name[1:]}\n"
    yield "| instruction | source |\n|---|---|"
    for entries in by_body.values():
        shown = dict.fromkeys(readable(entry.pattern.pattern, prefix) for entry in entries)
        spellings = "<br>".join(f"`{name}`" for name in shown)
        yield f"| {spellings} | {entries[0].source} |"
    yield ""


def readable(pattern: str, prefix: str) -> str:
    """A regular expression as people read it; of assembly only the instruction's name."""
    if r"\$" not in pattern:
        return _plain(pattern.removeprefix(prefix))
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
