"""Files of programs: their texts, and the folder that a project is in."""

from __future__ import annotations

from pathlib import Path

from pharos.core.errors import UserError
from pharos.core.span import Span

_ROOT_MARKS = ("lispier.toml", ".git", "Cargo.toml")


def text_of(path: str, span: Span | None) -> str:
    """The text of the file at ``path``, required at ``span``; UserError when it cannot be read."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"file not found: {path}", span=span) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: expected UTF-8 text, got byte 0x{error.object[error.start]:02x} "
            f"at offset {error.start}",
            span=span,
        ) from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", span=span) from None


def project_root(entry: Path) -> Path:
    """The nearest folder at or above that of ``entry`` with a project mark, else that folder."""
    folder = entry.resolve().parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in _ROOT_MARKS):
            return candidate
    return folder
