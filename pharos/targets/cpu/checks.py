"""What the CPU target needs of the machine, for ``pharos doctor``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pharos.targets.cpu import amx, facts, openmp


def _openmp() -> str:
    path = openmp.library_path()
    openmp.library()
    return str(path)


def _vectors() -> str:
    found = facts.host()
    return f"{found.model}, {found.simd_bits}-bit vectors, {found.threads} threads"


def _amx() -> str:
    if facts.host().refused:
        raise amx.refusal()
    return "granted" if facts.host().has_amx else "this CPU has none; vectors are used instead"


CHECKS: Mapping[str, Callable[[], str]] = {
    "processor": _vectors,
    "OpenMP library": _openmp,
    "permission for AMX": _amx,
}
