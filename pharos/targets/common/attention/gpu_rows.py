"""How the lanes of a subgroup hold rows of scores: what a softmax needs to know of a matrix unit.

A lane has ``slots`` rows of a piece of sums, and of each the same number of columns. Lanes whose
numbers differ by the bits ``partners`` have other columns of the same rows:

    mma.sync 16 x 8      two rows a lane, two columns each, partners 1 and 2
    MFMA 16 x 16         one row, four columns, partners 16 and 32
    multiply-adds        tile_rows rows, tile_columns columns, partners 1, 2 and 4
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.unit import Fragment, MatrixUnit, Sums
from pharos.targets.common.nests.body import broadcast


class RowLayout(ABC):
    """A matrix unit with its rows; the methods write operations at the insertion point."""

    unit: MatrixUnit
    slots: int
    partners: tuple[int, ...]
    run: int = 1
    """So many of ``columns`` are neighbours at a time, the first a multiple of it."""

    @abstractmethod
    def rows(self, lane: Any) -> list[Any]:
        """The row in the piece of each slot (index values)."""

    @abstractmethod
    def columns(self, lane: Any) -> list[Any]:
        """The columns in the piece of the values of a slot (index values), the same for all."""

    @abstractmethod
    def split(self, sums: Sums) -> list[Any]:
        """A vector for each slot: its values, in the order of ``columns``."""

    @abstractmethod
    def scaled(self, sums: Sums, factors: Sequence[Any]) -> Sums:
        """``sums``, those of each slot times its factor (f32)."""

    @abstractmethod
    def relaid(self, weights: Sequence[Any]) -> list[Fragment] | None:
        """Left fragments, one for each ``unit.inner`` columns, of what each slot has of a row of
        pieces (vectors of the type of factors); None where they have to go through memory."""

    @abstractmethod
    def inner_fast(self, values: bool, heads_fast: bool) -> bool:
        """Whether a tile of keys (of ``values``) is kept with its inner steps as neighbours, where
        neighbours in memory are elements of a head or, if not ``heads_fast``, keys."""


def joined(values: Sequence[Any]) -> Any:
    """One vector of the elements of vectors of the same length, one after the other."""
    if len(values) == 1:
        return values[0]
    vector = dialect("vector")
    parts = [
        vector.extract(one, dynamic_position=[], static_position=[n])
        for one in values
        for n in range(one.type.shape[0])
    ]
    return vector.from_elements(mlir.VectorType.get([len(parts)], parts[0].type), parts)


def element(vector: Any, *position: int) -> Any:
    """One element of a vector."""
    return dialect("vector").extract(vector, dynamic_position=[], static_position=list(position))


def times(vector: Any, factor: Any) -> Any:
    """``vector`` times the number ``factor``."""
    return dialect("arith").mulf(vector, broadcast(factor, vector.type.shape[0]))


def over_partners(layout: RowLayout, name: str, value: Any) -> Any:
    """``value`` (f32) of all lanes with the same rows joined by arith.``name``, in all of them."""
    for distance in layout.partners:
        value = getattr(dialect("arith"), name)(value, from_partner(layout, value, distance))
    return value


def from_partner(layout: RowLayout, value: Any, distance: int) -> Any:
    """What the lane has whose number differs by the bit ``distance``; 32 bits."""
    gpu, i32 = dialect("gpu"), mlir.IntegerType.get_signless(32)
    bit, lanes = (dialect("arith").constant(i32, n) for n in (distance, layout.unit.lanes))
    return gpu.ShuffleOp(value, bit, lanes, gpu.ShuffleMode.XOR).results[0]
