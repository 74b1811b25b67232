"""What multiplies small matrices inside a kernel: the interface between the writer of contraction
kernels (shared by all GPUs) and a vendor's instruction.

The writer keeps tiles of both factors in workgroup memory, and gives each subgroup a part of the
result, cut into pieces of ``rows x columns``. For every ``inner`` steps it asks the unit for
fragments of both factors and for the product of each pair:

    left  = unit.fragments(tile_of_left,  LEFT,  lane, first_row,    step, count_of_rows)
    right = unit.fragments(tile_of_right, RIGHT, lane, first_column, step, count_of_columns)
    sums[i][j] = unit.multiply(left[i], right[j], sums[i][j])

and at the end ``unit.runs(lane)`` says which element of the piece each value of the sums is.
Rows of the left factor and columns of the right one are both called lines: ``line`` counts them,
``inner`` counts the steps that are summed over. A vendor implements ``MatrixUnit`` in its own
folder (``nvidia/mma.py``, ``amd/wmma.py``); ``fma_unit.FmaUnit`` is the one that every GPU has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.nests import index

LEFT, RIGHT = "left", "right"

Fragment = Any
"""What a unit loads of one factor for one instruction; only the unit looks inside."""

Sums = Sequence[Any]
"""The sums of one piece that one work-item holds: SSA values, which loops carry."""


@dataclass(frozen=True)
class SharedTile:
    """A tile of a factor in workgroup memory.

    ``flat`` is a memref of one dimension; ``origin`` is where the tile begins in it. When
    ``inner_fast``, neighbours in memory are neighbouring inner steps of one line, else neighbouring
    lines of one step. From one line (else: step) to the next it is ``pitch`` elements. ``origin``
    and ``pitch`` keep vectors of 16 bytes aligned.
    """

    flat: Any
    origin: Any
    pitch: int
    inner_fast: bool

    @property
    def element(self) -> Any:
        """The type of the elements."""
        return mlir.MemRefType(self.flat.type).element_type

    def at(self, line: Any, inner: Any) -> Any:
        """Where the element of ``line`` and ``inner`` is in ``flat``."""
        slow, fast = (line, inner) if self.inner_fast else (inner, line)
        row = index.add(self.origin, index.mul(slow, index.constant(self.pitch)))
        return index.add(row, fast)

    def load(self, line: Any, inner: Any, count: int) -> Any:
        """A vector of ``count`` neighbours in memory from there on.

        They must be aligned: a multiple of ``count`` in the fast direction.
        """
        type_ = mlir.VectorType.get([count], self.element)
        size = min(16, count * max(8, self.element.width) // 8)
        return dialect("vector").load(type_, self.flat, [self.at(line, inner)], alignment=size)

    def load_one(self, line: Any, inner: Any) -> Any:
        """One element."""
        return dialect("memref").load(self.flat, [self.at(line, inner)])


@dataclass(frozen=True)
class Run:
    """``length`` values of the sums that are neighbours in a row of the piece: at ``row``, and
    ``column`` and following. ``column`` is a multiple of ``length``."""

    row: Any
    column: Any
    length: int


class SumsLayout(ABC):
    """How a subgroup holds the sums of a piece of ``rows x columns``."""

    rows: int
    columns: int
    lanes: int

    @abstractmethod
    def zero(self) -> Sums:
        """The sums of a piece before anything was added."""

    @abstractmethod
    def runs(self, lane: Any) -> list[Run]:
        """Where in the piece the values of the sums are that ``lane`` holds."""

    @abstractmethod
    def values(self, sums: Sums) -> list[list[Any]]:
        """The scalars of ``sums``, a list for each of ``runs``."""


class MatrixUnit(SumsLayout):
    """One instruction, or a group: ``rows x columns`` sums of ``inner`` products each, done by a
    subgroup of ``lanes`` work-items.

    ``factor`` is the element type of both factors in workgroup memory ("f16"), ``sum`` that of the
    sums ("f32"). ``lane`` is the number of the work-item in its subgroup (an index value).
    All methods write operations at the insertion point.
    """

    name: str
    inner: int
    factor: str
    sum: str

    @abstractmethod
    def padding(self, side: str, inner_fast: bool) -> int:
        """Elements to add to each row in memory of a tile, so that ``fragments`` finds its elements
        in different banks. Keeps rows aligned to 16 bytes. The length of a row without it is a
        multiple of 16 elements."""

    def stored(self, value: Any) -> Any:
        """What is kept in workgroup memory of ``value``, elements of a factor: a number or a
        vector, of the same type. Copies that pass through no registers leave it out."""
        return value

    @abstractmethod
    def fragments(
        self, tile: SharedTile, side: str, lane: Any, line: Any, inner: Any, count: int
    ) -> list[Fragment]:
        """``count`` fragments of ``side``: lines from ``line`` on (each ``rows`` or ``columns``
        further), the ``inner`` steps from ``inner`` on. Both are multiples of the unit's sizes."""

    @abstractmethod
    def multiply(self, left: Fragment, right: Fragment, sums: Sums) -> Sums:
        """``sums`` plus the product of the fragments."""
