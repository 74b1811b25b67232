"""Which attentions these kernels take; the others are lowered in their standard form."""

from __future__ import annotations

from collections.abc import Sequence

from pharos.targets.xegpu.attention.problem import FACTORS, RESULTS

DEEPEST = 256
"""Columns of a head at most: with more, Q and the sums of eight rows are not left in registers."""
_EXTRAS = ("f16", "bf16", "f32", "i8", "i1", "i32", "i64")
_LONGEST = 1 << 24


def objection(sizes: Sequence[int | None], dtypes: Sequence[str]) -> str | None:
    """Why no kernel takes an attention over loops of ``sizes`` (batch loops, m, n, dk, dv) with
    operands of ``dtypes`` (q, k, v, extras, result); None when one does."""
    if None in sizes:
        return "its sizes are known only at run time"
    known = [size for size in sizes if size is not None]
    if 0 in known:
        return "it has no elements"
    factors, extras, result = dtypes[:3], dtypes[3:-1], dtypes[-1]
    if len(set(factors)) > 1 or factors[0] not in FACTORS:
        return f"dpas multiplies f16 or bf16, found {', '.join(factors)}"
    if result not in RESULTS:
        return f"a result of {result} is none of {', '.join(RESULTS)}"
    strange = [dtype for dtype in extras if dtype not in _EXTRAS]
    if strange:
        return f"a mask or bias of {strange[0]}"
    if max(known[-2:]) > DEEPEST:
        return f"heads of {max(known[-2:])} columns, more than {DEEPEST}, leave no registers"
    if max(known) > _LONGEST:
        return f"a size over {_LONGEST}"
    return None
