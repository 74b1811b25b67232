"""Types of LLVM IR as they are written: how large they are and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_FLOATS = {"half": 2, "bfloat": 2, "float": 4, "double": 8}
_VECTOR = re.compile(r"<(\d+) x (.+)>$")
_ARRAY = re.compile(r"\[(\d+) x (.+)\]$")
_POINTER = re.compile(r"ptr(?: addrspace\((\d+)\))?$")
_OPEN, _CLOSE = "<([{", ">)]}"


def split(text: str, separator: str = ",") -> list[str]:
    """``text`` cut at the separators that stand outside of every bracket and string."""
    parts, depth, start, quoted = [], 0, 0, False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return [*parts, last] if last or parts else []


def leading_type(text: str) -> tuple[str, str]:
    """The type that ``text`` starts with, and what follows it."""
    text = text.lstrip()
    end = _end_of_type(text)
    return text[:end], text[end:].lstrip()


def _end_of_type(text: str) -> int:
    if text[:1] in _OPEN and text[:1]:
        depth = 0
        for at, character in enumerate(text):
            depth += (character in _OPEN) - (character in _CLOSE)
            if depth == 0:
                return at + 1
    found = re.match(r"ptr addrspace\(\d+\)|[%\w.\-]+", text)
    if not found:
        raise ValueError(f"no type at the start of {text!r}")
    return found.end()


@lru_cache(maxsize=4096)
def size_of(type: str) -> int:
    """Bytes that a value of ``type`` takes in memory; ValueError for a type without a size.

    Vectors are packed (`<4 x i1>` is one byte), structures padded as on the host.
    """
    return _layout(type)[0]


@lru_cache(maxsize=4096)
def _layout(type: str) -> tuple[int, int]:
    """(size, alignment) in bytes."""
    if type in _FLOATS:
        return _FLOATS[type], _FLOATS[type]
    if re.fullmatch(r"i\d+", type):
        size = (int(type[1:]) + 7) // 8
        return size, 1 << (size - 1).bit_length()
    if _POINTER.match(type):
        return 8, 8
    if found := _VECTOR.match(type):
        size = (int(found[1]) * bits_of(found[2]) + 7) // 8
        return size, 1 << (size - 1).bit_length()
    if found := _ARRAY.match(type):
        size, alignment = _layout(found[2])
        return int(found[1]) * -(-size // alignment) * alignment, alignment
    if type.startswith(("{", "<{")):
        return _structure(fields_of(type), packed=type.startswith("<"))
    raise ValueError(f"the type {type!r} has no size")


def _structure(fields: Sequence[str], packed: bool) -> tuple[int, int]:
    end, widest = 0, 1
    for size, alignment in map(_layout, fields):
        alignment = 1 if packed else alignment
        end = -(-end // alignment) * alignment + size
        widest = max(widest, alignment)
    return -(-end // widest) * widest, widest


def fields_of(type: str) -> list[str]:
    """The types of a structure's fields."""
    return split(type.removeprefix("<").removesuffix(">").strip()[1:-1])


def bits_of(type: str) -> int:
    """Bits of a scalar: `i1` has one."""
    return int(type[1:]) if re.fullmatch(r"i\d+", type) else 8 * _layout(type)[0]


def vector_of(type: str) -> tuple[int, str] | None:
    """(length, element type) of a vector type, None for others."""
    found = _VECTOR.match(type)
    return (int(found[1]), found[2]) if found else None


def array_of(type: str) -> tuple[int, str] | None:
    """(length, element type) of an array type, None for others."""
    found = _ARRAY.match(type)
    return (int(found[1]), found[2]) if found else None


def address_space(type: str) -> int | None:
    """The address space of a pointer type, None for others."""
    found = _POINTER.match(type)
    return int(found[1] or 0) if found else None


def is_float(type: str) -> bool:
    """A float, or a vector of them."""
    vector = vector_of(type)
    return (vector[1] if vector else type) in _FLOATS
