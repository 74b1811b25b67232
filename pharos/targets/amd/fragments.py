"""Where matrix instructions keep matrices: which lane has which element.

Sources: "RDNA3 Instruction Set Architecture", 7.9 "Wave Matrix Multiply Accumulate (WMMA)"; "AMD
Instinct MI300 Instruction Set Architecture", 7 "Matrix Arithmetic Instructions".

Rows of A and columns of B are both called lines: both operands are laid out the same way, an
element by its line and its inner step k.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layout(ABC):
    """D = A B + C with ``size`` rows and columns, ``inner`` steps, by ``lanes`` lanes.

    ``length`` elements of A, as many of B, and ``sums`` of C and D are in each lane.
    """

    size: int
    inner: int
    lanes: int

    @property
    def sums(self) -> int:
        """Elements of C and of D in each lane."""
        return self.size * self.size // self.lanes

    @property
    @abstractmethod
    def length(self) -> int:
        """Elements of A, and of B, in each lane."""

    @abstractmethod
    def holders(self, line: int, k: int) -> Iterator[tuple[int, int]]:
        """The lanes that have the element, and its number in the lane's vector."""

    @abstractmethod
    def position(self, lane: Any, element: int) -> tuple[Any, Any]:
        """Row and column of the element number ``element`` of C or D in ``lane``, which is a
        number, or a value of a kernel that has Python's operators."""


@dataclass(frozen=True)
class Wmma(Layout):
    """16 x 16 x 16 of gfx11 in waves of 32: both halves of a wave have all of A and B.

    D: element e of lane l is in row 2e + l / 16, column l mod 16.
    """

    size: int = 16
    inner: int = 16
    lanes: int = 32

    @property
    def length(self) -> int:
        return self.inner

    def holders(self, line: int, k: int) -> Iterator[tuple[int, int]]:
        yield line, k
        yield line + 16, k

    def position(self, lane: Any, element: int) -> tuple[Any, Any]:
        return 2 * element + lane // 16, lane % 16


@dataclass(frozen=True)
class Mfma(Layout):
    """Single products of gfx9 in waves of 64: inner steps are shared out to the lanes of a line.

    A and B: element i of lane l is in line l mod size, at step k = (l / size) length + i.
    D: four neighbouring rows at a time, one column a lane.
    """

    lanes: int = 64

    @property
    def groups(self) -> int:
        """Lanes that have the same line."""
        return self.lanes // self.size

    @property
    def length(self) -> int:
        return self.inner // self.groups

    def holders(self, line: int, k: int) -> Iterator[tuple[int, int]]:
        yield line + self.size * (k // self.length), k % self.length

    def position(self, lane: Any, element: int) -> tuple[Any, Any]:
        first = 4 * self.groups * (element // 4)
        return first + 4 * (lane // self.size) + element % 4, lane % self.size


WMMA = Wmma()
MFMA_16_F16, MFMA_32_F16 = Mfma(16, 16), Mfma(32, 8)
MFMA_16_F32, MFMA_32_F32 = Mfma(16, 4), Mfma(32, 2)
