"""What a matrix must be like for 2-D block loads and stores to reach it.

From cl_intel_subgroup_2d_block_io, "Restrictions", and SPV_INTEL_2d_block_io: the base address is
aligned to 64 bytes, the pitch a multiple of 16 bytes, width and pitch at least 64 bytes, the width
a multiple of 4 bytes, every size at most 2^24. What lies outside the surface is read as zero and
not written, so no other size matters.
"""

from __future__ import annotations

import math

from pharos.targets.xegpu.contractions.matrices import BYTES, Matrix

BASE = 64
LEAST = 64
_PITCH, _WIDTH = 16, 4
_MOST = 1 << 24


def objection(matrix: Matrix, batch_sizes: tuple[int, ...]) -> str | None:
    """Why 2-D block operations cannot reach ``matrix``; None when they can."""
    size = BYTES[matrix.dtype]
    height, width, pitch = matrix.surface
    if 1 not in (matrix.row_step, matrix.column_step):
        return "its elements are not neighbours in memory along rows or columns"
    if matrix.offset is None or matrix.offset * size % BASE:
        return f"it does not begin at a multiple of {BASE} bytes"
    steps = zip(matrix.batch_steps, batch_sizes, strict=True)
    if any(step * size % BASE for step, count in steps if count > 1):
        return f"its batches do not begin at multiples of {BASE} bytes"
    if pitch * size % _PITCH:
        return f"its pitch of {pitch * size} bytes is no multiple of {_PITCH}"
    if width * size % _WIDTH:
        return f"its width of {width * size} bytes is no multiple of {_WIDTH}"
    if width * size < LEAST or pitch < width:
        return f"its width of {width * size} bytes is under {LEAST}, or over its pitch"
    if max(pitch * size, height) > _MOST:
        return f"its pitch or height is over {_MOST}"
    return None


def padded_width(width: int, dtype: str) -> int:
    """The least row length of at least ``width`` elements with which every row begins at a
    multiple of 64 bytes."""
    per_line = BASE // BYTES[dtype]
    return max(1, math.ceil(width / per_line)) * per_line
