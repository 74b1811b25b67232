"""The matrix unit of sm_80 and later: mma.sync, fed by ldmatrix.

Where the elements of fragments are: PTX ISA 9.0, 9.7.14.5.8 (m16n8k16) and 9.7.14.5.7 (m16n8k8,
.tf32), ldmatrix in 9.7.14.5.15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.unit import LEFT, MatrixUnit, Run, SharedTile, Sums
from pharos.targets.common.nests import index

_SUMS = "vector<2x2xf32>"  # rows lane/4 and lane/4 + 8, columns lane%4*2 and the next


@dataclass(frozen=True)
class MmaUnit(MatrixUnit):
    """mma.sync.m16n8k16 on f16 or bf16; m16n8k8 on f32 rounded to tf32 (``factor`` "f32").

    Sums are f32. ldmatrix loads matrices of 8 rows of 16 bytes, and transposes them when their
    elements have 16 bits; of tf32 tiles that are not ``inner_fast`` elements are loaded one by one.
    """

    factor: str

    name = "mma.sync"
    rows = 16
    columns = 8
    lanes = 32
    sum = "f32"

    @property
    def inner(self) -> int:  # type: ignore[override]
        """Steps of one instruction."""
        return 8 if self.factor == "f32" else 16

    @property
    def per_row(self) -> int:
        """Elements in a row of a matrix that ldmatrix loads."""
        return 4 if self.factor == "f32" else 8

    def padding(self, side: str, inner_fast: bool) -> int:
        """16 bytes: eight rows one below the other are in different banks; 32 for single loads of
        four steps and eight lines."""
        return self.per_row if inner_fast or self.factor != "f32" else 2 * self.per_row

    def fragments(
        self, tile: SharedTile, side: str, lane: Any, line: Any, inner: Any, count: int
    ) -> list[Any]:
        """``vector<4x2xf16>`` (left), ``vector<2x2xf16>`` (right); ``x1xf32`` for tf32."""
        size = self.rows if side == LEFT else self.columns
        at = [index.add(line, index.constant(n * size)) for n in range(count)]
        if self.factor == "f32" and not tile.inner_fast:
            return [self._singly(tile, side, lane, one, inner) for one in at]
        if side == LEFT:
            found = [self._left(tile, lane, one, inner) for one in at]
        else:
            found = [part for one in at[::2] for part in self._right(tile, lane, one, inner, 4)]
            if count % 2:
                found[-2:] = self._right(tile, lane, at[-1], inner, 2)
        return [self._rounded(one) for one in found]

    def _left(self, tile: SharedTile, lane: Any, line: Any, inner: Any) -> Any:
        """Four matrices: lines 0 to 7, then 8 to 15, of the first steps; then of the others."""
        low, high = _rest(lane, 16), _quotient(lane, 16)
        if tile.inner_fast:
            row, step = low, high
        else:  # the matrices in memory are transposed: their rows are steps
            row = index.mul(_rest(_quotient(lane, 8), 2), index.constant(8))
            step = high
            line, inner = index.add(line, row), index.add(inner, _rest(lane, 8))
            return self._load(tile, line, index.add(inner, self._steps(step)), 4)
        return self._load(tile, index.add(line, row), index.add(inner, self._steps(step)), 4)

    def _right(self, tile: SharedTile, lane: Any, line: Any, inner: Any, count: int) -> list[Any]:
        """``count`` matrices: both halves of the steps of lines 0 to 7, then of 8 to 15."""
        low, step = _rest(lane, 8), _rest(_quotient(lane, 8), 2)
        group = index.mul(_quotient(lane, 16), index.constant(8))
        if count == 4:
            line = index.add(line, group)
        if tile.inner_fast:
            line = index.add(line, low)
        else:
            inner = index.add(inner, low)
        loaded = self._load(tile, line, index.add(inner, self._steps(step)), count)
        return [_part(loaded, first) for first in range(0, count, 2)]

    def _steps(self, half: Any) -> Any:
        return index.mul(half, index.constant(self.inner // 2))

    def _load(self, tile: SharedTile, line: Any, inner: Any, count: int) -> Any:
        per_lane = 1 if self.factor == "f32" else 2
        type_ = mlir.VectorType.get([count, per_lane], tile.element)
        op = dialect("nvgpu").LdMatrixOp(
            type_, tile.flat, [tile.at(line, inner)], not tile.inner_fast, count
        )
        return op.result

    def _singly(self, tile: SharedTile, side: str, lane: Any, line: Any, inner: Any) -> Any:
        """The fragment of one instruction, element by element (tf32)."""
        line = index.add(line, _quotient(lane, 4))
        inner = index.add(inner, _rest(lane, 4))
        lines = (0, 8) if side == LEFT else (0,)
        values = [
            tile.load_one(
                index.add(line, index.constant(further)), index.add(inner, index.constant(step))
            )
            for step in (0, 4)
            for further in lines
        ]
        type_ = mlir.VectorType.get([len(values), 1], tile.element)
        return self._rounded(dialect("vector").from_elements(type_, values))

    def _rounded(self, fragment: Any) -> Any:
        """A fragment of f32 as tf32 values, to nearest: mma.sync would cut off the other bits."""
        if self.factor != "f32":
            return fragment
        f32, i32 = mlir.F32Type.get(), mlir.IntegerType.get_signless(32)
        mode = mlir.Attribute.parse("#nvvm.fp_rnd_mode<rna>")
        values = []
        for number in range(fragment.type.shape[0]):
            one = _element(fragment, number, 0)
            bits = dialect("nvvm").ConvertFloatToTF32Op(one, rnd=mode, results=[i32]).result
            values.append(dialect("arith").bitcast(f32, bits))
        return dialect("vector").from_elements(fragment.type, values)

    def zero(self) -> Sums:
        """Four sums."""
        type_ = mlir.Type.parse(_SUMS)
        zero = mlir.DenseElementsAttr.get_splat(type_, mlir.FloatAttr.get_f32(0.0))
        return [dialect("arith").ConstantOp(type_, zero).result]

    def multiply(self, left: Any, right: Any, sums: Sums) -> Sums:
        """One instruction."""
        shape = [self.rows, self.columns, self.inner]
        op = dialect("nvgpu").MmaSyncOp(
            mlir.Type.parse(_SUMS),
            left,
            right,
            sums[0],
            shape,
            tf32Enabled=True if self.factor == "f32" else None,
        )
        return [op.result]

    def runs(self, lane: Any) -> list[Run]:
        """Two columns in each of two rows."""
        row, column = _quotient(lane, 4), index.mul(_rest(lane, 4), index.constant(2))
        return [Run(row, column, 2), Run(index.add(row, index.constant(8)), column, 2)]

    def values(self, sums: Sums) -> list[list[Any]]:
        """The four sums."""
        return [[_element(sums[0], row, column) for column in range(2)] for row in range(2)]


def _rest(value: Any, divisor: int) -> Any:
    return dialect("arith").remui(value, index.constant(divisor))


def _quotient(value: Any, divisor: int) -> Any:
    return dialect("arith").divui(value, index.constant(divisor))


def _part(loaded: Any, first: int) -> Any:
    """The two matrices of ``loaded`` from number ``first`` on."""
    type_ = mlir.VectorType.get([2, loaded.type.shape[1]], loaded.type.element_type)
    values = [_element(loaded, r, c) for r in (first, first + 1) for c in range(type_.shape[1])]
    return dialect("vector").from_elements(type_, values)


def _element(vector: Any, row: int, column: int) -> Any:
    return dialect("vector").extract(vector, dynamic_position=[], static_position=[row, column])
