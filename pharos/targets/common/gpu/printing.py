"""What kernels print (gpu.printf): C formats with arguments as words of 64 bits, as text.

A simulated device notes what is printed while a kernel runs, and writes it to C's stdout when the
kernel ends: in the order of the blocks, and within a block in the order in which it happened.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# ISO C, 7.21.6.1 "The fprintf function": flags, width, precision, length, conversion.
_CONVERSION = re.compile(
    rb"%(?P<how>[-+ #0]*\d*(?:\.\d+)?)(?P<length>hh|h|ll|l|z|j|t)?(?P<kind>[diouxXcsfFeEgGaAp%])"
)
_FLOATS = b"fFeEgGaA"
_LONG = (b"ll", b"l", b"z", b"j", b"t")
_LONGEST = 512  # bytes of one number
Bits = Callable[[int], "int | None"]
"""Gives the next argument of so many bytes as its bits; None when there are no more."""


def formatted(format: bytes, argument: Bits) -> str:
    """``format`` with its arguments. A conversion without an argument stays as it is."""
    return _CONVERSION.sub(lambda found: _converted(found, argument), format).decode(
        errors="replace"
    )


def argument_bytes(found: re.Match[bytes]) -> int:
    """Bytes of the argument of a conversion, as C passes it: float as double, char as int."""
    wide = found["kind"] in _FLOATS or found["kind"] in b"sp" or found["length"] in _LONG
    return 8 if wide else 4


def _converted(found: re.Match[bytes], argument: Bits) -> bytes:
    kind = found["kind"]
    if kind == b"%":
        return b"%"
    bits = argument(argument_bytes(found))
    if bits is None:
        return found[0]
    length = found["length"] or b""
    if kind == b"s":  # kernels have no strings to print: the pointer says what it is
        kind, length = b"p", b""
    out = ctypes.create_string_buffer(_LONGEST)
    spelled = b"%" + found["how"] + length + kind
    ctypes.CDLL(None).snprintf(out, _LONGEST, spelled, _as_c(kind, argument_bytes(found), bits))
    return out.value


def _as_c(kind: bytes, size: int, bits: int) -> Any:
    if kind in _FLOATS:
        raw = (bits & (1 << 64) - 1).to_bytes(8, "little")
        return ctypes.c_double.from_buffer_copy(raw)
    if kind == b"p":
        return ctypes.c_void_p(bits)
    return ctypes.c_int64(bits) if size == 8 else ctypes.c_int32(bits & 0xFFFF_FFFF)


def packed_arguments(raw: bytes) -> Bits:
    """The arguments in ``raw``, each at a multiple of its size."""
    at = 0

    def following(size: int) -> int | None:
        nonlocal at
        start = -(-at // size) * size
        at = start + size
        return int.from_bytes(raw[start:at], "little") if at <= len(raw) else None

    return following


def word_arguments(words: Iterable[int]) -> Bits:
    """The arguments in ``words``, each a word of its own."""
    rest = iter(words)
    return lambda size: next(rest, None)


def string_at(address: int) -> bytes:
    """The C string that a kernel has at ``address``."""
    return ctypes.string_at(address)


def show(texts: Sequence[str], missed: int) -> None:
    """Write ``texts`` to C's stdout, and that ``missed`` more found no room."""
    libc = ctypes.CDLL(None)
    if missed:
        texts = [*texts, f"... and {missed} more that found no room\n"]
    for text in texts:
        data = text.encode()
        libc.printf(b"%.*s", ctypes.c_int(len(data)), data)
    libc.fflush(None)
