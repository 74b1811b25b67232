"""Parameters of vector code from the facts of a CPU."""

from __future__ import annotations

from typing import Any

from pharos.core import settings


def vector_unit(payload_facts: Any, target_facts: Any) -> dict[str, int | str]:
    """``simd_bits``, ``registers`` and ``bf16_unit`` of the CPU's widest vectors, and ``threads``.

    Threads are what settings.THREADS allows, not more than the process may use.
    """
    threads = min(settings.THREADS.get(), target_facts.threads)
    return {
        "simd_bits": target_facts.simd_bits,
        "registers": target_facts.vector_registers,
        "threads": max(1, threads),
        "bf16_unit": bf16_unit(target_facts),
    }


def bf16_unit(target_facts: Any) -> str:
    """What multiplies bf16 into sums of f32 there: "amx", "avx512-bf16" or "fma"."""
    if target_facts.has_amx:
        return "amx"
    return "avx512-bf16" if "avx512bf16" in target_facts.features else "fma"
