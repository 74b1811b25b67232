"""What a CPU is said to be, from made-up /proc and /sys trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from pharos.targets.cpu import facts
from pharos.targets.cpu.facts import read

XEON = """processor\t: {n}
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8488C
flags\t\t: fpu sse4_1 avx avx2 fma avx512f avx512bw avx512dq avx512vl avx512_bf16 {amx}
"""
OLD = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD Opteron
flags\t\t: fpu sse2
"""
GRAVITON = """processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd asimddp bf16
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def cache(index: int, level: int, kind: str, size: str) -> dict[str, str]:
    base = f"sys/devices/system/cpu/cpu0/cache/index{index}"
    return {
        f"{base}/level": f"{level}\n",
        f"{base}/type": f"{kind}\n",
        f"{base}/size": f"{size}\n",
        f"{base}/coherency_line_size": "64\n",
    }


CACHES = {
    **cache(0, 1, "Data", "48K"),
    **cache(1, 1, "Instruction", "32K"),
    **cache(2, 2, "Unified", "2048K"),
    **cache(3, 3, "Unified", "105M"),
}


@pytest.fixture
def xeon(tmp_path: Path) -> Path:
    topology = {
        f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": f"{n % 2},{n % 2 + 2}\n"
        for n in range(4)
    }
    cpuinfo = {
        "proc/cpuinfo": "\n".join(XEON.format(n=n, amx="amx_tile amx_bf16") for n in range(4))
    }
    return write(tmp_path, {**cpuinfo, **CACHES, **topology})


def test_a_server_with_amx_and_hyperthreads(xeon: Path) -> None:
    found = read(xeon, arch="x86_64")
    assert found.vendor == "GenuineIntel"
    assert found.model == "Intel(R) Xeon(R) Platinum 8488C"
    assert {"sse4.1", "avx512bf16", "amx-tile", "amx-bf16"} <= found.features
    assert found.has_amx and found.has_avx512 and found.has_avx2
    assert (found.simd_bits, found.vector_registers) == (512, 32)
    assert found.lanes(32) == 16 and found.lanes(16) == 32
    assert (found.l1d, found.l2, found.l3, found.line) == (48 << 10, 2 << 20, 105 << 20, 64)
    assert (found.threads, found.cores) == (4, 2)
    assert found.assumed == frozenset()


def test_affinity_counts_only_what_may_be_used(xeon: Path) -> None:
    assert read(xeon, affinity={0, 2}).cores == 1
    assert read(xeon, affinity={0, 2}).threads == 2
    assert read(xeon, affinity={0, 1}).cores == 2


QUOTAS = [
    ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
    ({"sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
    ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 4),
    ({"sys/fs/cgroup/cpu.max": "nonsense\n"}, 4),
    (
        {
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    (
        {
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        4,
    ),
]


@pytest.mark.parametrize(("files", "threads"), QUOTAS)
def test_a_containers_quota_limits_the_threads(
    xeon: Path, files: dict[str, str], threads: int
) -> None:
    found = read(write(xeon, files))
    assert found.threads == threads
    assert found.cores <= found.threads


def test_without_sys_sizes_are_assumed_and_marked(tmp_path: Path) -> None:
    found = read(write(tmp_path, {"proc/cpuinfo": OLD}), arch="AMD64")
    assert found.arch == "x86_64"
    assert (found.simd_bits, found.vector_registers) == (128, 16)
    assert found.assumed == {"l1d", "l2", "l3", "line"}
    assert (found.l1d, found.line) == (32 << 10, 64)
    assert found.l1d < found.l2 < found.l3
    assert (found.cores, found.threads) == (1, 1)
    assert not (found.has_avx2 or found.has_avx512 or found.has_amx)


def test_an_unreadable_size_is_assumed(tmp_path: Path) -> None:
    broken = {**CACHES, **cache(2, 2, "Unified", "huge")}
    found = read(write(tmp_path, {"proc/cpuinfo": OLD, **broken}))
    assert found.assumed == {"l2"} and found.l3 == 105 << 20


def test_nothing_at_all(tmp_path: Path) -> None:
    found = read(tmp_path, arch="riscv64")
    assert (found.vendor, found.model, found.arch) == ("unknown", "unknown", "riscv64")
    assert found.features == frozenset()
    assert (found.cores, found.threads, found.simd_bits) == (1, 1, 128)


def test_an_arm_server(tmp_path: Path) -> None:
    found = read(write(tmp_path, {"proc/cpuinfo": GRAVITON}), arch="arm64")
    assert found.arch == "aarch64"
    assert {"neon", "dotprod"} <= found.features
    assert (found.simd_bits, found.vector_registers) == (128, 32)
    assert (found.vendor, found.model) == ("0x41", "0xd40")


def test_given_features_win_over_flags(xeon: Path) -> None:
    found = read(xeon, features={"avx2", "fma"})
    assert found.features == {"avx2", "fma"}
    assert (found.simd_bits, found.vector_registers) == (256, 16)


def test_the_key_names_everything_that_shapes_code(xeon: Path) -> None:
    one, other = read(xeon), read(xeon, features={"avx2"})
    assert one.key() != other.key()
    assert "simd_bits=512" in one.key() and "amx-bf16" in one.key()
    assert one.key() == read(xeon).key()


def test_this_machine() -> None:
    found = facts.host()
    assert found is facts.host()
    assert found.threads >= found.cores >= 1
    assert found.l1d and found.l2 and found.line in (32, 64, 128, 256)
    assert found.simd_bits in (128, 256, 512)
    shown = facts.summary(found)
    assert shown["model"] == found.model and set(shown["features"]) <= found.features
