"""Object code as assembly text: what really runs, disassembled.

Names come from the relocations (System V ABI, ELF-64: section and relocation entries), jump
targets inside a function become labels.
"""

from __future__ import annotations

import importlib
import platform
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import UserError

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_SYMTAB, _RELA = 2, 4
_STT_SECTION = 3
_SHF_EXECINSTR = 4


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    offset: int
    size: int
    link: int
    info: int
    executable: bool


@dataclass(frozen=True)
class Function:
    """The bytes of one function, and the names that its code refers to, by their offsets."""

    name: str
    code: bytes
    names: dict[int, str]


def function(code: bytes, name: str) -> Function | None:
    """The function ``name`` of the ELF object ``code``; None when the object has none."""
    sections = list(_sections(code))
    for table in sections:
        if table.kind != _SYMTAB:
            continue
        for symbol, place, value, size in _symbols(code, table, sections):
            if symbol == name and place and size:
                start = sections[place].offset + value
                names = dict(_relocations(code, sections, place, value, size))
                return Function(name, code[start : start + size], names)
    return None


def functions(code: bytes) -> list[str]:
    """The names of all functions of the ELF object ``code``, by their place in it."""
    sections = list(_sections(code))
    found = [
        (place, value, name)
        for table in sections
        if table.kind == _SYMTAB
        for name, place, value, size in _symbols(code, table, sections)
        if place and size and sections[place].executable
    ]
    return [name for _, _, name in sorted(found)]


def with_helpers(code: bytes, name: str, others: Collection[str]) -> Iterator[Function]:
    """The function ``name`` and those that only it has: what it refers to and ``others`` lack."""
    waiting, seen = [name], set(others)
    while waiting:
        found = function(code, waiting.pop(0))
        if found is not None:
            yield found
            waiting += [other for other in dict.fromkeys(found.names.values()) if other not in seen]
            seen.update(waiting)


def disassembled(found: Function) -> str:
    """The assembly of ``found`` in Intel's syntax.

    UserError on machines whose instructions no disassembler here knows.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        raise UserError(
            f"expected an x86-64 machine to show its assembly, found {platform.machine()}"
        )
    iced = importlib.import_module("iced_x86")
    decoded = list(iced.Decoder(64, found.code))
    labels = _labels(iced, decoded, len(found.code))
    formatter = iced.Formatter(iced.FormatterSyntax.INTEL)
    lines = [f"{found.name}:"]
    for instruction in decoded:
        if instruction.ip in labels:
            lines.append(f"{labels[instruction.ip]}:")
        lines.append("    " + _line(iced, formatter, instruction, found, labels))
    return "\n".join(lines)


def _line(iced: Any, formatter: Any, instruction: Any, found: Function, labels: Any) -> str:
    text: str = formatter.format(instruction)
    target = _target(iced, instruction)
    if target in labels:
        text = f"{text.split(' ')[0]} {labels[target]}"
    inside = range(instruction.ip, instruction.next_ip)
    named = [name for at, name in found.names.items() if at in inside]
    return f"{text:<40}; {', '.join(named)}" if named else text


def _target(iced: Any, instruction: Any) -> int | None:
    flow = iced.FlowControl
    if instruction.flow_control in (flow.CONDITIONAL_BRANCH, flow.UNCONDITIONAL_BRANCH):
        target: int = instruction.near_branch_target
        return target
    return None


def _labels(iced: Any, decoded: list[Any], size: int) -> dict[int, str]:
    targets = {_target(iced, instruction) for instruction in decoded}
    inside = sorted(target for target in targets if target is not None and target < size)
    return {target: f".L{number}" for number, target in enumerate(inside)}


# -- ELF ------------------------------------------------------------------------------------------


def _sections(code: bytes) -> Iterator[_Section]:
    header = _HEADER.unpack_from(code)
    start, count, names = header[6], header[12], header[13]
    rows = [_SECTION.unpack_from(code, start + i * _SECTION.size) for i in range(count)]
    for name, kind, flags, _, offset, size, link, info, _, _ in rows:
        label = _text(code, rows[names][4] + name)
        runs = bool(flags & _SHF_EXECINSTR)
        yield _Section(label, kind, offset, size, link, info, runs)


def _symbols(
    code: bytes, table: _Section, sections: list[_Section]
) -> Iterator[tuple[str, int, int, int]]:
    """(name, section, offset in it, size) of every symbol; a section's own symbol has its name."""
    names = sections[table.link].offset
    for at in range(table.offset, table.offset + table.size, _SYMBOL.size):
        name, info, _, place, value, size = _SYMBOL.unpack_from(code, at)
        # Numbers from 0xff00 on are no sections (absolute values, for instance).
        place = place if place < 0xFF00 else 0
        is_section = info & 0xF == _STT_SECTION
        yield sections[place].name if is_section else _text(code, names + name), place, value, size


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


def _relocations(
    code: bytes, sections: list[_Section], place: int, start: int, size: int
) -> Iterator[tuple[int, str]]:
    """(offset from ``start``, name) of what the linker fills in in that part of a section."""
    for section in sections:
        if section.kind != _RELA or section.info != place:
            continue
        symbols = list(_symbols(code, sections[section.link], sections))
        for at in range(section.offset, section.offset + section.size, _RELOCATION.size):
            where, info, addend = _RELOCATION.unpack_from(code, at)
            name = symbols[info >> 32][0]
            if start <= where < start + size and name:
                yield where - start, f"{name}{addend:+#x}" if addend > 0 else name
