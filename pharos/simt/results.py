"""The type of the value that a line of LLVM IR computes."""

from __future__ import annotations

import re

from pharos.simt import types
from pharos.simt.reading import read_call

_RESULT = re.compile(r"^\s*(%[\w.$\-]+|%\"[^\"]*\") = (?:tail |musttail |notail )?(\w+) (.*)$")
_WORDS = re.compile(
    r"^(?:(?:nsw|nuw|exact|disjoint|nneg|samesign|fast|nnan|ninf|nsz|arcp|contract|afn|reassoc|"
    r"atomic|volatile|weak|inbounds|nusw|inrange\([^)]*\)) )+"
)
_CAST = re.compile(r" to (.*?)(?:, ![\w.]+ !\d+)*$")
_CASTS = {
    *("trunc", "zext", "sext", "fptrunc", "fpext", "fptoui", "fptosi", "uitofp", "sitofp"),
    *("ptrtoint", "inttoptr", "bitcast", "addrspacecast"),
}


def result_of(line: str) -> tuple[str, str] | None:
    """(name, type) of what a line computes; None for a line without a value, or not understood."""
    found = _RESULT.match(line)
    if not found:
        return None
    name, verb, rest = found[1], found[2], _WORDS.sub("", found[3])
    type = _type(line, verb, rest)
    return (name, type) if type and type != "void" else None


def _type(line: str, verb: str, rest: str) -> str | None:
    if verb == "call":
        call = read_call(line)
        return call.type if call else None
    if verb in _CASTS:
        cast = _CAST.search(rest)
        return cast[1] if cast else None
    parts = types.split(rest)
    first = types.leading_type(parts[0])[0] if parts else ""
    match verb:
        case "icmp" | "fcmp":
            compared = types.leading_type(_WORDS.sub("", parts[0].split(" ", 1)[1]))[0]
            vector = types.vector_of(compared)
            return f"<{vector[0]} x i1>" if vector else "i1"
        case "getelementptr":
            return types.leading_type(parts[1])[0]
        case "alloca":
            return "ptr"
        case "select" | "atomicrmw":
            return types.leading_type(parts[1])[0]
        case "cmpxchg":
            return f"{{ {types.leading_type(parts[1])[0]}, i1 }}"
        case "extractelement":
            vector = types.vector_of(first)
            return vector[1] if vector else None
        case "shufflevector":
            return _shuffled(first, types.leading_type(parts[2])[0])
        case "extractvalue":
            return _inner(first, parts[1:])
    return first or None


def _shuffled(type: str, mask: str) -> str | None:
    """The type of a vector shuffled by a mask of this type."""
    vector, count = types.vector_of(type), types.vector_of(mask)
    return f"<{count[0]} x {vector[1]}>" if vector and count else None


def _inner(type: str, path: list[str]) -> str | None:
    """The type of the field that a path of numbers leads to."""
    for index in path:
        if not index.isdigit():  # metadata at the end of the line
            break
        array = types.array_of(type)
        type = array[1] if array else types.fields_of(type)[int(index)]
    return type
