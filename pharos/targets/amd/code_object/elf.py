"""ELF files of AMD's GPUs as records: sections, symbols, relocations.

Layouts: System V ABI, ELF-64 object file format. What AMD adds (machine, relocations, special
section numbers): LLVM, User Guide for AMDGPU Backend, "ELF Code Object".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

from pharos.core.errors import InternalError

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELOCATION = struct.Struct("<QQq")
ENTRY = struct.Struct("<QQ")  # of the dynamic section

MACHINE_AMDGPU = 224
RELOCATABLE, SHARED = 1, 3
# Types and flags of sections.
PROGBITS, SYMTAB, STRTAB, RELA, HASH, DYNAMIC, NOTE, NOBITS, DYNSYM = 1, 2, 3, 4, 5, 6, 7, 8, 11
WRITE, ALLOC, EXECUTE = 1, 2, 4
UNDEFINED, ABSOLUTE = 0, 0xFFF1
LOCAL, GLOBAL, WEAK = 0, 1, 2  # bindings


@dataclass(frozen=True)
class Section:
    """One section; ``data`` is empty where the file holds none (NOBITS)."""

    index: int
    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    data: bytes


@dataclass(frozen=True)
class Symbol:
    """One symbol; ``section`` is a section's index or UNDEFINED, ABSOLUTE."""

    name: str
    info: int
    other: int
    section: int
    value: int
    size: int

    @property
    def binding(self) -> int:
        """LOCAL, GLOBAL or WEAK."""
        return self.info >> 4


@dataclass(frozen=True)
class Relocation:
    """In section ``section`` at ``offset``: the value of ``symbol`` plus ``addend``, ``type``."""

    section: int
    offset: int
    type: int
    symbol: Symbol
    addend: int


@dataclass(frozen=True)
class Segment:
    """One program header."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    align: int


@dataclass(frozen=True)
class File:
    """A file that was read: its bytes and what its headers say."""

    code: bytes
    type: int
    flags: int
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]

    @property
    def identification(self) -> bytes:
        """The first 16 bytes: class, byte order, operating system, version of the ABI."""
        return self.code[:16]

    def named(self, name: str) -> Section | None:
        """The first section called ``name``."""
        return next((one for one in self.sections if one.name == name), None)

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols of the first symbol table: the full one, else the dynamic one."""
        tables = sorted((s for s in self.sections if s.type in (SYMTAB, DYNSYM)), key=_full_first)
        return self.symbols_in(tables[0]) if tables else ()

    def symbols_in(self, table: Section) -> tuple[Symbol, ...]:
        """The symbols in the section ``table``, the empty first one too."""
        names = self.sections[table.link].data
        return tuple(
            Symbol(_text(names, name), *rest) for name, *rest in SYMBOL.iter_unpack(table.data)
        )

    @cached_property
    def relocations(self) -> tuple[Relocation, ...]:
        """All relocations, of every section."""
        return tuple(
            Relocation(table.info, offset, info & 0xFFFFFFFF, self.symbols[info >> 32], addend)
            for table in self.sections
            if table.type == RELA
            for offset, info, addend in RELOCATION.iter_unpack(table.data)
        )


def read(code: bytes) -> File:
    """The ELF file ``code``. InternalError for anything but a 64-bit AMDGPU file."""
    if code[:6] != b"\x7fELF\x02\x01" or len(code) < HEADER.size:
        raise InternalError("expected a 64-bit little-endian ELF file")
    header = HEADER.unpack_from(code)
    _, kind, machine, _, _, programs, start, flags, _, _, count, _, number, names = header
    if machine != MACHINE_AMDGPU:
        raise InternalError(f"expected an ELF file for AMDGPU (224), found machine {machine}")
    raw = [SECTION.unpack_from(code, start + i * SECTION.size) for i in range(number)]
    texts = _bytes(code, raw[names])
    sections = tuple(_section(i, texts, one, code) for i, one in enumerate(raw))
    headers = [PROGRAM.unpack_from(code, programs + i * PROGRAM.size) for i in range(count)]
    segments = tuple(Segment(*h[:4], *h[5:]) for h in headers)
    return File(code, kind, flags, sections, segments)


def _section(index: int, names: bytes, header: tuple[int, ...], code: bytes) -> Section:
    name, kind, flags, address, offset, size, link, info, align, _ = header
    where = (address, offset, size, link, info, align)
    return Section(index, _text(names, name), kind, flags, *where, data=_bytes(code, header))


def _full_first(section: Section) -> int:
    return section.type != SYMTAB


def _bytes(code: bytes, section: tuple[int, ...]) -> bytes:
    kind, offset, size = section[1], section[4], section[5]
    if kind == NOBITS:
        return b""
    if offset + size > len(code):
        raise InternalError("a section of an ELF file reaches beyond its end")
    return code[offset : offset + size]


def _text(names: bytes, at: int) -> str:
    return names[at : names.index(b"\0", at)].decode()
