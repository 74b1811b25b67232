"""Where the functions that compiled code calls are found.

In order: our own helpers, what other parts of Pharos provide, the OpenMP run time, the libraries
that the program names, and what is in the process with libc, libm and libgcc.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable

from pharos.core.errors import UserError
from pharos.targets.cpu import helpers, openmp, rounding

OPENMP = "openmp"
Lookup = Callable[[str], "int | None"]
_provided: list[Lookup] = []
# The C library under the names that programs use for it; it is always searched.
_IMPLIED = frozenset({"c", "libc", "m", "libm", OPENMP})


def provide(lookup: Lookup) -> None:
    """Let ``lookup`` say where functions are that other parts of Pharos give to programs."""
    _provided.append(lookup)


def resolve(name: str, libraries: Iterable[str] = ()) -> int | None:
    """The address of the function ``name``, or None when it is nowhere.

    ``libraries`` are names ("c", "m", "openmp") or paths of shared libraries.
    """
    found = helpers.address(name)
    if found is not None:
        return found
    for lookup in _provided:
        found = lookup(name)
        if found is not None:
            return found
    if name in rounding.NAMES:
        return rounding.address(name)
    if openmp.is_openmp(name):
        return _lookup(openmp.library(), name)
    for library in (*map(open_library, libraries), *_standard()):
        if library is not None:
            address = _lookup(library, name)
            if address is not None:
                return address
    return None


@functools.cache
def open_library(name: str) -> ctypes.CDLL | None:
    """The shared library at the path ``name``; None for a name that stands for libc."""
    if name in _IMPLIED:
        return None
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise UserError(
            f"cannot load the library '{name}': {error}",
            hint="give the path of a shared library for this machine, or c or m",
        ) from None


@functools.cache
def _standard() -> tuple[ctypes.CDLL, ...]:
    # Where these have other names (not glibc), the process itself holds libc and libm.
    named = map(_open_system, ("libc.so.6", "libm.so.6", "libgcc_s.so.1"))
    return (ctypes.CDLL(None), *filter(None, named))


def _open_system(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def _lookup(library: ctypes.CDLL, name: str) -> int | None:
    try:
        return ctypes.cast(library[name], ctypes.c_void_p).value
    except AttributeError:
        return None
