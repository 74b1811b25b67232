"""Printing from kernels: ``vprintf``, to which gpu.printf is lowered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pharos.simt import Call, Meanings, Value, Words, Writer, meaning, types
from pharos.targets.common.gpu.printing import formatted, packed_arguments, string_at

TABLE = Meanings("printing")
_LOCAL = re.compile(r"^\s*(%\S+) = alloca (.*)$")
_PRINTED = re.compile(r"@vprintf\((ptr [^,]*), ptr (%[^\s,)]+)\)")
_WORD = 8


@TABLE.edit
def say_how_large(lines: tuple[str, ...]) -> tuple[str, ...]:
    """``vprintf`` gets the bytes of its arguments into its name: they are a local structure."""
    local = {found[1]: found[2] for line in lines if (found := _LOCAL.match(line))}

    def sized(found: re.Match[str]) -> str:
        if found[2] not in local:
            return found[0]
        size = types.size_of(types.leading_type(local[found[2]])[0])
        return f"@vprintf.{size}({found[1]}, ptr {found[2]})"

    return tuple(_PRINTED.sub(sized, line) if "@vprintf" in line else line for line in lines)


@meaning(
    TABLE,
    r"vprintf(?:\.(?P<size>\d+))?",
    source='PTX Interoperability, 6 "System Calls": vprintf',
)
def formatted_output(w: Writer, call: Call) -> Value:
    """format, arguments -> number of arguments; here 0, since nobody looks at it."""
    format, arguments = call.arguments
    if call.match["size"] is None:
        w.fault("vprintf is given arguments that are no local structure")
    words, at, size = [w.address(format)], 0, int(call.match["size"] or 0)
    while at < size:
        step = next(width for width in (_WORD, 4, 2, 1) if at + width <= size)
        part = w.peek(w.offset(arguments, at), f"i{8 * step}")
        words.append(w.convert(part, "i64"))
        at += step
    w.say(w.constant(size, "i64"), *words)
    return w.constant(0, call.type)


@TABLE.said
def printed(said: Iterable[Words]) -> Iterator[str]:
    """What the words that ``vprintf`` said are as text."""
    for one in said:
        size, format, *words = one.words
        raw, left = b"", size
        for word in words:
            step = next(width for width in (_WORD, 4, 2, 1) if width <= left)
            raw += (word & (1 << 64) - 1).to_bytes(_WORD, "little")[:step]
            left -= step
        yield formatted(string_at(format), packed_arguments(raw))
