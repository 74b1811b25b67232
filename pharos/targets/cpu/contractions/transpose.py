"""Square blocks transposed in registers."""

from __future__ import annotations

from typing import Any

from pharos.ir.bindings import dialect, mlir


def transpose(rows: list[Any]) -> list[Any]:
    """The columns of as many vectors as each has lanes, a power of two.

    At distance d, the lanes without bit d of row i + d change places with those that have it of
    row i::

        d = 1:   a0 a1 a2 a3      a0 b0 a2 b2        d = 2:   a0 b0 c0 d0
                 b0 b1 b2 b3  ->  a1 b1 a3 b3   ...  ->       a1 b1 c1 d1
    """
    width = mlir.VectorType(rows[0].type).shape[0]
    rows, distance = list(rows), 1
    while distance < width:
        low = [j if not j & distance else width + j - distance for j in range(width)]
        high = [j + distance if not j & distance else width + j for j in range(width)]
        for i in range(width):
            if not i & distance:
                pair = rows[i], rows[i + distance]
                rows[i] = dialect("vector").shuffle(*pair, low)
                rows[i + distance] = dialect("vector").shuffle(*pair, high)
        distance *= 2
    return rows
