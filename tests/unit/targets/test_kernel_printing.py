"""C formats with arguments as words, and as kernels of NVIDIA's GPUs pack them."""

import struct

import pytest

from pharos.simt import Words
from pharos.targets.amd.meanings.printing import printed as amd_printed
from pharos.targets.common.gpu.printing import formatted, packed_arguments, word_arguments
from pharos.targets.nvidia.meanings.printing import printed as nvidia_printed
from pharos.targets.nvidia.meanings.printing import say_how_large


def word(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


@pytest.mark.parametrize(
    ("format", "words", "text"),
    [
        (b"plain 100%%\n", [], "plain 100%\n"),
        (b"%d %u", [(1 << 32) - 1, (1 << 32) - 1], "-1 4294967295"),
        (b"%ld %lld %lx", [-7, 1 << 40, 255], "-7 1099511627776 ff"),
        (b"%5.2f|%-8g|%e", [word(3.14159), word(0.5), word(1e10)], " 3.14|0.5     |1.000000e+10"),
        (b"%c%03d", [65, 7], "A007"),
        (b"%d and %d", [1], "1 and %d"),
    ],
)
def test_words_are_formatted_as_c_does(format, words, text):
    assert formatted(format, word_arguments(words)) == text


def test_packed_arguments_lie_at_multiples_of_their_sizes():
    raw = struct.pack("<ixxxxdixxxxq", 5, 2.5, 6, 7)
    assert formatted(b"%d %g %d %ld", packed_arguments(raw)) == "5 2.5 6 7"


def test_what_a_call_of_vprintf_passes_is_measured():
    lines = (
        "  %6 = alloca { i64, double }, align 8",
        "  %9 = call i32 @vprintf(ptr @format, ptr %6)",
        "  %8 = call i32 @vprintf(ptr @format, ptr %7)",
    )
    assert say_how_large(lines) == (
        lines[0],
        "  %9 = call i32 @vprintf.16(ptr @format, ptr %6)",
        lines[2],
    )


def c_string(text: bytes) -> tuple[object, int]:
    import ctypes

    kept = ctypes.create_string_buffer(text)
    return kept, ctypes.addressof(kept)


def test_records_of_nvidia_are_read_back():
    kept, at = c_string(b"%d %f;")
    raw = struct.unpack("<qq", struct.pack("<ixxxxd", 3, 0.25))
    assert list(nvidia_printed([Words(0, 0, (16, at, *raw))])) == ["3 0.250000;"]
    assert kept


def test_messages_of_amd_are_joined_by_their_thread():
    kept, at = c_string(b"%ld")
    first, second = Words(0, 0, (0, 0, at)), Words(0, 1, (0, 0, at))
    ends = [Words(0, 1, (1, 1, 1, 22, 0, 0, 0, 0, 0, 0)), Words(0, 0, (1, 1, 1, 11, *[0] * 6))]
    assert list(amd_printed([first, second, *ends])) == ["22", "11"]
    assert kept
