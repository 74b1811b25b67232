"""LLVM IR as MLIR's LLVM 24 prints it, in words that llvmlite's LLVM 22 reads.

What differs in kernels: float literals that no decimal spells ("f0x3F9D70A4", "+inf", "-qnan"
there; hexadecimal digits of the bits here, a float's as those of the double of the same value),
decimals that are a float's only after rounding ("1.000000e-30", refused here), and attributes that
LLVM 22 has not got. Sources: LLVM Language Reference, "Simple Constants", of both.
"""

from __future__ import annotations

import re
import struct

# Bits of exponent and mantissa, and how LLVM 22 begins a hexadecimal literal.
_TYPES = {
    "half": (5, 10, "0xH"),
    "bfloat": (8, 7, "0xR"),
    "float": (8, 23, "0x"),
    "double": (11, 52, "0x"),
}
_WORDS = re.compile(
    r'"[^"]*"'  # strings stay as they are
    r"|[%@!#][-\w$.]+"  # and so do names
    r"|\b(?P<type>half|bfloat|float|double)\b"
    r"|(?<![\w.])(?P<literal>f0x[0-9A-Fa-f]+|[-+]?(?:inf|qnan|nan|snan)\b(?:\(0x[0-9A-Fa-f]+\))?"
    r"|[-+]?\d+\.\d+e[-+]\d+\b)"
)
_NEW_ATTRIBUTES = re.compile(r"\bnocreateundeforpoison\b ?")
_ATTRIBUTED = ("attributes", "declare", "define")
_COMMENTS = (";", "source_filename")
_PLACE = re.compile(r",? !dbg !\d+")
_PLACES = re.compile(r"^(?:!\d+ = (?:distinct )?!DI|!llvm\.dbg\.cu ).*\n", re.MULTILINE)


def downgraded(text: str) -> str:
    """``text`` as LLVM 22 reads it."""
    return "".join(_line(line) for line in text.splitlines(keepends=True))


def without_places(text: str) -> str:
    """``text`` without debug locations, for code that goes to a real device."""
    return _PLACES.sub("", _PLACE.sub("", text))


def _line(line: str) -> str:
    if line.startswith(_COMMENTS):
        return line
    kind = "float"

    def replaced(match: re.Match[str]) -> str:
        nonlocal kind
        # A literal follows the name of its type, with nothing of another type between.
        kind = match["type"] or kind
        return match[0] if match["literal"] is None else _spelled(kind, match["literal"])

    line = _WORDS.sub(replaced, line)
    return _NEW_ATTRIBUTES.sub("", line) if line.startswith(_ATTRIBUTED) else line


def _spelled(kind: str, literal: str) -> str:
    """``literal`` of the type ``kind`` in LLVM 22's form."""
    exponent, mantissa, begin = _TYPES[kind]
    if "." in literal:
        return _decimal(kind, literal)
    bits = _bits(exponent, mantissa, literal)
    if kind == "float":
        return f"0x{_widened(bits):016X}"
    digits = (1 + exponent + mantissa) // 4
    return f"{begin}{bits:0{digits}X}"


def _decimal(kind: str, literal: str) -> str:
    """A decimal of the type ``kind`` as the nearest value of that type."""
    if kind == "double":
        return literal
    value = float(literal)
    if kind == "half":
        (bits,) = struct.unpack("<H", struct.pack("<e", value))
        return f"0xH{bits:04X}"
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    if kind == "float":
        return f"0x{_widened(bits):016X}"
    return f"0xR{(bits + 0x7FFF + (bits >> 16 & 1)) >> 16:04X}"


def _bits(exponent: int, mantissa: int, literal: str) -> int:
    if literal.startswith("f0x"):
        return int(literal[3:], 16)
    sign = int(literal.startswith("-")) << (exponent + mantissa)
    word, _, payload = literal.lstrip("+-").partition("(")
    low = int(payload[2:-1], 16) if payload else 0
    if word == "qnan" or (word == "nan" and not low):
        low |= 1 << (mantissa - 1)
    return sign | ((1 << exponent) - 1) << mantissa | low


def _widened(bits: int) -> int:
    """The bits of a double with the value, or the NaN's payload, of the float with ``bits``."""
    sign, exponent, mantissa = bits >> 31, bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 0xFF:
        return sign << 63 | 0x7FF << 52 | mantissa << 29
    (value,) = struct.unpack("<f", struct.pack("<I", bits))
    (wide,) = struct.unpack("<Q", struct.pack("<d", value))
    return int(wide)
