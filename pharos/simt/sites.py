"""Places in a kernel: what stands there, and which source place of the payload it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from pharos.core.span import Span

_DEBUG = re.compile(r", !dbg !(\d+)")
_NUMBER = re.compile(r"\b(line|column): (\d+)")
_SCOPE = re.compile(r"\bscope: (!\d+)")
_FILE = re.compile(r"\bfile: (!\d+)")
_NAME = re.compile(r'\bfilename: "([^"]*)"')
_FOLDER = re.compile(r'\bdirectory: "([^"]*)"')


@dataclass(frozen=True)
class Site:
    """One instruction of a kernel: its ``text``, the ``function`` it stands in, its source."""

    text: str
    function: str
    span: Span | None

    def __str__(self) -> str:
        words = self.text if len(self.text) <= 120 else self.text[:117] + "..."
        return f"{self.span} ({words})" if self.span else f"'{words}' in {self.function}"


@dataclass
class Sites:
    """All places of one kernel by their number; ``metadata`` is the module's, by its name."""

    metadata: dict[str, str]
    places: list[Site] = field(default_factory=list)

    def add(self, line: str, function: str) -> int:
        """The number of a new place."""
        text = re.sub(r"(, ![\w.]+ !\d+| #\d+)+$", "", line.strip())
        self.places.append(Site(text, function, self.span(line)))
        return len(self.places) - 1

    def get(self, number: int) -> Site | None:
        """The place with this number; None for a number that is none."""
        return self.places[number] if 0 <= number < len(self.places) else None

    def span(self, line: str) -> Span | None:
        """The source place that a line's debug location names, if it has one."""
        found = _DEBUG.search(line)
        return self._location(f"!{found[1]}") if found else None

    def _location(self, name: str) -> Span | None:
        if name not in self._known:
            self._known[name] = self._read_location(self.metadata.get(name, ""))
        return self._known[name]

    @cached_property
    def _known(self) -> dict[str, Span | None]:
        return {}

    def _read_location(self, text: str) -> Span | None:
        numbers = {word: int(number) for word, number in _NUMBER.findall(text)}
        scope = _SCOPE.search(text)
        file = self._file(scope[1]) if scope else None
        if file is None or not numbers.get("line"):
            return None
        return Span(file, numbers["line"], numbers.get("column") or 1)

    def _file(self, scope: str) -> str | None:
        """The file of a scope, which may be nested in others."""
        text = self.metadata.get(scope, "")
        if file := _FILE.search(text):
            found = self.metadata.get(file[1], "")
            name, folder = _NAME.search(found), _FOLDER.search(found)
            return _path(folder[1] if folder else "", name[1]) if name else None
        outer = _SCOPE.search(text)
        return self._file(outer[1]) if outer and outer[1] != scope else None


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and not name.startswith("/") else name
