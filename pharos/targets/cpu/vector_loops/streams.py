"""What an elementwise loop streams through: memory that it asks for ahead of time.

The hardware's prefetcher stops at the end of each page of 4 KB, and does not ask for lines that
will be written.
"""

from __future__ import annotations

import math
from typing import Any

from pharos.ir.bindings import mlir
from pharos.targets.common.nests.nest import Access, Nest

# Bytes of all operands together above which some of them come from beyond the second-level cache.
_LEAST = 1 << 20
# More streams than this, and the prefetches themselves take the time.
_MOST = 6


def streamed(nest: Nest, dim: int) -> list[tuple[Access, bool]]:
    """The operands of ``nest`` that loop ``dim`` walks element by element, and whether it writes
    them; none where the nest is a reduction or small."""
    if nest.reductions:
        return []
    walked = [a for a in nest.accesses if a.uses(dim) and a.contiguous(dim)]
    known = [_bytes(access.type) for access in walked]
    total = math.inf if None in known else sum(n or 0 for n in known)
    if total < _LEAST or len(walked) > _MOST:
        return []
    return [(access, access in nest.outputs) for access in walked if _is_number(access.element)]


def _bytes(kind: Any) -> int | None:
    """Bytes of the elements of a memref; None when its sizes are not known."""
    if not kind.has_static_shape:
        return None
    width = kind.element_type.width if _is_number(kind.element_type) else 64
    return math.prod(kind.shape) * max(8, width) // 8


def _is_number(element: Any) -> bool:
    return isinstance(element, mlir.FloatType | mlir.IntegerType)
