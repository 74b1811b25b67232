"""The names that an ELF file leaves undefined.

Source: System V ABI, "Object Files": file header, section headers, symbol table (64 bit, little
endian), which Intel's device binaries (zebin) follow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER, _SECTION, _SYMBOL = "<16s2HI3QI6H", "<2I4Q2I2Q", "<IBBHQQ"
_SYMBOL_TABLES = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM


def undefined_names(data: bytes) -> set[str]:
    """Symbols of ``data`` that are in no section; none for what is no ELF file of 64 bits."""
    if data[:5] != b"\x7fELF\x02":
        return set()
    header = struct.unpack_from(_HEADER, data)
    start, size, count = header[6], header[11], header[12]
    sections = [struct.unpack_from(_SECTION, data, start + n * size) for n in range(count)]
    found: set[str] = set()
    for section in sections:
        if section[1] in _SYMBOL_TABLES:
            names = sections[section[6]]
            found.update(_undefined(data, section[4], section[5], names[4]))
    return found


def _undefined(data: bytes, offset: int, size: int, names: int) -> Iterator[str]:
    for at in range(offset, offset + size, struct.calcsize(_SYMBOL)):
        name, _, _, section, _, _ = struct.unpack_from(_SYMBOL, data, at)
        if name and section == 0:
            end = data.index(b"\0", names + name)
            yield data[names + name : end].decode(errors="replace")
