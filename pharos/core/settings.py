"""Every environment switch of Pharos: its name, type, default and meaning, in one table.

Read a value with ``settings.DEBUG.get()``. Tests and library code change one for a while with
``with settings.scope(DEBUG=2): ...``; nothing else in Pharos reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pharos.core.errors import UserError

T = TypeVar("T")
_overrides: dict[str, Any] = {}


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One switch. ``parse`` turns the environment's text into a value or raises ValueError."""

    name: str
    default: T
    parse: Callable[[str], T]
    expects: str
    help: str

    def get(self) -> T:
        """The value in force: a scope's, else the environment's, else the default."""
        if self.name in _overrides:
            value: T = _overrides[self.name]
            return value
        text = os.environ.get(self.name)
        if text is None or text == "":
            return self.default
        try:
            return self.parse(text)
        except ValueError:
            raise UserError(
                f"environment variable {self.name}: expected {self.expects}, found '{text}'",
                hint=f"unset {self.name} to use the default, {self.default}",
            ) from None


def _debug_level(text: str) -> int:
    level = int(text)
    if not 0 <= level <= 4:
        raise ValueError(text)
    return level


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


def _size(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


def _word(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return parse


def _default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "pharos"


DEBUG = Setting(
    "PHAROS_DEBUG",
    0,
    _debug_level,
    "a level from 0 to 4",
    "1 stages and times, 2 chosen parameters, 3 IR after each stage, 4 generated code",
)
CACHE = Setting(
    "PHAROS_CACHE",
    _default_cache(),
    Path,
    "a folder",
    "where compiled artifacts are kept",
)
CACHE_LIMIT_MB = Setting(
    "PHAROS_CACHE_LIMIT_MB",
    1024,
    _size,
    "a number of MiB",
    "the cache drops its least recently used artifacts beyond this size",
)
THREADS = Setting(
    "PHAROS_THREADS",
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    _count,
    "a number of threads, at least 1",
    "threads that CPU code and simulated devices run on",
)
MACRO_SECONDS = Setting(
    "PHAROS_MACRO_SECONDS",
    10,
    _count,
    "a number of seconds, at least 1",
    "how long one call of a macro written in Lispier may take",
)
REPRODUCERS = Setting(
    "PHAROS_REPRODUCERS",
    Path("pharos-reproducers"),
    Path,
    "a folder",
    "where the inputs of an internal error are saved",
)
VERIFY = Setting(
    "PHAROS_VERIFY",
    "ours",
    _word("ours", "all"),
    "ours or all",
    "after which stages of a packaged pipeline modules are verified: those of Pharos and the last, "
    "or all, and each of MLIR's passes",
)
SIM_ORDER = Setting(
    "PHAROS_SIM_ORDER",
    "forward",
    _word("forward", "backward", "shuffled"),
    "forward, backward or shuffled",
    "the order in which simulated devices start the work-items of a block",
)
SIM_EFFECTS = Setting(
    "PHAROS_SIM_EFFECTS",
    "latest",
    _word("latest", "earliest"),
    "latest or earliest",
    "when simulated devices let asynchronous copies happen: at the last legal moment or at once",
)
SIM_CHECKS = Setting(
    "PHAROS_SIM_CHECKS",
    "all",
    _word("all", "none"),
    "all or none",
    "whether simulated devices check every access (bounds, races, unwritten memory)",
)
CUDA = Setting(
    "PHAROS_CUDA",
    "auto",
    _word("auto", "ctypes", "cuda-core"),
    "auto, ctypes or cuda-core",
    "how NVIDIA's driver is called; auto: by cuda-core where it and a driver for it are installed",
)

ALL: tuple[Setting[Any], ...] = (
    DEBUG,
    CACHE,
    CACHE_LIMIT_MB,
    THREADS,
    MACRO_SECONDS,
    REPRODUCERS,
    VERIFY,
    SIM_ORDER,
    SIM_EFFECTS,
    SIM_CHECKS,
    CUDA,
)


@contextmanager
def scope(**values: Any) -> Iterator[None]:
    """Set switches by their short names (``scope(DEBUG=2)``) until the block ends."""
    known = {setting.name.removeprefix("PHAROS_"): setting.name for setting in ALL}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise KeyError(f"unknown settings {unknown}; known: {sorted(known)}")
    before = dict(_overrides)
    _overrides.update({known[name]: value for name, value in values.items()})
    try:
        yield
    finally:
        _overrides.clear()
        _overrides.update(before)
