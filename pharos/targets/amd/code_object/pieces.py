"""The parts of a code object: what each section holds, and where it lies in file and memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pharos.targets.amd.code_object import elf

PAGE = 0x1000
LOAD, DYNAMIC_SEGMENT, NOTE_SEGMENT, HEADERS_SEGMENT = 1, 2, 4, 6
RELRO, STACK = 0x6474E552, 0x6474E551  # PT_GNU_RELRO, PT_GNU_STACK
READ, READ_EXECUTE, READ_WRITE = 4, 5, 6


@dataclass
class Piece:
    """One section of the code object; ``link`` names the section that its header points to.

    ``address`` is 0 for sections that are not loaded.
    """

    name: str
    type: int
    flags: int
    align: int
    data: bytearray = field(repr=False)
    entry: int = 0
    link: str = ""
    info: int = 0
    offset: int = 0
    address: int = 0

    @property
    def end(self) -> int:
        """The first byte of the file after it."""
        return self.offset + len(self.data)


def place(groups: Sequence[Sequence[Piece]], start: int) -> None:
    """Give the pieces their places: each group is one segment with rights of its own.

    Group by group the addresses run one page further ahead of the offsets, as with lld: no page
    of memory has two kinds of rights, and no byte of the file is spent on padding. The last group
    is not loaded.
    """
    at = start
    for number, group in enumerate(groups):
        for piece in group:
            at = aligned(at, piece.align)
            piece.offset = at
            piece.address = at + number * PAGE if piece.flags & elf.ALLOC else 0
            at = piece.end


def aligned(value: int, to: int) -> int:
    """``value``, or the next multiple of ``to``."""
    return -(-value // to) * to


def program_headers(loaded: Sequence[Sequence[Piece]], start: int) -> bytes:
    """The program headers for the segments ``loaded``: read only, code, dynamic section.

    The first segment holds the file's header and these headers (``start`` bytes) too.
    """
    constant, code, dynamic = loaded
    note = constant[0]
    size = constant[-1].end
    table = (start - elf.HEADER.size, elf.HEADER.size)
    headers = [
        (HEADERS_SEGMENT, READ, table[1], table[1], table[0], 8),
        (LOAD, READ, 0, 0, size, PAGE),
        (LOAD, READ_EXECUTE, *_span(code), PAGE),
        (LOAD, READ_WRITE, *_span(dynamic), PAGE),
        (DYNAMIC_SEGMENT, READ_WRITE, *_span(dynamic), 8),
        (RELRO, READ, *_span(dynamic), 1),
        (STACK, READ_WRITE, 0, 0, 0, 0),
        (NOTE_SEGMENT, READ, note.offset, note.address, len(note.data), 4),
    ]
    return b"".join(
        elf.PROGRAM.pack(kind, rights, offset, address, address, size, size, align)
        for kind, rights, offset, address, size, align in headers
    )


PROGRAM_HEADERS = 8


def _span(pieces: Sequence[Piece]) -> tuple[int, int, int]:
    """Offset, address and size of neighbouring pieces."""
    first = pieces[0]
    return first.offset, first.address, pieces[-1].end - first.offset


def write(
    identification: bytes, flags: int, groups: Sequence[Sequence[Piece]], programs: bytes
) -> bytes:
    """The file: header, ``programs``, the pieces at their places, the section headers."""
    pieces = [piece for group in groups for piece in group]
    names = _names(pieces)
    strings = Piece(".shstrtab", elf.STRTAB, 0, 1, bytearray(names[0]))
    strings.offset = pieces[-1].end
    pieces.append(strings)
    table = aligned(strings.end, 8)
    out = bytearray(table)
    count = len(pieces) + 1
    out[: elf.HEADER.size] = elf.HEADER.pack(
        *(identification, elf.SHARED, elf.MACHINE_AMDGPU, 1, 0, elf.HEADER.size, table, flags),
        *(elf.HEADER.size, elf.PROGRAM.size, len(programs) // elf.PROGRAM.size),
        *(elf.SECTION.size, count, count - 1),
    )
    out[elf.HEADER.size : elf.HEADER.size + len(programs)] = programs
    numbers = {piece.name: number for number, piece in enumerate(pieces, 1)}
    headers = bytearray(elf.SECTION.size)
    for piece in pieces:
        out[piece.offset : piece.end] = piece.data
        headers += elf.SECTION.pack(
            *(names[1][piece.name], piece.type, piece.flags, piece.address, piece.offset),
            *(len(piece.data), numbers.get(piece.link, 0), piece.info, piece.align, piece.entry),
        )
    return bytes(out + headers)


def _names(pieces: Iterable[Piece]) -> tuple[bytes, dict[str, int]]:
    """The string table of the section names, and where in it each begins."""
    return string_table([*(piece.name for piece in pieces), ".shstrtab"])


def string_table(names: Iterable[str]) -> tuple[bytes, dict[str, int]]:
    """``names`` one after the other, each ended by a zero byte, and where each begins."""
    text, places = b"\0", {"": 0}
    for name in names:
        if name not in places:
            places[name] = len(text)
            text += name.encode() + b"\0"
    return text, places
