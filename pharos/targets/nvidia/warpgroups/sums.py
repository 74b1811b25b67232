"""Where wgmma leaves its sums: 64 rows, up to 256 columns (PTX ISA 9.0, 9.7.15.5.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.unit import Run, Sums, SumsLayout
from pharos.targets.common.nests import index


@dataclass(frozen=True)
class WgmmaSums(SumsLayout):
    """Each warp has 16 rows; of a group of eight columns a lane has two, in two rows."""

    columns: int

    rows = 64
    lanes = 128

    def zero(self) -> Sums:
        """One structure of all sums."""
        fields = ", ".join(["f32"] * (self.columns // 2))
        type_ = mlir.Type.parse(f"!llvm.struct<({fields})>")
        return [dialect("llvm").ZeroOp(type_).result]

    def runs(self, lane: Any) -> list[Run]:
        """Two columns in each of two rows, for each group of eight columns."""
        arith = dialect("arith")
        warp, own = (f(lane, index.constant(32)) for f in (arith.divui, arith.remui))
        row = index.mul(warp, index.constant(16))
        row = index.add(row, arith.divui(own, index.constant(4)))
        column = index.mul(arith.remui(own, index.constant(4)), index.constant(2))
        return [
            Run(index.add(row, index.constant(8 * h)), index.add(column, index.constant(8 * j)), 2)
            for j in range(self.columns // 8)
            for h in range(2)
        ]

    def values(self, sums: Sums) -> list[list[Any]]:
        """Two neighbours of the structure for each run."""
        f32 = mlir.F32Type.get()
        extract = dialect("llvm").ExtractValueOp
        return [
            [extract(f32, sums[0], [first + i]).result for i in range(2)]
            for first in range(0, self.columns // 2, 2)
        ]
