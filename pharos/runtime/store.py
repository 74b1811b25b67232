"""Compiled artifacts on disk, found by what they were made from.

One file per artifact: a magic line, the length of the manifest (8 bytes, little-endian), the
manifest as JSON, the code, and the SHA-256 of all that. Files arrive whole by renaming, so any
number of processes may use one folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import struct
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pharos.core import settings
from pharos.core.artifact import Artifact
from pharos.core.errors import UserError

_MAGIC = b"pharos artifact 1\n"
_LENGTH = struct.Struct("<Q")
_DIGEST_BYTES = 32
_NAME = re.compile(r"[0-9a-f]{64}\.artifact")
_PARTIAL = "partial-"
_STALE_SECONDS = 3600  # a partial file this old was left by a process that died


@dataclass(frozen=True)
class StoreInfo:
    """What the store holds; sizes in bytes."""

    root: Path
    entries: int
    size: int
    limit: int


def cache_key(
    ir_text: str,
    pipeline_text: str,
    parameters: Mapping[str, Any],
    target: str,
    versions: Mapping[str, str],
) -> str:
    """The name of what these make: 64 hexadecimal digits.

    ``target`` names the machine with all its facts, ``versions`` every tool that shapes the
    code. ``parameters`` are numbers, strings, booleans, None and lists of them.
    """
    parts = [ir_text, pipeline_text, dict(parameters), target, dict(versions)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class ArtifactStore:
    """Artifacts under a folder, the least recently used dropped beyond a size."""

    def __init__(self, root: Path | None = None, *, limit_mb: int | None = None) -> None:
        """``root`` defaults to PHAROS_CACHE, ``limit_mb`` (MiB) to PHAROS_CACHE_LIMIT_MB."""
        self.root = (root if root is not None else settings.CACHE.get()) / "artifacts"
        self._limit = (settings.CACHE_LIMIT_MB.get() if limit_mb is None else limit_mb) << 20

    def get(self, key: str) -> Artifact | None:
        """The artifact stored under ``key``, or None. A damaged file is removed."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.root, error) from None
        artifact = _decode(data)
        with contextlib.suppress(OSError):  # another process may have removed it meanwhile
            if artifact is None:
                path.unlink()
            else:
                os.utime(path)
        return artifact

    def put(self, key: str, artifact: Artifact) -> None:
        """Store ``artifact``, replacing what was there, and drop old ones beyond the limit."""
        path, data = self._path(key), _encode(artifact)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
            self._remove_partials(older_than=_STALE_SECONDS, folder=path.parent.name)
            # Looking at every file takes longer than compiling something small does.
            room = self._room() - len(data)
            write_whole(
                self._note, f"{self._limit} {room if room >= 0 else self._evict()}".encode()
            )
        except OSError as error:
            raise _unusable(self.root, error) from None

    def info(self) -> StoreInfo:
        """How many artifacts there are, and their size."""
        files = list(self._files())
        return StoreInfo(self.root, len(files), sum(size for _, size, _ in files), self._limit)

    def clear(self) -> int:
        """Remove every artifact (nothing else in the folder); returns how many there were."""
        removed = 0
        for path, _, _ in list(self._files()):
            removed += _removed(path)
        self._remove_partials(older_than=0)
        return removed

    def _path(self, key: str) -> Path:
        name = f"{key}.artifact"
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a cache key: {key!r}")
        return self.root / key[:2] / name

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        """Every artifact with its size and the time of its last use."""
        for folder in self.root.glob("*/"):
            yield from _files(folder)

    @property
    def _note(self) -> Path:
        """Where the limit stands, and how many bytes may be written before all is looked at."""
        return self.root.with_suffix(".room")

    def _room(self) -> int:
        try:
            limit, room = map(int, self._note.read_text().split())
        except (FileNotFoundError, ValueError):
            return -1
        return room if limit == self._limit else -1

    def _evict(self) -> int:
        """Drop old artifacts if there are too many; how much may be written until the next time."""
        files = sorted(self._files(), key=lambda file: file[2])
        total = sum(size for _, size, _ in files)
        # More than there has to be, or the next to be stored would have to look at all again.
        wanted = self._limit * 7 // 8 if total > self._limit else total
        for path, size, _ in files:
            if total <= wanted:
                break
            _removed(path)
            total -= size
        # Half: of processes that write at the same time, one does not see what another wrote.
        return max(0, self._limit - total) // 2

    def _remove_partials(self, *, older_than: float, folder: str = "*") -> None:
        for path in self.root.glob(f"{folder}/{_PARTIAL}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime >= older_than:
                    path.unlink()


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """The artifacts in ``folder`` with their sizes and the times of their last use."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    state = entry.stat()
                    yield Path(entry.path), state.st_size, state.st_mtime


def _encode(artifact: Artifact) -> bytes:
    manifest = json.dumps(artifact.manifest(), sort_keys=True).encode()
    body = _MAGIC + _LENGTH.pack(len(manifest)) + manifest + artifact.code
    return body + hashlib.sha256(body).digest()


def _decode(data: bytes) -> Artifact | None:
    """The artifact in a file's bytes; None unless they are exactly what was written."""
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        return None
    start = len(_MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack_from(body, len(_MAGIC))
    manifest = json.loads(body[start : start + length])
    return Artifact.from_manifest(manifest, body[start + length :])


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` so that no reader ever sees a part of it."""
    handle, partial = tempfile.mkstemp(prefix=_PARTIAL, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        with contextlib.suppress(FileNotFoundError):  # somebody cleared the cache meanwhile
            os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:  # gone already, or not ours to remove
        return False
    return True


def _unusable(root: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot use the artifact cache {root}: {error.strerror or error}",
        hint="set PHAROS_CACHE to a folder that you can write to",
    )
