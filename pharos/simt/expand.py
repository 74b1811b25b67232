"""Calls of a kernel become calls of the meanings that the target's table gives them."""

from __future__ import annotations

import re
from collections.abc import Callable

from pharos.simt import stops, types
from pharos.simt.emitter import Written
from pharos.simt.generic import is_generic
from pharos.simt.kernel import Kernel
from pharos.simt.meanings import Call, Meaning, Meanings
from pharos.simt.reading import CallLine
from pharos.simt.values import Value
from pharos.simt.writer import Writer

_LITERAL = re.compile(r"-?\d+|true|false")
# Of every meaning that was ever written: so its code is the same in each kernel.
_numbers: dict[object, int] = {}
MakeWriter = Callable[[Written, int], Writer]


class Expansion:
    """Finds and writes the meanings of one kernel; each is written once for its operand types."""

    def __init__(self, kernel: Kernel, table: Meanings, make_writer: MakeWriter) -> None:
        self.kernel = kernel
        self.table = table
        self.written = Written()
        self.unknown: dict[str, str] = {}  # what has no meaning, with the first line that uses it
        self._make_writer = make_writer
        self._asked: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._names: dict[tuple[object, ...], str] = {}

    def replace(self, line: CallLine, site: int, original: str) -> str | None:
        """The line that calls the meaning; None for a call that stays as it is."""
        text = line.assembly if line.assembly is not None else line.name
        if text is None or text in self.kernel.functions:
            return None
        text = text.strip() if line.assembly is not None else text
        found = self.table.find(text) or stops.TABLE.find(text)
        if found is None:
            if line.assembly is not None or not is_generic(text):
                self.unknown.setdefault(text, original)
            return None
        name = self._name(line, text, *found)
        given = ", ".join([f"i32 {site}", *line.arguments])
        return f'{line.lead}call {line.type} @"{name}"({given})'

    def _name(self, line: CallLine, text: str, entry: Meaning, match: re.Match[str]) -> str:
        kinds = tuple(types.leading_type(a)[0] for a in line.arguments)
        literals = tuple(_literal(a) for a in line.arguments)
        shape: tuple[object, ...] = (text, line.constraints, line.type, *kinds)
        asked = self._asked.get(shape)
        if asked is not None:
            key = shape + tuple(literals[i] for i in asked)
            if key in self._names:
                return self._names[key]
        name = f"simt.meaning.{len(self._names)}"
        call = self._write(name, line, text, kinds, literals, entry, match)
        self._asked[shape] = tuple(sorted(call.asked))
        self._names[shape + tuple(literals[i] for i in self._asked[shape])] = name
        return name

    def _write(
        self,
        name: str,
        line: CallLine,
        text: str,
        kinds: tuple[str, ...],
        literals: tuple[int | None, ...],
        entry: Meaning,
        match: re.Match[str],
    ) -> Call:
        # Lanes meet at one instruction when they run the same meaning, wherever it stands.
        number = _numbers.setdefault(entry.body, len(_numbers) + 1)
        writer = self._make_writer(self.written, number)
        arguments = [Value(writer, f"%a{i}", kind) for i, kind in enumerate(kinds)]
        call = Call(text, match, arguments, line.type, line.constraints, literals)
        writer.finish(name, call, entry.body(writer, call))
        return call


def _literal(argument: str) -> int | None:
    value = types.leading_type(argument)[1]
    if not _LITERAL.fullmatch(value):
        return None
    return int(value) if value[-1].isdigit() else int(value == "true")
