"""From an artifact to a folder that runs without Pharos' compiler."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.runtime.checks import describe
from pharos.runtime.dtypes import accepts, numpy_dtype
from pharos.targets.common.gpu import archive, launches
from pharos.tools.launching import zipped
from pharos.tools.launching.manifest import NAME, Manifest
from pharos.tools.launching.weights import Reference, refer

LAUNCHER = "launch.pyz"


def write(
    artifact: Artifact, folder: Path, arguments: Mapping[str, Mapping[int, str]] | None = None
) -> None:
    """Write ``folder``, whole or not at all.

    ``arguments`` name files for arguments, by entry and number. UserError for a folder that is in
    use by something else, for an artifact that is no GPU's, and for files that do not fit.
    """
    if launches.LAUNCHES not in artifact.metadata:
        raise UserError(
            f"folders hold functions on arrays for a GPU, found a program for {artifact.target} "
            f"with code for the CPU",
            hint="name a GPU, --target nvidia:sm_90a, and leave out a main that runs by itself",
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / NAME).is_file():
        raise UserError(
            f"{folder} is not empty, and not a folder that pharos build made",
            hint="name another: -o DIR",
        )
    given = {
        entry: {number: _fitting(artifact, entry, number, text) for number, text in named.items()}
        for entry, named in (arguments or {}).items()
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _fill(artifact, made, given)
        made.chmod(0o755)
        _swap(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _fill(artifact: Artifact, made: Path, arguments: Mapping[str, Mapping[int, Reference]]) -> None:
    files = archive.unpack(artifact)
    wanted = f"kernels.{artifact.format}" if artifact.format != "llvm-ir" else archive.LLVM_IR
    kept = {n: d for n, d in files.items() if n == wanted or n.startswith("constant-")}
    references = {}
    for name, data in kept.items():
        place = f"weights/{name}" if name.startswith("constant-") else name
        (made / place).parent.mkdir(exist_ok=True)
        (made / place).write_bytes(data)
        references[name] = Reference(place, 0, len(data), hashlib.sha256(data).hexdigest())
    text = Manifest(artifact.manifest(), references, arguments).text()
    (made / NAME).write_text(text, encoding="utf-8")
    zipped.write(made / LAUNCHER)


def _swap(made: Path, folder: Path) -> None:
    """``made`` becomes ``folder``; what was there goes when the new one is in place."""
    if not folder.exists():
        made.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.rename(old / "old")
    made.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _fitting(artifact: Artifact, entry: str, number: int, text: str) -> Reference:
    from pharos.runtime.device import entry_point

    signature = entry_point(artifact, entry)
    if not 0 <= number < len(signature.arguments):
        raise UserError(
            f"'{entry}' has no argument {number}, it takes {len(signature.arguments)} from 0 on"
        )
    argument, found = signature.arguments[number], refer(text)
    fits = argument.kind == "memref" and accepts(argument.dtype, numpy_dtype(found.dtype))
    if not fits or argument.shape != found.shape:
        raise UserError(
            f"'{entry}': argument {number} is {describe(argument)}, found "
            f"{found.dtype}{list(found.shape)} in {text}"
        )
    if argument.written:
        raise UserError(
            f"'{entry}': argument {number} is written by the code, and cannot be a file",
            hint="pass it with --input at the launch",
        )
    return found
