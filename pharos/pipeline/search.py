"""Where descriptors and the files they name are found."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from pharos.core.errors import UserError, nearest
from pharos.core.span import Span, register_source
from pharos.pipeline.descriptor import Descriptor, from_yaml
from pharos.pipeline.registry import Registry

SUFFIXES = (".yaml", ".yml")


def load_descriptor(name: str | Path, registry: Registry) -> Descriptor:
    """The descriptor in the file ``name``, or the registry's descriptor of that name.

    A name without ending ("default", "lib/tidy") is looked for in the registry's folders alone,
    so that a file that happens to lie in the current folder cannot take its place.
    Raises UserError with file:line for what is wrong in it.
    """
    path = Path(name)
    if path.suffix in SUFFIXES and os.path.isfile(path):
        return read_descriptor(path)
    return read_descriptor(find_file(str(name), registry.descriptors, SUFFIXES))


def find_file(
    name: str, folders: Sequence[Path], suffixes: Sequence[str], *, span: Span | None = None
) -> Path:
    """The first file called ``name`` in ``folders``; the ending may be left out.

    Raises UserError at ``span`` with the folders and the nearest name in them.
    """
    spellings = [name] if Path(name).suffix in suffixes else [name + s for s in suffixes]
    # An absolute name replaces the folder.
    for path in (folder / spelling for folder in folders for spelling in spellings):
        if os.path.isfile(path):
            return path
    searched = ", ".join(str(folder) or "." for folder in folders) or "no folder"
    raise UserError(
        f"expected a file '{name}' in {searched}; there is none",
        span=span,
        hint=nearest(name, _siblings(name, folders, suffixes)),
    )


def _siblings(name: str, folders: Sequence[Path], suffixes: Sequence[str]) -> list[str]:
    """What there is in the place where ``name`` was looked for, spelled as ``name`` is."""
    place, found = os.path.dirname(name), []
    for folder in folders:
        entries = os.listdir(folder / place) if os.path.isdir(folder / place) else []
        for entry in sorted(entries):
            stem, suffix = os.path.splitext(entry)
            if suffix in suffixes:
                found.append(os.path.join(place, entry if Path(name).suffix else stem))
    return found


def read_descriptor(path: Path) -> Descriptor:
    """The descriptor in the file at ``path``."""
    text = read_text(path)
    register_source(str(path), text)
    return _read(text, path)


@functools.lru_cache(maxsize=64)
def _read(text: str, path: Path) -> Descriptor:
    return from_yaml(text, file=str(path), path=path)


def read_text(path: Path) -> str:
    """The text of a file. Raises UserError when it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: expected UTF-8 text, found byte {error.object[error.start]:#04x} "
            f"at offset {error.start}"
        ) from None
