"""Reading MessagePack, the form of the metadata in AMD's code objects.

The format: https://github.com/msgpack/msgpack/blob/master/spec.md, "Formats". Extension types
(0xc7 to 0xc9, 0xd4 to 0xd8) do not occur in code objects and are refused.
"""

from __future__ import annotations

import struct
from typing import Any

from pharos.core.errors import InternalError

# First byte: how the number that follows is packed, for numbers themselves...
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
# ...and for the lengths of what follows them.
_LENGTHS = {
    0xC4: (bytes, ">B"),
    0xC5: (bytes, ">H"),
    0xC6: (bytes, ">I"),
    0xD9: (str, ">B"),
    0xDA: (str, ">H"),
    0xDB: (str, ">I"),
    0xDC: (list, ">H"),
    0xDD: (list, ">I"),
    0xDE: (dict, ">H"),
    0xDF: (dict, ">I"),
}
_SINGLES = {0xC0: None, 0xC2: False, 0xC3: True}


def decode(data: bytes) -> Any:
    """The one value in ``data``: None, bool, int, float, str, bytes, list or dict of those.

    InternalError for bytes that end early, go on after the value, or are of an extension type.
    """
    reader = _Reader(data)
    value = reader.value()
    if reader.at != len(data):
        raise InternalError(f"MessagePack: {len(data) - reader.at} bytes after the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        found = self.data[self.at : self.at + size]
        if len(found) < size:
            raise InternalError(f"MessagePack: ends at byte {len(self.data)} in the middle")
        self.at += size
        return found

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self) -> Any:
        first = self.take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first < 0xC0:
            return self.sized(*_short(first))
        if first in _SINGLES:
            return _SINGLES[first]
        if first in _NUMBERS:
            return self.number(_NUMBERS[first])
        if first in _LENGTHS:
            kind, form = _LENGTHS[first]
            return self.sized(kind, self.number(form))
        raise InternalError(f"MessagePack: type 0x{first:02x} is not read here")

    def sized(self, kind: type, length: int) -> Any:
        if kind is dict:
            # Not a comprehension over pairs: a key is read before its value.
            found = {}
            for _ in range(length):
                key = self.value()
                found[key] = self.value()
            return found
        if kind is list:
            return [self.value() for _ in range(length)]
        return self.take(length).decode() if kind is str else self.take(length)


def _short(first: int) -> tuple[type, int]:
    """Kind and length where both are in the first byte, 0x80 to 0xbf."""
    if first < 0x90:
        return dict, first & 0xF
    if first < 0xA0:
        return list, first & 0xF
    return str, first & 0x1F
