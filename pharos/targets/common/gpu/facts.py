"""What is known of a GPU chip; each target's own facts extend this."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class GpuFacts:
    """One chip. Sizes in bytes.

    ``kind`` is the target's name, ``subgroup_size`` the work-items that run in lock step,
    ``max_block`` the most work-items of a block, ``shared`` the most workgroup memory of a block,
    of which ``static_shared`` can be declared by the kernel itself (the rest only as dynamic
    shared memory), ``registers`` the 32-bit registers that one work-item can have at most,
    ``register_file`` those of one compute unit, ``compute_units`` how many of these there are.
    """

    kind: str
    chip: str
    subgroup_size: int
    max_block: int
    shared: int
    static_shared: int
    registers: int
    register_file: int
    compute_units: int
    l2: int

    def key(self) -> str:
        """Everything that shapes generated code, as one line (for cache keys)."""
        return " ".join(f"{name}={value}" for name, value in self.summary().items())

    def summary(self) -> dict[str, Any]:
        """The facts as plain data; sets are sorted."""
        found = asdict(self)
        return {k: sorted(v) if isinstance(v, (set, frozenset)) else v for k, v in found.items()}
