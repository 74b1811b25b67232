"""ELF symbols, symbol resolution, the OpenMP library, and preparing the process."""

from __future__ import annotations

import ctypes
import importlib.metadata
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pharos.core import settings
from pharos.core.artifact import Artifact
from pharos.core.errors import InternalError, UserError
from pharos.targets.cpu import amx, checks, elf, facts, helpers, openmp, process, symbols, unranked
from pharos.targets.cpu.device import CpuDevice


def elf_object(names: list[tuple[str, int, int]]) -> bytes:
    """A minimal object with a symbol table: (name, binding, section)."""
    strings, table = b"\0", bytes(24)
    for name, binding, section in names:
        table += struct.pack("<IBBHQQ", len(strings), binding << 4, 0, section, 0, 0)
        strings += name.encode() + b"\0"
    start = 64
    symtab = (0, 2, 0, 0, start, len(table), 2, 1, 8, 24)
    strtab = (0, 3, 0, 0, start + len(table), len(strings), 0, 0, 1, 0)
    sections = b"".join(struct.pack("<IIQQQQIIQQ", *s) for s in ((0,) * 10, symtab, strtab))
    at = start + len(table) + len(strings)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 1, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, 3, 2)
    return header + table + strings + sections


def test_symbols_of_an_object() -> None:
    code = elf_object(
        [
            *(("local", 0, 1), ("f", 1, 1), ("weak", 2, 1)),
            *(("malloc", 1, 0), ("maybe", 2, 0), ("_GLOBAL_OFFSET_TABLE_", 1, 0)),
        ]
    )
    found = elf.symbols(code)
    assert found.defined == {"f", "weak"}
    assert found.undefined == {"malloc", "maybe"}


@pytest.mark.parametrize("code", [b"", b"\x7fELF\x01\x01", b"MZ" + bytes(100)])
def test_what_is_no_object(code: bytes) -> None:
    with pytest.raises(InternalError, match="expected a 64-bit little-endian ELF object"):
        elf.symbols(code)


@pytest.mark.parametrize("name", ["malloc", "expf", "tanh", "printf", "memcpy", "__truncdfhf2"])
def test_libc_libm_and_libgcc_are_always_searched(name: str) -> None:
    assert symbols.resolve(name)


@pytest.mark.parametrize("name", [*helpers.names(), "__truncdfbf2", "__truncsfbf2"])
def test_helpers_stand_in_for_the_runner_libraries(name: str) -> None:
    assert symbols.resolve(name) == symbols.resolve(name)
    assert symbols.resolve(name)


def test_what_is_nowhere() -> None:
    assert symbols.resolve("pharos_no_such_function") is None
    assert symbols.resolve("__kmpc_no_such_function") is None


def test_a_library_that_cannot_be_loaded() -> None:
    with pytest.raises(UserError, match=r"cannot load the library '/no/such/lib\.so'") as error:
        symbols.resolve("pharos_no_such_function", ["/no/such/lib.so"])
    assert error.value.hint == "give the path of a shared library for this machine, or c or m"


def test_libc_by_its_short_names() -> None:
    assert symbols.resolve("malloc", ["c", "libm", "m", "openmp"]) == symbols.resolve("malloc")


def test_the_helpers_do_what_they_say() -> None:
    def called(name: str, *kinds: Any) -> Any:
        address = helpers.address(name)
        assert address
        return ctypes.CFUNCTYPE(*kinds)(address)

    clock = called("clock_ms", ctypes.c_int64)
    assert 0 <= clock() - clock() + 1000 <= 1001
    assert called("rtclock", ctypes.c_double)() > 0
    assert helpers.address("nothing") is None


def test_printed_memrefs() -> None:
    words = (ctypes.c_int64 * 7)()
    values = (ctypes.c_float * 8)(*range(8))
    words[:] = [0, ctypes.addressof(values), 1, 2, 3, 4, 1]
    memref = unranked.Unranked(2, ctypes.addressof(words))
    first, *rows = unranked.text(memref, np.dtype(np.float32)).splitlines()
    at = hex(ctypes.addressof(values))
    assert first == (
        f"Unranked Memref base@ = {at} rank = 2 offset = 1 sizes = [2, 3] strides = [4, 1] data = "
    )
    assert rows == ["[[1,   2,   3], ", " [5,   6,   7]]"]
    memref.rank = 0
    assert unranked.text(memref, np.dtype(np.float32)).endswith("data = \n[1]\n")


