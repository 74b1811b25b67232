"""Tools that check SPIR-V, where the user has them: Khronos's spirv-val and Intel's ocloc.

Both are found by PATH, and neither is needed to compile. spirv-val: Debian's package spirv-tools,
or any build of SPIRV-Tools. ocloc: Debian's package intel-ocloc (trixie and later), or Intel's.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pharos.core.errors import UserError
from pharos.targets.xegpu.spirv.symbols import undefined_names

SPIRV_VAL, OCLOC = "spirv-val", "ocloc"
# The environment that MLIR's XeVM target serializes for.
_ENVIRONMENT = "spv1.4"
_SECONDS = 120
# Functions that the driver's compiler must make instructions of.
_BUILTIN = re.compile(r"_Z\d+intel_sub_group_\w+")
# What old compilers write instead of a program when functions are missing.
_HOLLOW = b"Intel_Symbol_Table_Void_Program"


def version_of(tool: str) -> str | None:
    """The first line that the tool says of its version; None when it is not installed."""
    path = shutil.which(tool)
    if path is None:
        return None
    asked = ("--version",) if tool == SPIRV_VAL else ("query", "OCL_DRIVER_VERSION")
    with tempfile.TemporaryDirectory() as folder:
        said = _run([path, *asked], folder)
        files = [p.read_text(errors="replace") for p in Path(folder).iterdir() if p.is_file()]
    lines = [line.strip() for line in "\n".join([said.stdout, *files]).splitlines()]
    return next((line for line in lines if line), "of unknown version")


def validate(code: bytes) -> None:
    """Check a module with spirv-val. UserError with what it says, or when it is not installed.

    The module must be without cache controls (``emit.without_cache_controls``): validators before
    2024 do not know them, and later ones refuse one for each of two caches on one pointer.
    """
    path = _found(SPIRV_VAL, "install SPIRV-Tools (Debian: spirv-tools)")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernels.spv"
        file.write_bytes(code)
        said = _run([path, "--target-env", _ENVIRONMENT, str(file)], folder)
    if said.returncode:
        raise UserError(f"spirv-val refuses the module: {(said.stderr or said.stdout).strip()}")


def compile_binary(code: bytes, chip: str, options: Sequence[str] = ()) -> bytes:
    """The binary that Intel's compiler makes of a SPIR-V module for ``chip``.

    UserError when ocloc is not installed, fails, does not know the chip, or leaves block and
    matrix functions unresolved: old ones call that a success.
    """
    path = _found(OCLOC, "install Intel's offline compiler (Debian: intel-ocloc)")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kernels.spv").write_bytes(code)
        command = [path, "compile", "-spirv_input", "-file", "kernels.spv", "-device", chip]
        command += ["-output", "kernels", "-output_no_suffix"]
        command += ["-options", " ".join(options)] if options else []
        said = _run(command, folder)
        made = [p for p in Path(folder).iterdir() if p.name in ("kernels", "kernels.bin")]
        if said.returncode or not made:
            text = (said.stdout + said.stderr).strip()
            raise UserError(f"ocloc ({version_of(OCLOC)}) fails for {chip}: {text}")
        binary = made[0].read_bytes()
    return resolved(binary)


def resolved(binary: bytes) -> bytes:
    """``binary`` itself. UserError when functions in it are names still, and no instructions."""
    names = sorted(name for name in undefined_names(binary) if _BUILTIN.fullmatch(name))
    if names or _HOLLOW in binary:
        raise UserError(
            f"ocloc left functions unresolved ({', '.join(names[:1]) or 'all'}): the binary would "
            "not run",
            hint="use ocloc 24 or later: older ones do not know 2-D block and matrix functions",
        )
    return binary


def _found(tool: str, remedy: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise UserError(f"{tool} is not installed", hint=remedy)
    return path


def _run(command: Sequence[str], folder: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{command[0]} did not end within {_SECONDS} s") from None


def _check(tool: str, use: str) -> Callable[[], str]:
    def check() -> str:
        found = version_of(tool)
        return found if found is not None else f"not installed (optional: {use})"

    return check


CHECKS: Mapping[str, Callable[[], str]] = {
    SPIRV_VAL: _check(SPIRV_VAL, "validates SPIR-V in the tests"),
    OCLOC: _check(OCLOC, "compiles SPIR-V for Intel GPUs ahead of time"),
}
