"""The symbol tables of a code object: the dynamic one with its hash table, and the full one."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from pharos.targets.amd.code_object import elf
from pharos.targets.amd.code_object.pieces import Piece, string_table

# Tags of the dynamic section (System V ABI, "Dynamic Section").
_HASH, _STRTAB, _SYMTAB, _STRSZ, _SYMENT = 4, 5, 6, 10, 11


def tables(symbols: Sequence[elf.Symbol]) -> dict[str, Piece]:
    """The pieces that hold ``symbols``, by name; addresses are filled in by ``fill``.

    The dynamic table is what the loader reads; the full one has the same symbols, for tools.
    """
    text, _ = string_table(one.name for one in symbols)
    size = elf.SYMBOL.size * (len(symbols) + 1)
    entry = elf.SYMBOL.size
    made = [
        Piece(".dynsym", elf.DYNSYM, elf.ALLOC, 8, bytearray(size), entry, ".dynstr", 1),
        Piece(".hash", elf.HASH, elf.ALLOC, 4, bytearray(_hash_table(symbols)), 4, ".dynsym"),
        Piece(".dynstr", elf.STRTAB, elf.ALLOC, 1, bytearray(text)),
        Piece(
            *(".dynamic", elf.DYNAMIC, elf.ALLOC | elf.WRITE, 8),
            *(bytearray(6 * elf.ENTRY.size), elf.ENTRY.size, ".dynstr"),
        ),
        Piece(".symtab", elf.SYMTAB, 0, 8, bytearray(size), entry, ".strtab", 1),
        Piece(".strtab", elf.STRTAB, 0, 1, bytearray(text)),
    ]
    return {piece.name: piece for piece in made}


def fill(made: Mapping[str, Piece], symbols: Sequence[elf.Symbol], homes: Mapping[int, Piece],
         numbers: Mapping[str, int]) -> None:  # fmt: skip
    """Write addresses into the pieces of ``tables``, which have their places now.

    ``homes`` are the pieces of the sections that the symbols are in, ``numbers`` the indices of
    sections in the code object, by name.
    """
    _, places = string_table(one.name for one in symbols)
    data = bytearray(elf.SYMBOL.size)
    for one in symbols:
        home = homes[one.section]
        data += elf.SYMBOL.pack(
            *(places[one.name], one.info, one.other, numbers[home.name]),
            *(home.address + one.value, one.size),
        )
    made[".dynsym"].data[:] = data
    made[".symtab"].data[:] = data
    entries = (
        (_SYMTAB, made[".dynsym"].address),
        (_SYMENT, elf.SYMBOL.size),
        (_STRTAB, made[".dynstr"].address),
        (_STRSZ, len(made[".dynstr"].data)),
        (_HASH, made[".hash"].address),
        (0, 0),
    )
    made[".dynamic"].data[:] = b"".join(elf.ENTRY.pack(*entry) for entry in entries)


def _hash_table(symbols: Sequence[elf.Symbol]) -> bytes:
    """System V ABI, "Hash Table": buckets, and chains that go on from symbol to symbol."""
    buckets = [0] * max(1, len(symbols))
    chains = [0] * (len(symbols) + 1)
    for number, one in enumerate(symbols, 1):
        bucket = hash_of(one.name) % len(buckets)
        chains[number] = buckets[bucket]
        buckets[bucket] = number
    words = (len(buckets), len(chains), *buckets, *chains)
    return struct.pack(f"<{len(words)}I", *words)


def hash_of(name: str) -> int:
    """The hash of a symbol's name (System V ABI, "Hashing Function")."""
    found = 0
    for byte in name.encode():
        found = (found << 4) + byte
        high = found & 0xF0000000
        found = (found ^ (high >> 24)) & ~high
    return found & 0xFFFFFFFF
