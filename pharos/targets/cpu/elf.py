"""The symbol table of an ELF object: which names it defines and which it needs.

Layouts are those of the System V ABI, ELF-64 object file format (Ehdr, Shdr, Sym).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pharos.core.errors import InternalError

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SYMTAB = 2
_GLOBAL, _WEAK = 1, 2


@dataclass(frozen=True)
class Symbols:
    """Global names: ``defined`` here, ``undefined`` and to be found elsewhere."""

    defined: frozenset[str]
    undefined: frozenset[str]


def symbols(code: bytes) -> Symbols:
    """The global symbols of the 64-bit little-endian ELF object ``code``."""
    if code[:6] != b"\x7fELF\x02\x01" or len(code) < _HEADER.size:
        raise InternalError("expected a 64-bit little-endian ELF object")
    header = _HEADER.unpack_from(code)
    start, count = header[6], header[12]
    sections = [_SECTION.unpack_from(code, start + i * _SECTION.size) for i in range(count)]
    defined: set[str] = set()
    undefined: set[str] = set()
    for section in sections:
        if section[1] != _SYMTAB:
            continue
        offset, size, names = section[4], section[5], sections[section[6]][4]
        for at in range(offset, offset + size, _SYMBOL.size):
            name, info, _, place, _, _ = _SYMBOL.unpack_from(code, at)
            if info >> 4 not in (_GLOBAL, _WEAK):
                continue
            text = code[names + name : code.index(b"\0", names + name)].decode()
            (defined if place else undefined).add(text)
    return Symbols(frozenset(defined), frozenset(undefined - {"", "_GLOBAL_OFFSET_TABLE_"}))
