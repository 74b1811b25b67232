"""What Pharos needs of this machine: each thing looked for, what was found, what to do."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pharos.core import settings
from pharos.core.errors import PharosError, UserError
from pharos.tools.packages import Requirement, requirements, satisfies

_PYTHON = ((3, 10), (3, 12))
_SMALLEST = "func.func @main() -> i32 { %0 = arith.constant 42 : i32 return %0 : i32 }"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for. ``remedy`` is "" where nothing has to be done.

    What is not ``needed`` may be missing: some commands or tests then are.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True


def findings() -> Iterator[Finding]:
    """Look for everything, cheap things first."""
    yield _python()
    yield from _packages()
    yield _cache_folder()
    yield _checked("compile and run", _compile_and_run)
    yield from _targets()


def _python() -> Finding:
    low, high = _PYTHON
    found = sys.version_info[:2]
    ok = low <= found <= high
    wanted = f"3.{low[1]} to 3.{high[1]}"
    remedy = "" if ok else f"use Python {wanted}: make PYTHON=python3.{high[1]}"
    return Finding("python", ok, platform.python_version(), remedy)


def _packages() -> Iterator[Finding]:
    try:
        lines = importlib.metadata.requires("pharos") or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding("pharos", False, "not installed as a package", "pip install -e .")
        return
    for wanted in requirements(lines):
        yield _package(wanted)


def _package(wanted: Requirement) -> Finding:
    needed = not wanted.extra
    asked = f"'{wanted.name}{wanted.versions}'" if needed else f"'pharos[{wanted.extra}]'"
    remedy = f"pip install {asked}"
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        purpose = "" if needed else f" (only for the extra {wanted.extra})"
        return Finding(wanted.name, False, f"not installed{purpose}", remedy, needed)
    if not satisfies(version, wanted.versions):
        found = f"{version}, expected {wanted.versions}"
        return Finding(wanted.name, False, found, remedy, needed)
    return Finding(wanted.name, True, version, needed=needed)


def _cache_folder() -> Finding:
    name = "cache folder"
    try:
        root = settings.CACHE.get()
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root):
            pass
    except OSError as error:
        remedy = "set PHAROS_CACHE to a folder that you can write to"
        return Finding(name, False, f"{root}: {error.strerror}", remedy)
    return Finding(name, True, str(root))


def _compile_and_run() -> str:
    """Compile a program of one line, without the cache, and call it."""
    from pharos import toolchain
    from pharos.tools import apart

    payload = toolchain.mlir_payload(_SMALLEST, "<doctor>")
    built = apart.build(payload, toolchain.Request(), timed=True)
    answer = toolchain.load(built.artifact).call("main")
    if answer != 42:
        raise UserError(f"expected 42, found {answer}", hint="this is a bug: please report it")
    return f"works, {sum(seconds for _, seconds in built.timings) * 1e3:.0f} ms"


def _targets() -> Iterator[Finding]:
    from pharos import toolchain

    for name in toolchain.TARGETS:
        target = toolchain.target(name)
        for what, check in target.checks().items():
            yield _checked(f"{name}: {what}", check, needed=target.needed)


def _checked(name: str, check: Callable[[], str], *, needed: bool = True) -> Finding:
    try:
        return Finding(name, True, check(), needed=needed)
    except UserError as error:
        return Finding(name, False, error.message, error.hint or "", needed)
    except (PharosError, ImportError, OSError) as error:
        found = f"{type(error).__name__}: {error}"
        return Finding(name, False, found, "install Pharos again", needed)
