"""What the chips that XeGPU code is made for have: cores, registers, matrix units, memory.

From Intel's published data: product pages of the Arc B580 and the Data Center GPU Max 1550, and
"oneAPI GPU Optimization Guide", chapter "Intel Xe GPU Architecture". Nothing here was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pharos.targets.common.gpu.facts import GpuFacts


@dataclass(frozen=True)
class XeGpuFacts(GpuFacts):
    """One chip; a compute unit is a Xe core. Rates are per clock cycle of one core.

    ``threads`` are those of a core when each has the large register file (``thread_registers`` of
    ``register_bytes``); a thread runs one subgroup. ``matrix_flops`` counts f16 or bf16, a
    multiply-add as two, ``vector_flops`` f32; ``l1_bytes`` and ``l2_bytes`` are what a core reads
    from its own and from the shared cache. ``clock`` is in Hz, ``bandwidth`` that of the device
    memory in bytes per second.
    """

    model: str
    engines: int
    threads: int
    thread_registers: int
    register_bytes: int
    matrix_flops: int
    vector_flops: int
    l1: int
    l1_bytes: int
    l2_bytes: int
    clock: float
    bandwidth: float

    @property
    def peak(self) -> float:
        """Floating-point operations per second of all matrix units."""
        return self.matrix_flops * self.compute_units * self.clock

    def summary(self) -> dict[str, Any]:
        return {**super().summary(), "peak_tflops": round(self.peak / 1e12, 1)}


# A work-item has 1/16 of its thread's registers: 256 registers of 64 bytes are 256 of 4 bytes.
_COMMON: Mapping[str, Any] = {
    "kind": "xegpu",
    "subgroup_size": 16,
    "max_block": 1024,
    "shared": 128 << 10,
    "static_shared": 128 << 10,
    "registers": 256,
    "engines": 8,
    # 16 multiply-adds of f32 per engine.
    "vector_flops": 256,
    "threads": 32,
    "thread_registers": 256,
    "register_bytes": 64,
    "register_file": 32 * 256 * 64 // 4,
    "l2_bytes": 64,
}
CHIPS: Mapping[str, XeGpuFacts] = {
    "bmg": XeGpuFacts(
        chip="bmg",
        model="Arc B580 (Battlemage)",
        compute_units=20,
        matrix_flops=2048,
        l1=256 << 10,
        l1_bytes=128,
        l2=18 << 20,
        clock=2.67e9,
        bandwidth=456e9,
        **_COMMON,
    ),
    "pvc": XeGpuFacts(
        chip="pvc",
        model="Data Center GPU Max 1550 (Ponte Vecchio)",
        compute_units=128,
        matrix_flops=4096,
        l1=512 << 10,
        l1_bytes=512,
        l2=408 << 20,
        clock=1.6e9,
        bandwidth=3276.8e9,
        **_COMMON,
    ),
}
DEFAULT = "bmg"
