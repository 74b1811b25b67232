"""Parameters of the vendor-neutral kernels from the facts of a chip."""

from __future__ import annotations

from typing import Any

# Work-items of a block where nothing speaks for more: enough to hide latency with a few blocks on
# a compute unit, and few enough that small payloads still fill several units.
BLOCK = 256
# What one work-item loads at once on every chip known here: 128 bits.
VECTOR_BYTES = 16


def gpu_loops(payload_facts: Any, target_facts: Any) -> dict[str, int]:
    """``block``, ``vector_bytes`` and what ``GpuLoops`` has to know of the chip."""
    return {
        "subgroup_size": target_facts.subgroup_size,
        "block": min(BLOCK, target_facts.max_block),
        "max_block": target_facts.max_block,
        "vector_bytes": VECTOR_BYTES,
        "shared": target_facts.static_shared,
        "compute_units": target_facts.compute_units,
    }
