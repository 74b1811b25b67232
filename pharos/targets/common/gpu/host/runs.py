"""Arrays with gaps, as the pieces of memory without gaps that they consist of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from pharos.core.errors import UserError

_MOST = 65536  # pieces; each is a call of the driver


def is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements are row-major without gaps. ``strides`` count elements."""
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def pieces(shape: Sequence[int], strides: Sequence[int], what: str) -> tuple[int, list[int]]:
    """Elements of a piece, and where each begins, in elements from the first, row-major.

    UserError for an array, called ``what``, of too many pieces.
    """
    length, axis = 1, len(shape)
    while axis and (shape[axis - 1] == 1 or strides[axis - 1] == length):
        length *= shape[axis - 1]
        axis -= 1
    outer = list(zip(shape[:axis], strides[:axis], strict=True))
    count = 1
    for size, _ in outer:
        count *= size
    if count > _MOST:
        raise UserError(
            f"{what} has gaps after every {length} element(s), {count} pieces in all; copies on a "
            f"device take at most {_MOST}",
            hint="upload a dense copy: np.ascontiguousarray(x)",
        )
    axes = [range(0, size * stride, stride) if stride else [0] * size for size, stride in outer]
    return length, [sum(place) for place in itertools.product(*axes)]
