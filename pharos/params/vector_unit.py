"""Parameters of vector code from the facts of a CPU."""

from __future__ import annotations

from typing import Any

from pharos.core import settings


def vector_unit(payload_facts: Any, target_facts: Any) -> dict[str, int]:
    """``simd_bits`` and ``registers`` of the widest vectors the CPU has, and ``threads``.

    Threads are what settings.THREADS allows, not more than the process may use.
    """
    threads = min(settings.THREADS.get(), target_facts.threads)
    return {
        "simd_bits": target_facts.simd_bits,
        "registers": target_facts.vector_registers,
        "threads": max(1, threads),
    }
