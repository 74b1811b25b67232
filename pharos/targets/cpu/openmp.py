"""Intel's OpenMP run time, from the wheel that pip installed."""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path

from pharos.core import settings
from pharos.core.errors import UserError

_PACKAGE = "intel-openmp"
_LIBRARY = "libiomp5.so"
# Milliseconds that a thread spins at the end of a parallel region before it sleeps. While a
# model runs, regions follow each other within microseconds and waking a thread costs 10 to 50,
# so 0 would be slow; the library's own 200 would steal a core from the Python between calls.
_SPIN_MS = 1


def is_openmp(symbol: str) -> bool:
    """Whether ``symbol`` is a name that the OpenMP run time defines."""
    return symbol.startswith(("__kmpc_", "omp_", "kmp_"))


def library_path() -> Path:
    """Where the wheel put the library. UserError with the remedy when it is not installed."""
    import importlib.metadata  # slow to import, and most programs need no OpenMP

    try:
        files = importlib.metadata.files(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    listed = [Path(str(file.locate())) for file in files if file.name == _LIBRARY]
    for path in (*listed, Path(sys.prefix) / "lib" / _LIBRARY):
        if path.is_file():
            return path.resolve()
    raise UserError(
        f"the program runs loops in parallel, which needs {_LIBRARY} of the package {_PACKAGE}; "
        f"it is not installed in {sys.prefix}",
        hint=f"pip install {_PACKAGE}",
    )


@functools.cache
def library() -> ctypes.CDLL:
    """The loaded run time; the number of threads is set from PHAROS_THREADS."""
    loaded = ctypes.CDLL(str(library_path()))
    # Set as defaults: omp_set_num_threads would hold for the calling thread alone. Its warnings
    # about fork and affinity would go to the user's stderr.
    count = settings.THREADS.get()
    loaded.kmp_set_defaults(
        f"OMP_NUM_THREADS={count}|KMP_BLOCKTIME={_SPIN_MS}|KMP_WARNINGS=0".encode()
    )
    return loaded


def set_threads(count: int) -> None:
    """Threads for parallel loops that the calling thread starts from now on."""
    if count < 1:
        raise UserError(f"expected at least 1 thread, found {count}")
    library().omp_set_num_threads(count)
