"""Which files a program is made of, remembered from when it was last loaded.

To read and expand a program takes longer than to find its code in the cache and to run it. Beside
the code, the cache therefore keeps what loading found: the files, by their names and with hashes of
their texts, and the libraries. While these are what they were, loading would find the same, and the
payload made from them has the same key as the one that loading makes (``keys.key_of``).

Programs are not remembered whose payload depends on more than their files: those with macros of
their own, which may expand to something else another time; those that say their own passes; those
that link libraries by path, which must still be there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pharos.core import settings
from pharos.core.errors import UserError
from pharos.core.files import project_root, text_of
from pharos.core.span import sources
from pharos.runtime.store import write_whole
from pharos.toolchain.front_ends import joined
from pharos.toolchain.keys import versions
from pharos.toolchain.records import Payload

_KEPT = 1000


def remember(path: str, program: Any) -> None:
    """Keep what ``lisp.load(path)`` found: ``program``."""
    if program.expansions or program.compilation or any(x.is_file for x in program.libraries):
        return
    texts = sources()
    note = {
        "root": str(project_root(Path(path))),
        "paths": program.paths,
        "files": {file: _hash(texts[file]) for file in program.files},
        "libraries": [library.name for library in program.libraries],
    }
    place = _place(path)
    body = json.dumps(note)
    with contextlib.suppress(OSError):  # a cache that cannot be written to is no mistake here
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, f"{_hash(body)}\n{body}".encode())
        _drop_old(place.parent)


def recall(path: str) -> Payload | None:
    """The payload of the program at ``path``; None when only loading can tell what it is.

    Its code can be looked for in the cache, and nothing else be done with it.
    """
    note = _note(_place(path))
    if note is None or note["root"] != str(project_root(Path(path))):
        return None
    if any(os.path.realpath(name) != real for name, real in note["paths"].items()):
        return None
    try:
        texts = {file: text_of(file, None) for file in note["files"]}
    except UserError:  # loading will say so, with its place
        return None
    if any(_hash(texts[file]) != digest for file, digest in note["files"].items()):
        return None
    return Payload(path, joined(texts), _never, tuple(note["libraries"]))


def forget() -> None:
    """Remove all that was remembered."""
    for place in _folder().glob("*.json"):
        place.unlink(missing_ok=True)


def _never() -> Any:
    raise AssertionError("a remembered program has no forms")


def _folder() -> Path:
    return settings.CACHE.get() / "programs"


def _place(path: str) -> Path:
    """Where the note on the program at ``path`` is. Errors and assertions say ``path`` as it is,
    and another version of Pharos may load a program in another way."""
    return _folder() / f"{_hash(json.dumps([path, os.path.abspath(path), versions()]))}.json"


def _note(place: Path) -> dict[str, Any] | None:
    """What was written to ``place``, if it is there and whole."""
    try:
        digest, _, body = place.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    note: dict[str, Any] | None = json.loads(body) if digest == _hash(body) else None
    return note


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _drop_old(folder: Path) -> None:
    """Keep the notes that were written last."""
    places = list(folder.glob("*.json"))
    if len(places) > _KEPT:
        places.sort(key=lambda place: place.stat().st_mtime)
        for place in places[: len(places) - _KEPT // 2]:
            place.unlink(missing_ok=True)
