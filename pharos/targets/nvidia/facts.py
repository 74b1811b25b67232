"""The NVIDIA chips that code is made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pharos.targets.common.gpu.facts import GpuFacts


@dataclass(frozen=True)
class NvidiaFacts(GpuFacts):
    """``ptx`` is the version of PTX that is written, 80 for 8.0.

    Of one multiprocessor and cycle: ``fma_f32`` multiply-adds, ``mma_f16`` and ``mma_tf32`` those
    of mma.sync, ``wgmma_f16`` those of wgmma (0 without). Of the whole chip and cycle: bytes that
    the second cache (``l2_bytes``) and memory (``memory_bytes``) deliver.
    """

    ptx: int
    fma_f32: int
    mma_f16: int
    mma_tf32: int
    wgmma_f16: int
    l2_bytes: int
    memory_bytes: int


# CUDA C++ Programming Guide, "Technical specifications per compute capability"; compute units and
# second-level caches are those of the A100 and the H100 (SXM). Rates: NVIDIA A100 and H100 Tensor
# Core GPU Architecture (white papers), at 1.41 and 1.83 GHz; mma.sync on sm_90 reaches 62% of wgmma
# (Luo et al., Benchmarking and Dissecting the NVIDIA Hopper GPU Architecture, 2024, table 8).
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
        fma_f32=64,
        mma_f16=1024,
        mma_tf32=512,
        wgmma_f16=0,
        l2_bytes=5120,
        memory_bytes=1100,
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
        fma_f32=128,
        mma_f16=1270,
        mma_tf32=635,
        wgmma_f16=2048,
        l2_bytes=5120,
        memory_bytes=1830,
    ),
}
DEFAULT = "sm_90a"
