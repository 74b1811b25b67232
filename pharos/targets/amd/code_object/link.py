"""One relocatable object becomes a code object (ET_DYN) that the HSA runtime loads.

Only what LLVM makes of kernels without outside functions: code, constants, kernel descriptors and
the note with the metadata. Such objects have relocations of one family, relative to their place.
Layout as of lld. Source: LLVM, User Guide for AMDGPU Backend, "ELF Code Object", tables "AMDGPU
ELF Sections" and "AMDGPU ELF Relocation Records".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from pharos.core.errors import InternalError
from pharos.targets.amd.code_object import elf, pieces, symbols
from pharos.targets.amd.code_object.pieces import Piece

# What a relocation writes at its place P: symbol + addend - P, whole or one half of it.
_REL32, _REL64, _REL32_LO, _REL32_HI = 4, 5, 10, 11
_LINKED = (elf.PROGBITS, elf.NOTE)


def link(code: bytes) -> bytes:
    """The code object of the relocatable object ``code``.

    InternalError, with names, for undefined symbols, for variables that the code could write,
    and for relocations of other kinds: each would need more than a kernel of ours may have.
    """
    source = elf.read(code)
    _check(source)
    kept = [s for s in source.sections if s.type in _LINKED and s.flags & elf.ALLOC and s.size]
    _check_writable(source)
    homes = {s.index: _piece(s) for s in kept}
    exported = [s for s in source.symbols if s.binding != elf.LOCAL and s.section in homes]
    made = symbols.tables(exported)
    groups = _groups(list(homes.values()), made)
    start = elf.HEADER.size + pieces.PROGRAM_HEADERS * elf.PROGRAM.size
    pieces.place(groups, start)
    _relocate(source.relocations, homes)
    order = [piece.name for group in groups for piece in group]
    symbols.fill(made, exported, homes, {name: n for n, name in enumerate(order, 1)})
    programs = pieces.program_headers(groups[:3], start)
    return pieces.write(source.identification, source.flags, groups, programs)


def _check(source: elf.File) -> None:
    if source.type != elf.RELOCATABLE:
        raise InternalError(
            f"expected a relocatable object, found an ELF file of type {source.type}"
        )
    missing = [s.name for s in source.symbols if s.section == elf.UNDEFINED and s.name]
    if missing:
        raise InternalError(f"device code calls what is not in it: {', '.join(sorted(missing))}")


def _check_writable(source: elf.File) -> None:
    loaded = [s for s in source.sections if s.flags & elf.ALLOC and s.size]
    for section in loaded:
        if section.type not in _LINKED or section.flags & elf.WRITE:
            names = [s.name for s in source.symbols if s.section == section.index and s.name]
            raise InternalError(
                f"device code has variables that can be written ({section.name}: "
                f"{', '.join(names)}); only constants can be linked"
            )


def _piece(section: elf.Section) -> Piece:
    # Sections of mergeable strings and constants are kept whole: merging is only for size.
    flags = section.flags & (elf.ALLOC | elf.EXECUTE)
    align = max(1, section.align)
    return Piece(section.name, section.type, flags, align, bytearray(section.data))


def _groups(linked: Sequence[Piece], made: Mapping[str, Piece]) -> list[list[Piece]]:
    """The pieces in the order of the file: constants, code, dynamic section, what is not loaded."""
    notes = [piece for piece in linked if piece.type == elf.NOTE]
    code = [piece for piece in linked if piece.flags & elf.EXECUTE]
    rest = [piece for piece in linked if piece not in notes and piece not in code]
    if len(notes) != 1 or not code:
        raise InternalError("expected code and one note with metadata in the object of a kernel")
    tables = [made[name] for name in (".dynsym", ".hash", ".dynstr")]
    last = [made[".symtab"], made[".strtab"]]
    return [[*notes, *tables, *rest], code, [made[".dynamic"]], last]


def _relocate(relocations: Sequence[elf.Relocation], homes: Mapping[int, Piece]) -> None:
    for one in relocations:
        if one.section not in homes:
            continue  # of a section that is not loaded: debug information
        piece, home = homes[one.section], homes.get(one.symbol.section)
        if home is None:
            raise InternalError(f"a relocation to '{one.symbol.name}', which is in no section")
        place = piece.address + one.offset
        value = home.address + one.symbol.value + one.addend - place
        _write(piece.data, one, value)


def _write(data: bytearray, one: elf.Relocation, value: int) -> None:
    if one.type == _REL64:
        struct.pack_into("<q", data, one.offset, value)
    elif one.type == _REL32:
        struct.pack_into("<i", data, one.offset, value)
    elif one.type == _REL32_LO:
        struct.pack_into("<I", data, one.offset, value & 0xFFFFFFFF)
    elif one.type == _REL32_HI:
        struct.pack_into("<I", data, one.offset, (value >> 32) & 0xFFFFFFFF)
    else:
        raise InternalError(
            f"relocation type {one.type} (to '{one.symbol.name}') is not linked here"
        )
