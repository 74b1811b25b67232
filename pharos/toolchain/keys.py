"""The name of what a payload and a request make, for the cache."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from pathlib import Path

from pharos.core import settings
from pharos.runtime import cache_key
from pharos.toolchain.plans import plan
from pharos.toolchain.records import Payload, Request
from pharos.toolchain.tables import target

PACKAGE = Path(__file__).parents[1]


def key_of(payload: Payload, request: Request) -> str:
    """A hash of all that shapes the code: program, pipeline, parameters, machine, tools."""
    # A packaged descriptor is covered by the hash of the package; a file, with what it includes,
    # only by what it flattens to.
    named = not request.stages and not str(request.pipeline or "").endswith((".yaml", ".yml"))
    described = f"{request.pipeline}" if named else plan(request).text()
    return cache_key(
        payload.text,
        described,
        {**request.parameters, "threads": settings.THREADS.get()},
        f"{request.target} {target(request.target).facts().key()}",
        {**_versions(), "links": " ".join(payload.libraries), "exports": " ".join(payload.exports)},
    )


@functools.cache
def _versions() -> dict[str, str]:
    """The tools that shape code. Pharos stands for itself by the hash of its sources."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            digest.update(str(path.relative_to(PACKAGE)).encode())
            digest.update(path.read_bytes())
    tools = {name: importlib.metadata.version(name) for name in ("torch-mlir", "llvmlite")}
    return {**tools, "pharos": digest.hexdigest()}
