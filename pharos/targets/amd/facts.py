"""The AMD chips that code is made for.

From AMD's published data: product pages of the Radeon RX 7900 XTX, the Ryzen AI Max+ 395 and the
Instinct MI300X; "RDNA3 Instruction Set Architecture", chapters "Shader Concepts" and "Data Share
Operations"; "AMD Instinct MI300 Instruction Set Architecture", the same chapters; LLVM, User Guide
for AMDGPU Backend, "Memory Model". Nothing here was measured; ``l2_bytes`` are channels of the
second cache times 128 bytes (64 for gfx1151).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pharos.targets.common.gpu.facts import GpuFacts


@dataclass(frozen=True)
class AmdFacts(GpuFacts):
    """``matrix`` is the family of matrix instructions, "wmma" or "mfma"; ``simds`` the vector units
    of a compute unit.

    ``matrix_flops`` (f16 or bf16) and ``vector_flops`` (f32, one instruction a cycle) are those of
    one compute unit in one cycle, a multiply-add counted as two; ``threads`` the most work-items
    that it works on at a time. ``l2_bytes`` are read from the second cache in a cycle, by all
    compute units. ``clock`` is in Hz, ``bandwidth``, of the device memory, in bytes per second.
    ``traps`` says that s_trap always works (LLVM's feature priv-enabled-trap2-nop-bug: it may not).
    """

    matrix: str
    simds: int
    matrix_flops: int
    vector_flops: int
    threads: int
    l2_bytes: int
    clock: float
    bandwidth: float
    traps: bool = True

    @property
    def memory_bytes(self) -> float:
        """Bytes of device memory in a cycle."""
        return self.bandwidth / self.clock

    @property
    def features(self) -> str:
        """LLVM's features that make code for waves of ``subgroup_size`` (they are the defaults)."""
        return f"+wavefrontsize{self.subgroup_size}"


# Registers: a SIMD of gfx1100 and gfx1151 has 192 KiB of vector registers (LLVM's feature
# 1_5xVGPRs), one of gfx942 128 KiB; a wave of gfx942 has 256 of each half of a unified file.
# Two compute units of RDNA share a processor with 128 KiB of workgroup memory.
CHIPS: Mapping[str, AmdFacts] = {
    "gfx1100": AmdFacts(
        kind="amd",
        chip="gfx1100",
        subgroup_size=32,
        max_block=1024,
        shared=64 << 10,
        static_shared=64 << 10,
        registers=256,
        register_file=2 * (192 << 8),
        compute_units=96,
        l2=6 << 20,
        matrix="wmma",
        simds=2,
        matrix_flops=512,
        vector_flops=128,
        threads=1024,
        l2_bytes=2048,
        clock=2.5e9,
        bandwidth=960e9,
        traps=False,
    ),
    "gfx1151": AmdFacts(
        kind="amd",
        chip="gfx1151",
        subgroup_size=32,
        max_block=1024,
        shared=64 << 10,
        static_shared=64 << 10,
        registers=256,
        register_file=2 * (192 << 8),
        compute_units=40,
        l2=2 << 20,
        matrix="wmma",
        simds=2,
        matrix_flops=512,
        vector_flops=128,
        threads=1024,
        l2_bytes=1024,
        clock=2.9e9,
        bandwidth=256e9,
    ),
    "gfx942": AmdFacts(
        kind="amd",
        chip="gfx942",
        subgroup_size=64,
        max_block=1024,
        shared=64 << 10,
        static_shared=64 << 10,
        registers=512,
        register_file=4 * (128 << 8),
        compute_units=304,
        l2=4 << 20,
        matrix="mfma",
        simds=4,
        matrix_flops=2048,
        vector_flops=256,
        threads=2048,
        l2_bytes=16384,
        clock=2.1e9,
        bandwidth=5300e9,
    ),
}
DEFAULT = "gfx1100"
