"""Splits the code of a kernel into units that are compiled apart, so that most are compiled once.

The runtime, the checks and every long meaning are the same in many kernels: each is a unit whose
object is kept. Short functions that are always inlined are copied into the units that use them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pharos.simt import types
from pharos.simt.reading import names_in, quoted

_DEFINE = re.compile(r'^define (?:internal |dso_local )?(?P<head>[^@]*@("[^"]*"|[\w.$\-]+)\()')
_GLOBAL = re.compile(
    r'^@("[^"]*"|[\w.$\-]+) = (?:internal |dso_local |external )?(global|constant) (.*)$'
)
_TYPE = re.compile(r"^%[\w.]+ = type ")
# What a meaning writes: its function, its effects, its tables.
WRITTEN = re.compile(r"simt\.(?:meaning|effect|table)\.\d+")
_OWN = re.compile(f'@"?({WRITTEN.pattern})"?')


@dataclass(frozen=True)
class Definition:
    """One function or variable: its ``name`` and whole ``text``."""

    name: str
    text: str

    @property
    def is_function(self) -> bool:
        return self.text.startswith("define ")

    @cached_property
    def inline(self) -> bool:
        """Whether every use is replaced by its body."""
        return self.is_function and " alwaysinline" in self.text.split("\n", 1)[0]

    @cached_property
    def uses(self) -> set[str]:
        """The names that it mentions."""
        return names_in(self.text) - {self.name}

    @cached_property
    def public(self) -> str:
        """As a definition that other units see."""
        return re.sub(r"^(define|\S+ =) (?:internal|dso_local) ", r"\1 ", self.text)

    @cached_property
    def declaration(self) -> str:
        """What a unit says that uses it and does not hold it."""
        if not self.is_function:
            found = _GLOBAL.match(self.text)
            assert found is not None
            return f"@{found[1]} = external {found[2]} {types.leading_type(found[3])[0]}"
        found = _DEFINE.match(self.text)
        assert found is not None
        line = self.text.split("\n", 1)[0]
        start = line.index("(", found.end() - 1)
        depth = 0
        for end in range(start, len(line)):
            depth += (line[end] == "(") - (line[end] == ")")
            if depth == 0:
                break
        return f"declare {found['head'][:-1]}{line[start : end + 1]}"


class Library:
    """Definitions by their name, and the named types that all of them may use."""

    def __init__(self, *texts: str) -> None:
        self.types: list[str] = []
        self.definitions: dict[str, Definition] = {}
        for text in texts:
            self.add(text)

    def add(self, text: str) -> list[Definition]:
        """Enters everything that a text defines; gives it."""
        lines, found, at = text.split("\n"), [], 0
        while at < len(lines):
            line, start = lines[at], at
            at += 1
            if named := _DEFINE.match(line) or _GLOBAL.match(line):
                if line.startswith("define "):
                    at = lines.index("}", start) + 1
                name = (named[2] if line.startswith("define ") else named[1]).strip('"')
                found.append(Definition(name, "\n".join(lines[start:at])))
            elif _TYPE.match(line):
                while "\n".join(lines[start:at]).count("{") > "\n".join(lines[start:at]).count("}"):
                    at += 1
                self.types.append("\n".join(lines[start:at]))
        self.definitions |= {one.name: one for one in found}
        return found

    def unit(self, own: Sequence[Definition], text: str = "") -> str:
        """A module of these definitions and ``text``, with all that they need from others."""
        lines = [*self.types, *(one.public for one in own), text]
        held = {one.name for one in own}
        todo = sorted(names_in(text).union(*(one.uses for one in own)))
        while todo:
            name = todo.pop()
            one = self.definitions.get(name)
            if one is None or name in held:
                continue
            held.add(name)
            lines.append(one.text if one.inline else one.declaration)
            if one.inline:
                todo += sorted(one.uses)
        return "\n".join(lines) + "\n"


def meaning_units(library: Library, written: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Units for the long meanings among what was ``written``, and the names that they got.

    A unit's text and the name of its function depend on nothing but what it does. What is left in
    the library under a name like `simt.meaning.3` belongs to the kernel's own unit.
    """
    found = [one for text in written for one in library.add(text)]
    units, names = [], {}
    for one in found:
        if one.inline or not one.name.startswith("simt.meaning."):
            continue
        own = _with_own(library, one)
        text = library.unit(own)
        order = {name: f"simt.own.{i}" for i, name in enumerate(_in_order(text, own))}
        plain = _renamed(text, order)
        digest = hashlib.sha256(plain.encode()).hexdigest()[:20]
        unique = {name: f"simt.unit.{digest}.{at.rsplit('.', 1)[1]}" for name, at in order.items()}
        # Two instructions may do the same (a prefetch of any size): one unit serves both.
        if unique[one.name] not in library.definitions:
            units.append(_renamed(text, unique))
        names[one.name] = unique[one.name]
        library.definitions[unique[one.name]] = Definition(
            unique[one.name], _renamed(one.text, unique)
        )
    return units, names


def _with_own(library: Library, one: Definition) -> list[Definition]:
    """A meaning with the effects and tables that it alone uses."""
    own, todo = [one], sorted(one.uses)
    while todo:
        name = todo.pop(0)
        used = library.definitions.get(name)
        if used and used not in own and WRITTEN.fullmatch(name):
            if not used.inline:
                own.append(used)
            todo += sorted(used.uses)
    return own


def _in_order(text: str, own: Sequence[Definition]) -> list[str]:
    """The names of these definitions in the order in which a text mentions them."""
    wanted = {one.name for one in own}
    mentioned = [name for name in _OWN.findall(text) if name in wanted]
    return list(dict.fromkeys(mentioned))


def _renamed(text: str, names: dict[str, str]) -> str:
    return _OWN.sub(lambda m: quoted(names.get(m[1], m[1])), text)


def renamed(text: str, names: dict[str, str]) -> str:
    """A text that calls the meanings by their units' names."""
    return _renamed(text, names)
