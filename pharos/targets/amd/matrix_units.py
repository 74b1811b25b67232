"""WMMA and MFMA as matrix units of the shared writer of contraction kernels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.amd import fragments
from pharos.targets.amd.fragments import Layout
from pharos.targets.common.contractions.unit import MatrixUnit, Run, SharedTile, Sums
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import splat

_VECTOR_BYTES = 16
_NEIGHBOURS = 4  # rows of MFMA's results that one lane has together


@dataclass(frozen=True)
class AmdUnit(MatrixUnit):
    """One matrix instruction on factors of type ``factor``; sums are f32."""

    layout: Layout
    factor: str
    sum: str = "f32"

    @property
    def rows(self) -> int:  # type: ignore[override]
        """Rows of a piece."""
        return self.layout.size

    @property
    def columns(self) -> int:  # type: ignore[override]
        """Columns of a piece."""
        return self.layout.size

    @property
    def inner(self) -> int:  # type: ignore[override]
        """Inner steps of one instruction."""
        return self.layout.inner

    @property
    def lanes(self) -> int:  # type: ignore[override]
        """Work-items of a wave."""
        return self.layout.lanes

    def padding(self, side: str, inner_fast: bool) -> int:
        """16 bytes. Rows are then an odd number of 16 bytes long (they are multiples of 16 elements
        without it): what eight lanes load of neighbouring rows is in all 32 banks."""
        return _VECTOR_BYTES * 8 // int(mlir.Type.parse(self.factor).width)

    def fragments(
        self, tile: SharedTile, side: str, lane: Any, line: Any, inner: Any, count: int
    ) -> list[Any]:
        """Each is what a lane has of one operand: a vector, or a scalar of f32."""
        arith = dialect("arith")
        own = arith.remui(lane, index.constant(self.layout.size))
        step = index.add(inner, self._first_step(lane))
        found = []
        for number in range(count):
            first = index.add(line, index.constant(number * self.layout.size))
            found.append(self._operand(tile, index.add(first, own), step))
        return found

    @abstractmethod
    def _first_step(self, lane: Any) -> Any:
        """The inner step of the first element that ``lane`` has of an operand."""

    def _operand(self, tile: SharedTile, line: Any, step: Any) -> Any:
        length = self.layout.length
        if length == 1:
            return tile.load_one(line, step)
        if not tile.inner_fast:
            steps = [index.add(step, index.constant(i)) for i in range(length)]
            return _vector([tile.load_one(line, at) for at in steps])
        most = min(length, _VECTOR_BYTES * 8 // int(tile.element.width))
        starts = [index.add(step, index.constant(i)) for i in range(0, length, most)]
        return _joined([tile.load(line, at, most) for at in starts])

    def zero(self) -> Sums:
        """One vector."""
        return [splat(mlir.VectorType.get([self.layout.sums], mlir.F32Type.get()), 0)]

    def _instruction(self, name: str, left: Any, right: Any, sums: Any, **more: Any) -> Any:
        """``left`` times ``right`` plus ``sums``."""
        i32 = mlir.IntegerType.get_signless(32)
        size, inner = self.layout.size, self.layout.inner
        numbers = {"m": size, "n": size, "k": inner, **more}
        attributes = {
            key: mlir.IntegerAttr.get(i32, value) if isinstance(value, int) else value
            for key, value in numbers.items()
        }
        made = mlir.Operation.create(
            name, results=[sums.type], operands=[left, right, sums], attributes=attributes
        )
        return made.result


@dataclass(frozen=True)
class WmmaUnit(AmdUnit):
    """v_wmma_f32_16x16x16 of gfx11, f16 or bf16."""

    layout: Layout = fragments.WMMA
    factor: str = "f16"
    name = "wmma"

    def _first_step(self, lane: Any) -> Any:
        """Both halves of a wave have all steps."""
        return index.constant(0)

    def multiply(self, left: Any, right: Any, sums: Sums) -> Sums:
        """One instruction."""
        return [self._instruction("amdgpu.wmma", left, right, sums[0])]

    def runs(self, lane: Any) -> list[Run]:
        """Single elements: a lane has every other row of one column."""
        arith, size = dialect("arith"), index.constant(self.layout.size)
        half, column = arith.divui(lane, size), arith.remui(lane, size)
        rows = range(0, self.layout.size, 2)
        return [Run(index.add(half, index.constant(row)), column, 1) for row in rows]

    def values(self, sums: Sums) -> list[list[Any]]:
        """The elements, each alone."""
        return [[_element(sums[0], number)] for number in range(self.layout.sums)]


@dataclass(frozen=True)
class MfmaUnit(AmdUnit):
    """v_mfma_f32 of gfx942, 16 x 16 or 32 x 32, f16, bf16 or f32.

    The factors change places, so that what a lane has of the result, four neighbouring rows of the
    instruction's, are neighbours in a row of ours.
    """

    layout: Layout = fragments.MFMA_16_F16
    factor: str = "f16"
    name = "mfma"

    @property
    def groups(self) -> int:
        """Lanes that have the same line."""
        return self.layout.lanes // self.layout.size

    def _first_step(self, lane: Any) -> Any:
        group = dialect("arith").divui(lane, index.constant(self.layout.size))
        return index.mul(group, index.constant(self.layout.length))

    def multiply(self, left: Any, right: Any, sums: Sums) -> Sums:
        """One instruction."""
        plain = mlir.Attribute.parse("#rocdl<mfma_perm_b none>")
        more = {"blocks": 1, "cbsz": 0, "abid": 0, "blgp": plain}
        return [self._instruction("amdgpu.mfma", right, left, sums[0], **more)]

    def runs(self, lane: Any) -> list[Run]:
        """Four columns each, in one row."""
        arith, size = dialect("arith"), index.constant(self.layout.size)
        row, group = arith.remui(lane, size), arith.divui(lane, size)
        first = index.mul(group, index.constant(_NEIGHBOURS))
        starts = range(0, self.layout.size, _NEIGHBOURS * self.groups)
        return [Run(row, index.add(first, index.constant(at)), _NEIGHBOURS) for at in starts]

    def values(self, sums: Sums) -> list[list[Any]]:
        """Four at a time."""
        starts = range(0, self.layout.sums, _NEIGHBOURS)
        return [[_element(sums[0], at + i) for i in range(_NEIGHBOURS)] for at in starts]


def _element(vector: Any, number: int) -> Any:
    return dialect("vector").extract(vector, dynamic_position=[], static_position=[number])


def _vector(values: Sequence[Any]) -> Any:
    type_ = mlir.VectorType.get([len(values)], values[0].type)
    return dialect("vector").from_elements(type_, values)


def _joined(vectors: Sequence[Any]) -> Any:
    """One vector of the elements of one or two."""
    if len(vectors) == 1:
        return vectors[0]
    first, second = vectors
    count = first.type.shape[0] + second.type.shape[0]
    return dialect("vector").shuffle(first, second, list(range(count)))
