"""Are two sets of arrays the same, but for the order in which sums were made?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Of the value and of the root mean square of all: products add up in another order with other
# blocks, and a sum near zero has the error of what it is made of.
_ALLOWED = {"f64": 1e-10, "f32": 1e-4, "f16": 8e-3, "bf16": 1.6e-2}


@dataclass(frozen=True)
class Named:
    """An array by its name, such as "result 0", and element type."""

    name: str
    dtype: str
    array: np.ndarray[Any, Any]


def difference(found: Sequence[Named], expected: Sequence[Named]) -> str:
    """What of ``found`` is not as ``expected``, "" when all is. Whole numbers must be equal; where
    one has NaN or infinity, so must the other."""
    if [(one.name, one.dtype) for one in found] != [(one.name, one.dtype) for one in expected]:
        return f"expected {_names(expected)}, found {_names(found)}"
    pairs = zip(found, expected, strict=True)
    return next((said for ours, theirs in pairs if (said := _differs(ours, theirs))), "")


def _differs(found: Named, expected: Named) -> str:
    if found.array.shape != expected.array.shape:
        return f"{found.name}: expected {expected.array.shape}, found {found.array.shape}"
    if not found.array.size:
        return ""
    allowed = _ALLOWED.get(found.dtype)
    if allowed is None:
        bad, rule = found.array != expected.array, "must be equal"
    else:
        bad = _far(found.array.astype(np.float64), expected.array.astype(np.float64), allowed)
        rule = f"allowed {allowed:g} of the value and of the rms"
    if not bad.any():
        return ""
    at = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
    return (
        f"{found.name}: {int(bad.sum())} of {bad.size} elements are wrong ({rule}); at "
        f"{list(at)} expected {expected.array[at]}, found {found.array[at]}"
    )


def _far(ours: Any, theirs: Any, allowed: float) -> Any:
    finite = np.isfinite(theirs)
    kept = np.where(finite, theirs, 0.0)
    rms = np.sqrt(np.mean(np.square(kept)))
    with np.errstate(invalid="ignore"):
        near = np.abs(ours - kept) <= allowed * (np.abs(kept) + rms)
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return ~np.where(finite, near, same)


def _names(arrays: Sequence[Named]) -> str:
    return ", ".join(f"{one.name}: {one.dtype}" for one in arrays) or "nothing"
