"""Reads LLVM IR text as LLVM prints it, a line at a time, as far as the simulator needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pharos.simt import types

_ATTRIBUTES = re.compile(
    r"\b(?:noundef|nonnull|zeroext|signext|inreg|noalias|nocapture|nofree|readonly|readnone|"
    r"writeonly|writable|dead_on_unwind|returned|immarg|swiftself|"
    r"(?:captures|dereferenceable|dereferenceable_or_null|range|nofpclass|byval|initializes|"
    r"memory|allocalign|sret|byref)\((?:[^()]|\([^()]*\))*\)) ?"
)
_PARAMETER_ALIGN = re.compile(r"(?<!,) align \d+(?=[ ,)])")
_CONVENTIONS = re.compile(
    r"\b(?:ptx_kernel|ptx_device|spir_kernel|spir_func|amdgpu_\w+|fastcc|coldcc|cc ?\d+|"
    r"dso_local|local_unnamed_addr|unnamed_addr) "
)
_CALL = re.compile(
    r"^(?P<lead>\s*(?:(?P<result>%\S+) = )?)(?:tail |musttail |notail )?call "
    r"(?P<flags>(?:(?:fast|nnan|ninf|nsz|arcp|contract|afn|reassoc) )*)(?P<rest>.*)$"
)
_NAME = re.compile(r'@("(?:[^"])*"|[\w.$\-]+)')
_ASSEMBLY = re.compile(
    r'asm (?:(?:sideeffect|alignstack|inteldialect|unwind) )*"((?:[^"])*)", "((?:[^"])*)"\('
)
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2})")
DEBUG_PLACE = re.compile(r", !dbg !(\d+)")


@dataclass(frozen=True)
class CallLine:
    """A line that calls something: a function by its name, or inline assembly."""

    lead: str  # indentation and `%5 = `
    type: str
    name: str | None  # the callee, None for assembly and for calls through a pointer
    assembly: str | None
    constraints: str
    arguments: tuple[str, ...]  # each with its type
    tail: str  # attributes and metadata


def plain(line: str) -> str:
    """The line without attributes of values and without calling conventions.

    Lines with strings in them (assembly) are only stripped before the string and after it.
    """
    if '"' not in line:
        return _stripped(line)
    pieces = re.split(r'("[^"]*")', line)
    return "".join(p if p.startswith('"') else _stripped(p) for p in pieces)


def _stripped(text: str) -> str:
    return _PARAMETER_ALIGN.sub("", _ATTRIBUTES.sub("", _CONVENTIONS.sub("", text)))


def read_call(line: str) -> CallLine | None:
    """What a line calls, None for a line that calls nothing. The line must be `plain`."""
    found = _CALL.match(line)
    if not found:
        return None
    type, rest = types.leading_type(found["rest"])
    if rest.startswith("("):  # the whole type of a variadic callee
        rest = rest[_closing(rest, 0) + 1 :].lstrip()
    name = assembly = None
    constraints = ""
    if at := _ASSEMBLY.match(rest):
        assembly, constraints = unescaped(at[1]), unescaped(at[2])
        start = at.end() - 1
    else:
        called = _NAME.match(rest)
        name = called[1].strip('"') if called else None
        start = called.end() if called else rest.index("(")
    end = _closing(rest, start)
    arguments = tuple(types.split(rest[start + 1 : end]))
    return CallLine(found["lead"], type, name, assembly, constraints, arguments, rest[end + 1 :])


def _closing(text: str, start: int) -> int:
    """Where the parenthesis that opens at ``start`` is closed."""
    depth, quoted = 0, False
    for at in range(start, len(text)):
        character = text[at]
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return at
    raise ValueError(f"unclosed parenthesis in {text!r}")


def unescaped(text: str) -> str:
    """A string constant of LLVM IR with its `\\0A` and the like resolved."""
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)), text)


def names_in(text: str) -> set[str]:
    """Every global name that the text mentions."""
    return {name.strip('"') for name in _NAME.findall(text)}


def quoted(name: str) -> str:
    """A global name as it must be written."""
    return f"@{name}" if re.fullmatch(r"[A-Za-z$._\-][\w$.\-]*", name) else f'@"{name}"'
