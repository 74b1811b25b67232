"""NVIDIA's assembler: it checks PTX, and tells what each kernel needs of a chip.

It is in the wheel ``nvidia-cuda-nvcc`` (the extra ``nvidia``), or on the PATH where CUDA is
installed. Code is made without it: the driver has one of its own.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pharos.core.errors import InternalError, UserError

_SECONDS = 300
_NOTE = re.compile(r"\(C\d+\).*|warning.*")
# What ptxas -v writes for each kernel (CUDA 12 and 13).
_ENTRY = re.compile(r"Compiling entry function '(\w+)' for")
_NUMBERS = {
    "registers": re.compile(r"Used (\d+) registers"),
    "barriers": re.compile(r"used (\d+) barriers"),
    "shared": re.compile(r"(\d+) bytes smem"),
    "stack": re.compile(r"(\d+) bytes stack frame"),
    "spill_stores": re.compile(r"(\d+) bytes spill stores"),
    "spill_loads": re.compile(r"(\d+) bytes spill loads"),
}


@dataclass(frozen=True)
class KernelNeeds:
    """What a kernel needs: ``registers`` and ``barriers`` by number, the others in bytes.

    ``shared`` is static shared memory, ``spill_stores`` and ``spill_loads`` are what did not fit
    the registers; ``notes`` are what ptxas says about it beside these numbers.
    """

    registers: int = 0
    barriers: int = 0
    shared: int = 0
    stack: int = 0
    spill_stores: int = 0
    spill_loads: int = 0
    notes: tuple[str, ...] = ()


def find() -> Path | None:
    """Where ptxas is: in the wheel, else on the PATH; None when it is nowhere."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        for path in sorted(Path(folder).glob("*/bin/ptxas"), reverse=True):
            return path
    found = shutil.which("ptxas")
    return Path(found) if found else None


def version() -> str:
    """The release that ptxas says it is, and where it is. UserError when there is none."""
    path = find()
    if path is None:
        raise UserError(
            "ptxas, which checks the code of NVIDIA GPUs, was not found",
            hint="pip install 'pharos[nvidia]' (only tests and reports need it)",
        )
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    release = re.search(r"release [\d.]+, V([\d.]+)", said.stdout)
    return f"{release[1] if release else 'unknown release'} at {path}"


def summary() -> str:
    """``version`` for people who may do without."""
    if find() is None:
        return "not installed (optional: checks PTX, and tells registers and spills)"
    return version()


def assemble(ptx: str, chip: str) -> dict[str, KernelNeeds]:
    """What each kernel of ``ptx`` needs on ``chip``, by name.

    InternalError with ptxas' words when it refuses the text; UserError when there is no ptxas.
    """
    path = find()
    if path is None:
        version()
    with tempfile.TemporaryDirectory(prefix="pharos-ptxas-") as folder:
        source = Path(folder) / "kernels.ptx"
        source.write_text(ptx, encoding="utf-8")
        command = [str(path), "-v", f"-arch={chip}", "-o", f"{folder}/kernels.cubin", str(source)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    if said.returncode:
        raise InternalError(f"ptxas refused code for {chip}: {said.stdout}{said.stderr}".strip())
    return dict(kernels(said.stdout + said.stderr))


def kernels(text: str) -> Iterator[tuple[str, KernelNeeds]]:
    """The kernels of what ``ptxas -v`` wrote: each begins with a line of its own. Notes come
    before or after it, and name the kernel."""
    _, *parts = _ENTRY.split(text)
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        found = {key: form.search(part) for key, form in _NUMBERS.items()}
        numbers = {key: int(match[1]) for key, match in found.items() if match}
        yield name, KernelNeeds(**numbers, notes=tuple(_notes(text, name)))


def _notes(text: str, name: str) -> Iterator[str]:
    for line in text.splitlines():
        found = _NOTE.search(line)
        if found and f"'{name}'" in line:
            yield found[0].strip()
