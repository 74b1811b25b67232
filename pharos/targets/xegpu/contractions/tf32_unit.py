"""The matrix unit for f32 on Intel GPUs: dpas on tf32, fed from local memory.

    intel_sub_group_tf32_tf32_matrix_mad_k8(float4 a, float8 b, float8 sums)

Where the elements are: cl_intel_subgroup_matrix_multiply_accumulate_tf32, section 6.13.X.Y. Of A
(8 x 8) the first 8 lanes have the even rows, the others the odd ones, a column each; of B (8 x 16)
and the sums (8 x 16) lane n has column n. MLIR's XeGPU dialect spreads no such A over lanes, so
kernels are written lane by lane. Elements are rounded on their way to local memory: the
instruction cuts off what tf32 has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.unit import LEFT, MatrixUnit, Run, SharedTile, Sums
from pharos.targets.common.nests import index
from pharos.targets.common.nests.lanes import scalar, splat

_TYPES = "#xevm.mma_types<d = f32, a = tf32, b = tf32, c = f32>"
_CUT = 13  # bits of f32 that tf32 has not
_QUIET = 0x7FC00000


@dataclass(frozen=True)
class Tf32Unit(MatrixUnit):
    """dpas 8 x 16 += 8 x 8 * 8 x 16 on f32 rounded to tf32; sums are f32."""

    name = "dpas"
    rows = 8
    columns = 16
    lanes = 16
    inner = 8
    factor = "f32"
    sum = "f32"

    def padding(self, side: str, inner_fast: bool) -> int:
        """16 bytes: lines that lanes read at the same step are in different banks."""
        return 4

    def stored(self, value: Any) -> Any:
        """Factors rounded to tf32, halves to even; NaN stays NaN."""
        return rounded(value)

    def fragments(
        self, tile: SharedTile, side: str, lane: Any, line: Any, inner: Any, count: int
    ) -> list[Any]:
        """``vector<4xf32>`` (left), ``vector<8xf32>`` (right)."""
        size = self.rows if side == LEFT else self.columns
        read = self._left if side == LEFT else self._right
        at = [index.add(line, index.constant(n * size)) for n in range(count)]
        return [read(tile, lane, one, inner) for one in at]

    def _left(self, tile: SharedTile, lane: Any, line: Any, inner: Any) -> Any:
        """Every other row of a column."""
        arith, steps = dialect("arith"), index.constant(self.inner)
        line = index.add(line, arith.divui(lane, steps))
        inner = index.add(inner, arith.remui(lane, steps))
        rows = [index.add(line, index.constant(row)) for row in range(0, self.rows, 2)]
        return _vector([tile.load_one(row, inner) for row in rows])

    def _right(self, tile: SharedTile, lane: Any, line: Any, inner: Any) -> Any:
        """All steps of a column."""
        line = index.add(line, lane)
        if tile.inner_fast:
            return tile.load(line, inner, self.inner)
        steps = [index.add(inner, index.constant(step)) for step in range(self.inner)]
        return _vector([tile.load_one(line, step) for step in steps])

    def zero(self) -> Sums:
        """A column of eight."""
        return [splat(mlir.VectorType.get([self.rows], mlir.F32Type.get()), 0)]

    def multiply(self, left: Any, right: Any, sums: Sums) -> Sums:
        """One instruction."""
        shape = f"#xevm.mma_shape<m = {self.rows}, n = {self.columns}, k = {self.inner}>"
        made = mlir.Operation.create(
            "xevm.mma",
            results=[sums[0].type],
            operands=[left, right, sums[0]],
            attributes={
                "shape": mlir.Attribute.parse(shape),
                "types": mlir.Attribute.parse(_TYPES),
            },
        )
        return [made.result]

    def runs(self, lane: Any) -> list[Run]:
        """One element in each row."""
        return [Run(index.constant(row), lane, 1) for row in range(self.rows)]

    def values(self, sums: Sums) -> list[list[Any]]:
        """The column."""
        extract = dialect("vector").extract
        rows = range(self.rows)
        return [[extract(sums[0], dynamic_position=[], static_position=[r])] for r in rows]


def rounded(value: Any) -> Any:
    """The f32 ``value``, a number or a vector, to the nearest of tf32, halves to even."""
    arith = dialect("arith")
    bits = _like(value.type, mlir.IntegerType.get_signless(32))

    def number(n: int) -> Any:
        return splat(bits, n) if isinstance(bits, mlir.VectorType) else scalar(bits, n)

    raw = arith.bitcast(bits, value)
    odd = arith.andi(arith.shrui(raw, number(_CUT)), number(1))
    up = arith.addi(arith.addi(raw, number((1 << (_CUT - 1)) - 1)), odd)
    cut = arith.andi(up, number(-(1 << _CUT)))
    # Rounding could carry a NaN over to zero, and cutting could make it infinite.
    nan = arith.cmpf(arith.CmpFPredicate.UNO, value, value)
    return arith.bitcast(value.type, arith.select(nan, number(_QUIET), cut))


def _like(kind: Any, element: Any) -> Any:
    """``kind``, a number or a vector, with other elements."""
    if isinstance(kind, mlir.VectorType):
        return mlir.VectorType.get(kind.shape, element)
    return element


def _vector(values: list[Any]) -> Any:
    type_ = mlir.VectorType.get([len(values)], values[0].type)
    return dialect("vector").from_elements(type_, values)
