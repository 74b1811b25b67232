"""An artifact's code: one zip file.

    kernels.ll        LLVM IR of all kernels, with debug locations
    kernels.ptx       (.hsaco, .spirv) the vendor's code, where it was made
    kernels.txt       the vendor's code as text for people, where it has one
    constant-0.bin    the constant arrays of the launch description

The same files give the same bytes: times are fixed, and names are in order.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError

LLVM_IR = "kernels.ll"
TEXT = "kernels.txt"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows


def pack(files: Mapping[str, bytes]) -> bytes:
    """The zip with these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return out.getvalue()


def unpack(artifact: Artifact) -> dict[str, bytes]:
    """The files in the code of ``artifact``. UserError when it is not such a zip.

    An artifact that was read from a folder has them in ``files``.
    """
    apart: dict[str, bytes] | None = getattr(artifact, "files", None)
    if apart is not None:
        return apart
    try:
        with zipfile.ZipFile(io.BytesIO(artifact.code)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise UserError(
            f"the code for {artifact.target} is damaged: {error}", hint="compile it again"
        ) from None


def constant_name(number: int) -> str:
    """The file of the constant array ``number``."""
    return f"constant-{number}.bin"


def text_of(artifact: Artifact) -> str:
    """The kernels as people read them: the vendor's text where there is one, else LLVM IR."""
    files = unpack(artifact)
    return files.get(TEXT, files[LLVM_IR]).decode()
