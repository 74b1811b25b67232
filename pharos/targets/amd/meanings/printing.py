"""Printing from kernels: the functions of HIP's device library to which gpu.printf is lowered.

A format and its arguments come in several calls, the last of which says so. A real device needs
that library, and a host that listens; here only simulated devices print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pharos.simt import Call, Meanings, Value, Words, Writer, meaning
from pharos.targets.common.gpu.printing import formatted, string_at, word_arguments

TABLE = Meanings("printing")
_SOURCE = "ROCm device libraries, ockl/src/services.cl, "
_STRING, _NUMBERS = 0, 1


@meaning(TABLE, r"__ockl_printf_begin", source=_SOURCE + "__ockl_printf_begin")
def begin(w: Writer, call: Call) -> Value:
    """version -> a new message; always 0 here, where a thread ends one before the next."""
    return w.constant(0, "i64")


@meaning(TABLE, r"__ockl_printf_append_string_n", source=_SOURCE + "__ockl_printf_append_string_n")
def append_string(w: Writer, call: Call) -> Value:
    """message, pointer, bytes with the NUL, whether it is the last part -> message."""
    message, pointer, _, last = call.arguments
    w.say(w.constant(_STRING, "i64"), w.convert(last, "i64"), w.address(pointer))
    return message


@meaning(TABLE, r"__ockl_printf_append_args", source=_SOURCE + "__ockl_printf_append_args")
def append_numbers(w: Writer, call: Call) -> Value:
    """message, count, seven words of which so many count, whether it is the last part -> message.

    Integers are extended to 64 bits, floats are the bits of a double.
    """
    message, count, *words, last = call.arguments
    numbers = [w.constant(_NUMBERS, "i64"), w.convert(last, "i64"), w.convert(count, "i64")]
    w.say(*numbers, *words)
    return message


@TABLE.said
def printed(said: Iterable[Words]) -> Iterator[str]:
    """What the parts of messages are as text. A thread sends one message after another."""
    open_: dict[tuple[int, int], list[Sequence[int]]] = {}
    for one in said:
        key = (one.block, one.thread)
        open_.setdefault(key, []).append(one.words)
        if one.words[1]:
            yield _message(open_.pop(key))


def _message(parts: Sequence[Sequence[int]]) -> str:
    (_, _, format), *rest = parts
    numbers = [word for _, _, count, *words in rest for word in words[:count]]
    return formatted(string_at(format), word_arguments(numbers))
