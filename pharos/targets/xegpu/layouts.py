"""XeGPU layouts: how a workgroup's tile is spread over subgroups and instructions.

Source: MLIR's XeGPU dialect, ``#xegpu.layout`` ("sg_layout", "sg_data", "inst_data", "order").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """``subgroups`` in a grid, each holding ``data`` of the tile, moved ``instruction`` at a time.

    ``turned`` numbers the subgroups down the first dimension first: the layout of a tile that
    will be transposed.
    """

    subgroups: tuple[int, int]
    data: tuple[int, int]
    instruction: tuple[int, int]
    turned: bool = False

    @property
    def tile(self) -> tuple[int, int]:
        """The tile that the grid covers without repetition."""
        return self.subgroups[0] * self.data[0], self.subgroups[1] * self.data[1]

    def __str__(self) -> str:
        order = ", order = [0, 1]" if self.turned else ""
        return (
            f"#xegpu.layout<sg_layout = {_list(self.subgroups)}, sg_data = {_list(self.data)}, "
            f"inst_data = {_list(self.instruction)}{order}>"
        )

    def slice(self, dimension: int) -> str:
        """The layout of a vector along the other dimension, repeated along ``dimension``."""
        return f"#xegpu.slice<{self}, dims = [{dimension}]>"

    def by(self, rows: int, columns: int) -> Layout:
        """The same tile in instructions of ``rows`` x ``columns``."""
        return Layout(self.subgroups, self.data, (rows, columns), self.turned)


def prefetch_layout(rows: int, columns: int, subgroups: int) -> Layout | None:
    """A tile of 16-bit elements shared by all ``subgroups``, each asking for a part of its own.

    None when it has no such parts of at least 8 rows and exactly 16 columns (one block prefetch).
    """
    across = columns // 16
    if columns % 16 or subgroups % across:
        return None
    down = subgroups // across
    if rows % down or rows // down < 8:
        return None
    part = rows // down
    most = next(size for size in (32, 16, 8) if part % size == 0)
    return Layout((down, across), (part, 16), (most, 16))


def _list(values: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, values)) + "]"
