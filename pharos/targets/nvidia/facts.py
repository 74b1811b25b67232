"""The NVIDIA chips that code is made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pharos.targets.common.gpu.facts import GpuFacts


@dataclass(frozen=True)
class NvidiaFacts(GpuFacts):
    """``ptx`` is the version of PTX that is written, 80 for 8.0."""

    ptx: int


# CUDA C++ Programming Guide, "Technical specifications per compute capability"; compute units and
# second-level caches are those of the A100 and the H100 (SXM).
CHIPS: Mapping[str, NvidiaFacts] = {
    "sm_80": NvidiaFacts(
        kind="nvidia",
        chip="sm_80",
        subgroup_size=32,
        max_block=1024,
        shared=163 << 10,
        static_shared=48 << 10,
        registers=255,
        register_file=65536,
        compute_units=108,
        l2=40 << 20,
        ptx=80,
    ),
    "sm_90a": NvidiaFacts(
        kind="nvidia",
        chip="sm_90a",
        subgroup_size=32,
        max_block=1024,
        shared=227 << 10,
        static_shared=48 << 10,
        registers=255,
        register_file=65536,
        compute_units=132,
        l2=50 << 20,
        ptx=80,
    ),
}
DEFAULT = "sm_90a"
