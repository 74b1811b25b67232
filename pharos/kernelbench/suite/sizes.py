"""The sizes of the problems: one YAML file per level, with a column for tests.

    12: {N: 2048, M: 2048, tiny: {N: 9, M: 7}}

``tiny`` changes what it names and leaves the rest.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Sizes = dict[str, Any]


@cache
def size_table(level: int) -> dict[int, tuple[Sizes, Sizes]]:
    """Number -> the sizes, and what is different about them in tests."""
    place = files("pharos.kernelbench.suite") / f"level{level}.yaml"
    table = yaml.safe_load(place.read_text(encoding="utf-8"))
    found = {}
    for number, row in table.items():
        if number != "words":
            sizes = {name: value for name, value in row.items() if name != "tiny"}
            found[number] = (sizes, row.get("tiny", {}))
    return found
