"""pharos cache: what compiling left on disk."""

from __future__ import annotations

import typer

from pharos import toolchain
from pharos.core import settings
from pharos.runtime.store import ArtifactStore
from pharos.tools import options
from pharos.tools.console import print_json

cache = typer.Typer(
    help="The compiled code that Pharos keeps on disk.", no_args_is_help=True, rich_markup_mode=None
)


@cache.command()
def info(as_json: options.Json = False) -> None:
    """Where the cache is, and how full.

    \b
    Example:
      pharos cache info --json
    """
    found = ArtifactStore(settings.CACHE.get()).info()
    if as_json:
        data = {"folder": found.root, "artifacts": found.entries}
        print_json(data | {"bytes": found.size, "limit_bytes": found.limit})
        return
    used, limit = (f"{size / (1 << 20):.1f} MiB" for size in (found.size, found.limit))
    print(f"{found.root}: {found.entries} artifacts, {used} of {limit}")


@cache.command()
def clear(as_json: options.Json = False) -> None:
    """Remove all compiled code.

    The next run of each program compiles it again.

    \b
    Example:
      pharos cache clear
    """
    store = ArtifactStore(settings.CACHE.get())
    removed = store.clear()
    toolchain.forget()
    if as_json:
        print_json({"folder": store.root, "removed": removed})
        return
    print(f"{store.root}: removed {removed} artifacts")
