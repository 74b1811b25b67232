"""The name of what a payload and a request make, for the cache."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pharos.core import settings
from pharos.runtime import cache_key
from pharos.toolchain.plans import plan
from pharos.toolchain.records import Payload, Request
from pharos.toolchain.tables import target

PACKAGE = Path(__file__).parents[1]
_SOURCES = (".py", ".yaml", ".lisp", ".c")


def key_of(payload: Payload, request: Request) -> str:
    """A hash of all that shapes the code but what was measured (see ``road.cached``): program,
    pipeline, parameters, machine, tools."""
    # A packaged descriptor is covered by the hash of the package; a file, with what it includes,
    # only by what it flattens to.
    named = not request.stages and not str(request.pipeline or "").endswith((".yaml", ".yml"))
    described = f"{request.pipeline}" if named else plan(request).text()
    # What else selectors choose follows from the payload, the machine and the sources.
    said = request.plan.text if request.plan is not None else ""
    return cache_key(
        payload.text,
        described,
        {**request.parameters, settings.THREADS.name: settings.THREADS.get()},
        device_of(request),
        {
            **versions(),
            "plan": said,
            "links": " ".join(payload.libraries),
            "exports": " ".join(payload.exports),
        },
    )


def device_of(request: Request) -> str:
    """The target with all facts of the machine, as one line."""
    return f"{request.target} {target(request.target).facts().key()}"


@functools.cache
def versions() -> dict[str, str]:
    """The tools that shape code. Pharos stands for itself by the hash of its sources."""
    digest = hashlib.sha256()
    for path in _sources(str(PACKAGE)):
        with open(path, "rb", buffering=0) as file:
            digest.update(f"{path[len(str(PACKAGE)) :]}\0".encode())
            digest.update(file.read())
    tools = {name: _version(name) for name in ("torch-mlir", "llvmlite")}
    return {**tools, "pharos": digest.hexdigest()}


def _sources(folder: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            yield from _sources(entry.path)
        elif entry.name.endswith(_SOURCES):
            yield entry.path


def _version(name: str) -> str:
    """The version of an installed distribution, which the name of its folder tells."""
    prefix, suffix = f"{name.replace('-', '_')}-", ".dist-info"
    for folder in filter(os.path.isdir, sys.path):
        for entry in os.listdir(folder):
            if entry.startswith(prefix) and entry.endswith(suffix):
                return entry[len(prefix) : -len(suffix)]
    import importlib.metadata  # knows other ways to install, and is slow to import

    return importlib.metadata.version(name)
