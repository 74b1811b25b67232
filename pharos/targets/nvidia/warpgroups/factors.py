"""A factor that TMA brings into shared memory, in the layout that wgmma reads.

A tile has ``block`` lines of 64 inner steps. Where steps are neighbours in global memory, it is one
box whose rows are lines; else boxes of 64 lines whose rows are steps. A row is 128 bytes, and the
pieces of eight rows are swizzled (PTX ISA 9.0, 9.7.15.5.1.2). Outside of the array are zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pharos.targets.common.contractions.contraction import Contraction, Operand
from pharos.targets.common.contractions.gpu_plan import extent, factor_values
from pharos.targets.common.contractions.unit import LEFT
from pharos.targets.common.contractions.walk import start, walks
from pharos.targets.nvidia.meanings.matrix_descriptors import MatrixDescriptor
from pharos.targets.nvidia.meanings.swizzles import Swizzle
from pharos.targets.nvidia.tensor_maps import TensorMap

STEPS = 64  # inner steps of a tile: 128 bytes
BOX_LINES = 64  # lines of a box whose rows are steps
_BYTES = 2
_ROW = 128
_GROUP = 8 * _ROW  # eight rows: after so many bytes the swizzle repeats
_MOST = 1 << 32


@dataclass(frozen=True)
class MappedFactor:
    """``line_step`` and ``batch_step`` are the bytes from one line (inner step, where not
    ``k_major``) and one batch to the next; ``batch`` is 1 where all batches share the factor."""

    operand: Operand
    element: str
    k_major: bool
    lines: int
    inner: int
    batch: int
    line_step: int
    batch_step: int
    block: int

    @property
    def tile_bytes(self) -> int:
        """Bytes of a tile in shared memory."""
        return self.block * STEPS * _BYTES

    def tensor_map(self) -> TensorMap:
        """The map of the whole factor."""
        inner, lines = (self.inner, self.lines), (STEPS, self.block)
        if not self.k_major:
            inner, lines = (self.lines, self.inner), (BOX_LINES, STEPS)
        many = self.batch > 1
        return TensorMap(
            element=self.element,
            dimensions=(*inner, self.batch) if many else inner,
            strides=(self.line_step, self.batch_step) if many else (self.line_step,),
            box=(*lines, 1) if many else lines,
            swizzle=Swizzle.B128,
            l2_promotion=256,
        )

    def boxes(self) -> range:
        """The first line of each box of a tile, relative to the tile."""
        return range(0, self.block, self.block if self.k_major else BOX_LINES)

    def place(self, line: int) -> int:
        """Bytes from the begin of a tile to ``line``, a multiple of 64."""
        return line * _ROW

    @property
    def step_bytes(self) -> int:
        """What 16 inner steps move a matrix by."""
        return 16 * _BYTES if self.k_major else 16 * _ROW

    def descriptor(self) -> int:
        """The descriptor of a matrix at address 0."""
        leading = 16 if self.k_major else BOX_LINES * _ROW
        return MatrixDescriptor(0, leading, _GROUP, Swizzle.B128).encode()


def mapped(contraction: Contraction, side: str, block: int) -> MappedFactor | None:
    """The factor of ``side`` for tiles of ``block`` lines; None when TMA or wgmma cannot have it.

    They can when its elements are f16 or bf16 as they lie in memory, either lines or inner steps
    are neighbours, and everything else is at multiples of 16 bytes.
    """
    left = side == LEFT
    factor = contraction.left if left else contraction.right
    value = factor_values(contraction)[0 if left else 1]
    if value not in factor.arguments or str(value.type) not in ("f16", "bf16"):
        return None
    operand = factor.operands[factor.arguments.index(value)]
    of = walks(contraction, operand)
    role = "rows" if left else "columns"
    digits = [of[name].digits for name in (role, "inner", "batch")]
    if len(factor.operands) != 1 or any(len(d) > 1 for d in digits) or not all(digits[:2]):
        return None
    (lines, line_step), (inner, inner_step) = digits[0][0], digits[1][0]
    batch, batch_step = digits[2][0] if digits[2] else (1, 0)
    batch = batch if batch_step else 1
    k_major = inner_step == 1
    step = (line_step if k_major else inner_step) * _BYTES
    if 1 not in (line_step, inner_step) or start(operand) != 0:
        return None
    if step % 16 or batch_step * _BYTES % 16 or max(step, batch_step * _BYTES) >= _MOST:
        return None
    return MappedFactor(
        operand, str(value.type), k_major, lines, inner, batch, step, batch_step * _BYTES, block
    )


def apart(contraction: Contraction, others: list[Any]) -> bool:
    """Whether both factors are memory that the kernel needs for nothing else: their pointers are
    passed as maps. ``others`` are the buffers of the result and what begins and follows it."""
    buffers = [o.buffer for f in (contraction.left, contraction.right) for o in f.operands]
    return len(set(buffers)) == len(buffers) and not set(buffers) & set(others)


def covers(contraction: Contraction) -> bool:
    """Whether there is enough of everything for tiles of 64 to be worth it."""
    return all(extent(contraction, role) >= 64 for role in ("rows", "columns", "inner"))
