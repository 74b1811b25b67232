"""The platform's linker on our objects, through the C compiler that drives it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.targets.cpu import elf, facts, helpers, openmp, rounding, symbols
from pharos.targets.cpu.jit import position_independent_object
from pharos.targets.cpu.standalone.code import Start
from pharos.targets.cpu.stopping import ASSERTION_FAILED

_HERE = Path(__file__).parent
_DRIVERS = ("cc", "gcc", "clang")
_FLAGS = ("-O2", "-fPIC", "-std=gnu11", "-fvisibility=hidden")
_C_INTERFACE = "_mlir_ciface_"
_C_LIBRARIES = ("c", "m", "libc", "libm")


def link(artifact: Artifact, out: Path, start: Start | None) -> None:
    """Write the file ``out`` with the code of ``artifact``.

    What it becomes follows from its ending: .o an object file, .so a shared library, anything
    else an executable, which needs ``start``. It appears whole or not at all. UserError when
    there is no linker, and with the linker's words when it finds something wrong.
    """
    with _written(out) as target, tempfile.TemporaryDirectory(prefix="pharos-") as folder:
        parts = Parts(artifact, Path(folder))
        if out.suffix == ".o":
            _link_object(parts, target)
            return
        objects = [parts.code(), *parts.helpers()]
        shared = out.suffix == ".so"
        if not shared:
            assert start is not None
            objects.append(parts.start(start))
        kind = ["-shared", f"-Wl,--version-script={parts.exports()}"] if shared else ["-pie"]
        libraries = list(_library_flags(artifact.libraries))
        _run([*kind, "-Wl,--no-undefined", "-o", target, *objects, *libraries, "-lm"])
        os.chmod(target, 0o755)


def _link_object(parts: Parts, target: Path) -> None:
    extra = parts.helpers()
    if extra:
        _run(["-r", "-nostdlib", "-o", target, parts.code(), *extra])
    else:
        shutil.copyfile(parts.code(), target)
    os.chmod(target, 0o644)


class Parts:
    """The objects that are linked, made in ``folder`` when they are asked for."""

    def __init__(self, artifact: Artifact, folder: Path) -> None:
        self._artifact = artifact
        self._folder = folder

    def code(self) -> Path:
        """The program."""
        return self._write("program.o", self._artifact.code)

    def start(self, start: Start) -> Path:
        """The C main of an executable."""
        values = {"ARGUMENTS": start.arguments, "RESULT": start.result}
        return self._compile("start.c", [f"-DLISPIER_{k}={v}" for k, v in values.items()])

    def exports(self) -> Path:
        """A version script that hides the entries which only our own loader calls."""
        defined = elf.symbols(self._artifact.code).defined
        packed = (n for n in defined if n.startswith("_mlir_") and not n.startswith(_C_INTERFACE))
        # A name may have characters that are operators of the linker.
        local = "".join(f' "{name}";' for name in sorted(packed))
        hidden = f"local:{local} " if local else ""
        return self._write("exports.map", f"{{ global: *; {hidden}}};\n".encode())

    def helpers(self) -> list[Path]:
        """What the program calls beyond C's library and what it links."""
        needed = set(self._artifact.symbols)
        found = []
        if needed & rounding.NAMES:
            found.append(self._write("rounding.o", position_independent_object(rounding.IR)))
        amx = facts.host().has_amx
        ours = {name for name in needed if helpers.address(name) is not None}
        ours |= needed & {ASSERTION_FAILED}
        if ours or amx:
            runtime = self._compile("runtime.c", ["-DLISPIER_AMX"] if amx else [])
            _check_defined(ours, runtime)
            found.append(runtime)
        return found

    def _write(self, name: str, data: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(data)
        return path

    def _compile(self, source: str, flags: Sequence[str]) -> Path:
        path = self._folder / f"{source}.o"
        _run([*_FLAGS, *flags, "-c", _HERE / source, "-o", path])
        return path


def _check_defined(names: set[str], runtime: Path) -> None:
    """Raise UserError for a helper that exists only where Python is."""
    missing = sorted(names - elf.symbols(runtime.read_bytes()).defined)
    if missing:
        raise UserError(
            f"the program calls {', '.join(missing)}, which only a program that runs in Pharos has",
            hint="lispier run runs it",
        )


def _library_flags(libraries: Sequence[str]) -> Iterator[str]:
    for name in libraries:
        if name == symbols.OPENMP:
            path = openmp.library_path()
        elif name in _C_LIBRARIES:
            continue
        elif "/" not in name:
            yield f"-l:{name}"
            continue
        else:
            path = Path(name).resolve()
        # Where it is found again when the program starts.
        yield from (str(path), f"-Wl,-rpath,{path.parent}")


@contextmanager
def _written(out: Path) -> Iterator[Path]:
    """A file to write that takes the place of ``out`` when the block ends well."""
    if out.is_dir():
        raise UserError(f"cannot write {out}: it is a folder")
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            target = Path(folder) / out.name
            yield target
            os.replace(target, out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}") from None


def _driver() -> str:
    for name in _DRIVERS:
        found = shutil.which(name)
        if found is not None:
            return found
    raise UserError(
        f"no linker found: expected one of {', '.join(_DRIVERS)} on the PATH",
        hint="install a C compiler (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc)",
    )


def _run(arguments: Sequence[str | Path]) -> None:
    command = [_driver(), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise UserError(_failure(command[0], done.returncode, done.stderr))


def _failure(driver: str, status: int, said: str) -> str:
    """What a linker's output comes down to."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if "undefined reference" in line or "error" in line.lower()]
    shown = list(dict.fromkeys(told or lines))[:8]
    return "\n".join([f"{Path(driver).name} failed with exit status {status}", *shown])
