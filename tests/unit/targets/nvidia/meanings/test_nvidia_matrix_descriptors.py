"""Swizzles and descriptors of shared memory against the examples that the PTX ISA prints."""

import pytest

from pharos.targets.nvidia.meanings.matrix_descriptors import MatrixDescriptor
from pharos.targets.nvidia.meanings.swizzles import Swizzle


@pytest.mark.parametrize(
    ("swizzle", "span", "period"),
    [
        (Swizzle.NONE, 16, 16),
        (Swizzle.B32, 32, 256),
        (Swizzle.B64, 64, 512),
        (Swizzle.B128, 128, 1024),
    ],
)
def test_spans_and_periods(swizzle, span, period):
    assert (swizzle.span, swizzle.period) == (span, period)


@pytest.mark.parametrize("swizzle", list(Swizzle))
def test_a_swizzle_exchanges_pieces_of_a_row(swizzle):
    for address in range(0, 2048, 8):
        moved = swizzle.apply(address)
        assert swizzle.apply(moved) == address
        assert moved // swizzle.span == address // swizzle.span
        assert moved % 16 == address % 16


def test_the_128_byte_swizzle_combines_piece_and_row():
    for row in range(8):
        for piece in range(8):
            assert Swizzle.B128.apply(row * 128 + piece * 16) == row * 128 + (piece ^ row) * 16


def test_the_64_byte_swizzle_changes_every_second_row():
    pieces = [[Swizzle.B64.apply(64 * r + 16 * p) // 16 % 4 for p in range(4)] for r in range(8)]
    assert pieces[0] == pieces[1] == [0, 1, 2, 3]
    assert pieces[2] == [1, 0, 3, 2]
    assert pieces[7] == [3, 2, 1, 0]


def test_the_word_of_a_descriptor():
    descriptor = MatrixDescriptor(0x400, 16, 1024, Swizzle.B128)
    assert descriptor.encode() == 0x40 | 1 << 16 | 64 << 32 | 1 << 62
    assert MatrixDescriptor.decode(descriptor.encode()) == descriptor
    assert MatrixDescriptor(0, 0, 256, Swizzle.B32, 3).encode() == 16 << 32 | 3 << 49 | 3 << 62


@pytest.mark.parametrize("start", [8, 1 << 18, -16])
def test_what_has_no_room_in_a_descriptor_is_refused(start):
    with pytest.raises(ValueError, match="start must be a multiple of 16"):
        MatrixDescriptor(start, 0, 0, Swizzle.NONE).encode()


# The examples of 9.7.15.5.1.2.1.3: swizzle, k-major?, element bytes, leading and stride in bytes,
# and the exact layout there as ((rows), (columns)) : ((strides), (strides)) in elements.
EXAMPLES = [
    (Swizzle.NONE, True, 4, 64 * 4, 32 * 4, ((8, 2), (4, 4)), ((4, 32), (1, 64))),
    (Swizzle.B32, True, 4, 16, 64 * 4, ((8, 2), (4, 2)), ((8, 64), (1, 4))),
    (Swizzle.NONE, False, 2, 128 * 2, 64 * 2, ((8, 1, 2), (8, 2)), ((1, 8, 64), (8, 128))),
    (Swizzle.B32, False, 2, 128 * 2, 256 * 2, ((8, 2, 2), (8, 2)), ((1, 8, 128), (16, 256))),
    (Swizzle.B64, False, 2, 256 * 2, 512 * 2, ((8, 4, 2), (8, 2)), ((1, 8, 256), (32, 512))),
]


def place(index, shape, strides):
    total = 0
    for size, stride in zip(shape, strides, strict=True):
        index, inside = divmod(index, size)
        total += inside * stride
    return total


@pytest.mark.parametrize(
    ("swizzle", "k_major", "size", "leading", "stride", "shape", "steps"), EXAMPLES
)
def test_layouts_are_those_of_the_manual(swizzle, k_major, size, leading, stride, shape, steps):
    descriptor = MatrixDescriptor(4096, leading, stride, swizzle)
    rows, columns = (1, 1)
    for count in shape[0]:
        rows *= count
    for count in shape[1]:
        columns *= count
    for row in range(rows):
        for k in range(columns):
            offset = place(row, shape[0], steps[0]) + place(k, shape[1], steps[1])
            expected = swizzle.apply(4096 + offset * size)
            assert descriptor.address(row, k, size, k_major) == expected
