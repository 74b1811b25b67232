"""What passes have to know of a GPU chip."""

from __future__ import annotations

from typing import Any


def gpu_chip(payload_facts: Any, target_facts: Any) -> dict[str, Any]:
    """``chip``, its name as LLVM spells it, and ``subgroup_size``."""
    return {"chip": target_facts.chip, "subgroup_size": target_facts.subgroup_size}
