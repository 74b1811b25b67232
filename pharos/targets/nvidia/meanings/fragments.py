"""Which element of a matrix each register of each lane holds, for mma.sync, ldmatrix and wgmma.

Every operand of these instructions is made of tiles of eight rows. A row of a tile is shared by
four lanes, and a lane holds ``lane_bytes`` consecutive bytes of it: lane ``l`` has row ``l / 4``
and the bytes from ``(l % 4) * lane_bytes``. Tiles follow each other down the rows first, then
along the columns. Operands A and B have ``lane_bytes`` 4 (B is given as its transpose, n by k);
accumulators of 32 bits have 8, because a lane holds two neighbours of a row.

Source: PTX ISA 9.0, 9.7.14.5.6 to 9.7.14.5.10 (matrix fragments for mma), 9.7.14.5.15 (ldmatrix),
9.7.15.5.1.1 (register fragments of wgmma; one warp holds 16 rows of the 64).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES = 32
TILE_ROWS = 8
LANES_PER_ROW = 4


@dataclass(frozen=True)
class Fragment:
    """A matrix of ``rows`` by ``columns`` elements of ``bits`` bits in one warp's registers."""

    rows: int
    columns: int
    bits: int
    lane_bytes: int = 4

    @property
    def run(self) -> int:
        """Neighbouring elements of a row that one lane holds in one tile."""
        return self.lane_bytes * 8 // self.bits

    @property
    def row_tiles(self) -> int:
        return self.rows // TILE_ROWS

    @property
    def tiles(self) -> int:
        return self.row_tiles * (self.columns // (self.run * LANES_PER_ROW))

    @property
    def elements(self) -> int:
        """Elements that one lane holds."""
        return self.tiles * self.run

    @property
    def registers(self) -> int:
        """Registers of 32 bits that one lane holds."""
        return self.elements * self.bits // 32

    def tile_origin(self, tile: int) -> tuple[int, int]:
        """Row and column of the first element of ``tile``."""
        across, down = divmod(tile, self.row_tiles)
        return down * TILE_ROWS, across * self.run * LANES_PER_ROW

    def position(self, lane: int, element: int) -> tuple[int, int]:
        """Row and column of element ``element`` (lowest bits of the first register first)."""
        tile, inside = divmod(element, self.run)
        row, column = self.tile_origin(tile)
        return row + lane // LANES_PER_ROW, column + lane % LANES_PER_ROW * self.run + inside

    def positions(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of all elements, two arrays of shape (32, elements)."""
        places = [[self.position(lane, e) for e in range(self.elements)] for lane in range(LANES)]
        grid = np.array(places, dtype=np.intp)
        return grid[..., 0], grid[..., 1]

    def distribute(self, matrix: NDArray[Any]) -> NDArray[Any]:
        """The elements each lane holds, shape (32, elements), of ``matrix``."""
        if matrix.shape != (self.rows, self.columns):
            raise ValueError(f"a matrix of {self.rows}x{self.columns} expected, got {matrix.shape}")
        return np.ascontiguousarray(matrix[self.positions()])

    def collect(self, held: NDArray[Any]) -> NDArray[Any]:
        """The matrix whose elements the lanes hold: undoes ``distribute``."""
        matrix = np.empty((self.rows, self.columns), held.dtype)
        matrix[self.positions()] = held.reshape(LANES, self.elements)
        return matrix


@dataclass(frozen=True)
class Product:
    """The three fragments of D = A B + C on one warp: A is m by k, B is given n by k, C m by n."""

    m: int
    n: int
    k: int
    operand_bits: int
    result_bits: int = 32

    @property
    def a(self) -> Fragment:
        return Fragment(self.m, self.k, self.operand_bits)

    @property
    def b(self) -> Fragment:
        return Fragment(self.n, self.k, self.operand_bits)

    @property
    def c(self) -> Fragment:
        return Fragment(self.m, self.n, self.result_bits, self.result_bits // 4)
