"""What Pharos's package metadata asks for, and whether a version is that."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass

# A requirement as package metadata has it: name[extras] versions; marker.
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(\[.*?\])?\s*\(?(?P<versions>[^;)]*)\)?(;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
_MACHINE = re.compile(r"platform_machine\s*==\s*['\"](\w+)['\"]")
_CONDITION = re.compile(r"\s*(===?|!=|>=|<=|~=|>|<)\s*(\d[\w.*+]*)\s*")


@dataclass(frozen=True)
class Requirement:
    """A package that Pharos asks for: ``versions`` is ">=1.26,<3", ``extra`` "" if needed."""

    name: str
    versions: str
    extra: str = ""


def requirements(lines: Sequence[str], machine: str | None = None) -> list[Requirement]:
    """The requirements in ``lines`` of package metadata that concern this kind of machine.

    What several extras ask for is the first one's.
    """
    machine = machine or platform.machine()
    found: list[Requirement] = []
    for line in lines:
        parts = _REQUIREMENT.match(line)
        if parts is None:
            continue
        marker = parts["marker"] or ""
        only = _MACHINE.search(marker)
        extra = _EXTRA.search(marker)
        versions = parts["versions"].strip()
        known = any((one.name, one.versions) == (parts["name"], versions) for one in found)
        if not known and (only is None or only[1] == machine):
            found.append(Requirement(parts["name"], versions, extra[1] if extra else ""))
    return found


def satisfies(version: str, wanted: str) -> bool:
    """Whether ``version`` is within ``wanted``: "==1.2.*", ">=1,<2", "" for any.

    Compares release numbers; what follows them ("+cpu", "rc1") is left aside. A condition that
    is not understood is not met.
    """
    return all(_fulfils(version, part) for part in wanted.split(",") if part.strip())


def _fulfils(version: str, condition: str) -> bool:
    parts = _CONDITION.fullmatch(condition)
    if parts is None:
        return False
    operator, number = parts.groups()
    found, limit = _release(version), _release(number)
    if number.endswith(".*"):
        return (found[: len(limit)] == limit) == (operator == "==")
    width = max(len(found), len(limit))
    have, want = (release + (0,) * (width - len(release)) for release in (found, limit))
    return {
        "==": have == want,
        "!=": have != want,
        ">=": have >= want,
        "<=": have <= want,
        ">": have > want,
        "<": have < want,
        "~=": have >= want and found[: len(limit) - 1] == limit[:-1],
    }.get(operator, False)


def _release(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", re.split(r"[+a-z*]", text, maxsplit=1)[0])))
