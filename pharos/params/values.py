"""Values of parameters: what is no value at all, and the sizes that are worth trying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 1 << 20
"""No tile, block or count of a kernel is larger."""


def strange(values: Mapping[str, Any], names: Sequence[str], most: int = LONGEST) -> list[str]:
    """What of ``values`` is no parameter among ``names``, or no integer from 1 to ``most``.

    A sentence for each; names that ``values`` lacks are not asked for.
    """
    known = ", ".join(names)
    found = [f"{n} is no parameter of it; there are {known}" for n in values if n not in names]
    for name in names:
        value = values.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            found.append(f"{name} = {value} is not an integer from 1 to {most}")
    return found


def doubles(least: int, extent: int, most: int) -> list[int]:
    """``least`` and its doubles up to ``most``, the largest the first that covers ``extent``."""
    found = [least]
    while found[-1] < extent and found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found
