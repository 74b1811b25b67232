"""What this CPU is: instruction sets, vector registers, caches, usable cores.

Read from /proc and /sys and from LLVM's detection, never from another program. Where a container
hides a file, the C library is asked, and then a cautious size is assumed and marked as assumed.
"""

from __future__ import annotations

import functools
import math
import os
import platform
import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pharos.targets.cpu import amx

# Flags of /proc/cpuinfo that LLVM spells differently.
_LLVM_NAMES = {
    "sse4_1": "sse4.1",
    "sse4_2": "sse4.2",
    "pni": "sse3",
    "abm": "lzcnt",
    "lahf_lm": "sahf",
    "rdrand": "rdrnd",
    "avx512_bf16": "avx512bf16",
    "avx512_fp16": "avx512fp16",
    "avx512_vnni": "avx512vnni",
    "avx512_bitalg": "avx512bitalg",
    "avx512_vbmi2": "avx512vbmi2",
    "avx512_vpopcntdq": "avx512vpopcntdq",
    "avx_vnni": "avxvnni",
    "amx_tile": "amx-tile",
    "amx_bf16": "amx-bf16",
    "amx_int8": "amx-int8",
    "amx_fp16": "amx-fp16",
    "asimd": "neon",
    "asimddp": "dotprod",
    "asimdhp": "fullfp16",
}
_X86, _ARM = ("x86_64", "amd64"), ("aarch64", "arm64")
# Assumed when nothing tells: smaller than on any server CPU of the last ten years.
_ASSUMED = {"l1d": 32 << 10, "l2": 256 << 10, "l3": 4 << 20, "line": 64}
_SYSCONF = {
    "l1d": "SC_LEVEL1_DCACHE_SIZE",
    "l2": "SC_LEVEL2_CACHE_SIZE",
    "l3": "SC_LEVEL3_CACHE_SIZE",
    "line": "SC_LEVEL1_DCACHE_LINESIZE",
}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class CpuFacts:
    """One CPU. Sizes in bytes; ``l1d`` and ``l2`` per core, ``l3`` of the whole shared cache.

    ``features`` are LLVM's names. ``threads`` are the processors that this process may use
    (affinity and container quota), ``cores`` the physical cores behind them. ``assumed`` names
    the sizes that could not be found, ``refused`` the features of the CPU that the kernel keeps
    from this process.
    """

    vendor: str
    model: str
    arch: str
    features: frozenset[str]
    simd_bits: int
    vector_registers: int
    l1d: int
    l2: int
    l3: int
    line: int
    cores: int
    threads: int
    assumed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    @property
    def has_avx2(self) -> bool:
        """Whether 256-bit integer and float vectors with FMA are there."""
        return {"avx2", "fma"} <= self.features

    @property
    def has_avx512(self) -> bool:
        """Whether the AVX-512 sets of all servers (F, BW, DQ, VL) are there."""
        return {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= self.features

    @property
    def has_amx(self) -> bool:
        """Whether bf16 matrix tiles are there."""
        return {"amx-tile", "amx-bf16"} <= self.features

    def lanes(self, bits: int) -> int:
        """Elements of ``bits`` bits in one vector register."""
        return self.simd_bits // bits

    def key(self) -> str:
        """Everything that shapes generated code, as one line (for cache keys)."""
        data = asdict(self)
        data["features"] = ",".join(sorted(self.features))
        del data["assumed"], data["refused"]
        return " ".join(f"{name}={value}" for name, value in data.items())


@functools.cache
def host() -> CpuFacts:
    """The CPU that this process runs on, as it is now. Read once."""
    features = _detected_features()
    refused = _refused(features)
    if features is not None:
        features -= refused
    found = read(Path("/"), features=features, affinity=_affinity(), sysconf=True)
    return replace(found, refused=refused)


def read(
    root: Path,
    *,
    arch: str | None = None,
    features: Collection[str] | None = None,
    affinity: Collection[int] | None = None,
    sysconf: bool = False,
) -> CpuFacts:
    """The CPU described by ``proc`` and ``sys`` under ``root``.

    ``features`` (LLVM's names) default to the flags in /proc/cpuinfo, ``affinity`` to every
    processor listed there. ``sysconf`` also asks the C library of this machine.
    """
    arch = _normal(arch or platform.machine())
    info = _cpuinfo(root)
    names = frozenset(_flags(info) if features is None else features)
    processors = sorted(affinity if affinity is not None else _listed(root)) or [0]
    sizes = _caches(root, processors[0])
    assumed = set()
    for name, size in _ASSUMED.items():
        if name not in sizes:
            asked = _asked(_SYSCONF[name]) if sysconf else 0
            sizes[name] = asked or size
            if not asked:
                assumed.add(name)
    simd_bits, registers = _vectors(arch, names)
    threads = min(len(processors), _quota(root))
    return CpuFacts(
        vendor=info.get("vendor_id") or info.get("CPU implementer") or "unknown",
        model=info.get("model name") or info.get("CPU part") or "unknown",
        arch=arch,
        features=names,
        simd_bits=simd_bits,
        vector_registers=registers,
        cores=min(threads, _physical(root, processors)),
        threads=threads,
        l1d=sizes["l1d"],
        l2=sizes["l2"],
        l3=sizes["l3"],
        line=sizes["line"],
        assumed=frozenset(assumed),
    )


def _vectors(arch: str, features: Collection[str]) -> tuple[int, int]:
    """Bits and number of vector registers (x86-64 and AArch64 architecture manuals)."""
    if "avx512f" in features:
        return 512, 32
    if "avx2" in features or "avx" in features:
        return 256, 16
    return (128, 32) if arch == "aarch64" else (128, 16)


def _detected_features() -> frozenset[str] | None:
    """LLVM's own detection; None where it has none for this architecture."""
    import llvmlite.binding as llvm

    found = llvm.get_host_cpu_features()
    return frozenset(name for name, there in found.items() if there) or None


def _refused(features: Collection[str] | None) -> frozenset[str]:
    tiles = frozenset(name for name in features or () if name.startswith("amx-"))
    return tiles if tiles and not amx.granted() else frozenset()


def _affinity() -> frozenset[int] | None:
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return None


def _asked(name: str) -> int:
    """A size from the C library; 0 when it does not know."""
    return max(0, os.sysconf(name)) if name in os.sysconf_names else 0


def _cpuinfo(root: Path) -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo."""
    text = _text(root / "proc/cpuinfo").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def _flags(info: dict[str, str]) -> Iterator[str]:
    for flag in (info.get("flags") or info.get("Features") or "").split():
        yield _LLVM_NAMES.get(flag, flag)


def _listed(root: Path) -> list[int]:
    text = _text(root / "proc/cpuinfo")
    return [int(number) for number in re.findall(r"^processor\s*:\s*(\d+)", text, re.MULTILINE)]


def _caches(root: Path, processor: int) -> dict[str, int]:
    """Sizes of the data caches that ``processor`` uses."""
    found: dict[str, int] = {}
    folder = root / f"sys/devices/system/cpu/cpu{processor}/cache"
    for index in sorted(folder.glob("index*")):
        if _text(index / "type") not in ("Data", "Unified"):
            continue
        size, line = _size(_text(index / "size")), _size(_text(index / "coherency_line_size"))
        name = {"1": "l1d", "2": "l2", "3": "l3"}.get(_text(index / "level"))
        if name and size:
            found[name] = size
        if name == "l1d" and line:
            found["line"] = line
    return found


def _physical(root: Path, processors: Collection[int]) -> int:
    """How many cores are behind ``processors``, hyperthreads counted once."""
    siblings = (
        _text(root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        for number in processors
    )
    pairs = zip(processors, siblings, strict=True)
    return len({group or f"alone {number}" for number, group in pairs})


def _quota(root: Path) -> int:
    """Processors' worth of time that the container allows (cgroup v2, then v1), at least 1."""
    words = _text(root / "sys/fs/cgroup/cpu.max").split()
    if len(words) != 2:
        base = root / "sys/fs/cgroup/cpu"
        words = [_text(base / "cpu.cfs_quota_us"), _text(base / "cpu.cfs_period_us")]
    if not all(word.isdigit() for word in words) or int(words[1]) == 0:
        return 1 << 20  # "max", -1, or no such file: no limit
    return max(1, math.ceil(int(words[0]) / int(words[1])))


def _size(text: str) -> int:
    """Bytes of "32K", "36608K", "2M" or "64"; 0 when it is none of these."""
    found = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(found[1]) * _UNITS[found[2]] if found else 0


def _normal(machine: str) -> str:
    machine = machine.lower()
    return "x86_64" if machine in _X86 else "aarch64" if machine in _ARM else machine


def _text(path: Path) -> str:
    """The file's text without blanks at its ends; "" when it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def summary(facts: CpuFacts) -> dict[str, Any]:
    """The facts for people: only the feature names that decide which code is made."""
    deciding = (
        "avx2",
        "fma",
        "avx512f",
        "avx512bf16",
        "avx512vnni",
        "amx-tile",
        "amx-bf16",
        "neon",
    )
    data = asdict(facts)
    data["features"] = [name for name in deciding if name in facts.features]
    data["assumed"], data["refused"] = sorted(facts.assumed), sorted(facts.refused)
    return data