def test_openmp_comes_from_the_wheel() -> None:
    path = openmp.library_path()
    assert path.name == "libiomp5.so" and path.is_file()
    assert Path(sys.prefix).resolve() in path.parents
    assert symbols.resolve("__kmpc_fork_call")


def test_openmp_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(UserError, match=r"needs libiomp5\.so of the package intel-openmp") as error:
        openmp.library_path()
    assert error.value.hint == "pip install intel-openmp"
    assert str(tmp_path) in error.value.message


def test_the_number_of_threads_is_checked() -> None:
    with pytest.raises(UserError, match="expected at least 1 thread, found 0"):
        openmp.set_threads(0)


def test_threads_are_set_for_every_thread_of_the_host() -> None:
    import threading

    expected = settings.THREADS.get()
    openmp.library()
    seen: list[int] = []
    one = threading.Thread(target=lambda: seen.append(openmp.library().omp_get_max_threads()))
    one.start()
    one.join()
    assert seen == [expected]


class Kernel:
    """Records system calls and answers with a fixed number."""

    def __init__(self, answer: int) -> None:
        self.answer = answer
        self.calls: list[tuple[int, ...]] = []

    def syscall(self, *words: int) -> int:
        self.calls.append(words)
        return self.answer


@pytest.mark.parametrize(("answer", "granted"), [(0, True), (-1, False)])
def test_amx_is_asked_of_the_kernel(answer: int, granted: bool) -> None:
    kernel = Kernel(answer)
    assert (amx.request(kernel) == 0) is granted  # type: ignore[arg-type]
    assert kernel.calls == [(158, 0x1023, 18)]


@pytest.mark.parametrize("granted", [True, False])
def test_amx_counts_only_when_granted(monkeypatch: pytest.MonkeyPatch, granted: bool) -> None:
    detected = frozenset({"avx2", "fma", "amx-tile", "amx-bf16"})
    monkeypatch.setattr(facts, "_detected_features", lambda: detected)
    monkeypatch.setattr(amx, "granted", lambda: granted)
    found = facts.host.__wrapped__()
    assert found.has_amx is granted and found.has_avx2
    assert found.refused == (frozenset() if granted else {"amx-tile", "amx-bf16"})
    monkeypatch.setattr(facts, "host", lambda: found)
    check = checks.CHECKS["permission for AMX"]
    if granted:
        assert check() == "granted"
    else:
        with pytest.raises(UserError, match="this CPU has AMX, and the kernel does not let"):
            check()


def test_amx_is_not_asked_for_without_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "_detected_features", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(amx, "granted", lambda: pytest.fail("asked the kernel"))
    assert facts.host.__wrapped__().refused == frozenset()


def test_large_blocks_stay_in_the_heap() -> None:
    if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        pytest.skip("not glibc")
    assert process.keep_large_blocks()


@pytest.mark.parametrize(("target", "form"), [("nvidia", "object"), ("cpu", "ptx")])
def test_code_for_something_else_is_refused(target: str, form: str) -> None:
    artifact = Artifact(target, form, b"", (), "0")
    with pytest.raises(UserError, match=f"runs cpu objects, found {form} for {target}"):
        CpuDevice().load(artifact)


def test_code_that_calls_what_is_nowhere() -> None:
    code = elf_object([("pharos_gone", 1, 0)])
    artifact = Artifact("cpu", "object", code, (), "0", symbols=("pharos_gone",))
    with pytest.raises(UserError, match="the code calls 'pharos_gone', which no library here"):
        CpuDevice().load(artifact)


def test_uploading_and_downloading() -> None:
    device = CpuDevice()
    given = np.arange(6, dtype=np.int32).reshape(2, 3)[:, ::2]
    with device.upload(given) as buffer:
        assert (buffer.dtype, buffer.shape, buffer.device) == ("i32", (2, 2), "cpu")
        copy = device.download(buffer)
        np.testing.assert_array_equal(copy, given)
        copy[:] = 0
        np.testing.assert_array_equal(buffer.numpy(), given)
    with pytest.raises(UserError, match="no element type for arrays of complex64"):
        device.upload(np.zeros(1, np.complex64))
