"""The ways in: files and texts become payloads."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.core.span import sources
from pharos.toolchain.macros import macro_engine
from pharos.toolchain.records import Payload, TorchProblem


def read_payload(path: str | Path) -> Payload:
    """The program in the file at ``path``, by its ending: .lisp, .lsp, .mlir or .py.

    Raises UserError for a file that cannot be read, and with places for what is wrong in it.
    """
    path = Path(path)
    readers = {
        ".lisp": _read_lisp,
        ".lsp": _read_lisp,
        ".mlir": _read_mlir,
        ".py": lambda file: read_problem(file).payload,
    }
    if path.suffix not in readers:
        raise UserError(
            f"expected a file that ends in {', '.join(readers)}, found '{path}'",
            hint="name the program's file, for instance examples/hello.lisp",
        )
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    return readers[path.suffix](path)


def lisp_payload(text: str, name: str = "<text>") -> Payload:
    """The Lispier program ``text``; errors call it ``name``."""
    from pharos import lisp

    return of_program(lisp.load_text(text, name, engine=macro_engine()))


def mlir_payload(text: str, name: str = "<string>") -> Payload:
    """The module that the MLIR text ``text`` describes; errors call it ``name``."""
    from pharos import ir

    return Payload(name, text, lambda: ir.parse(text, file=name))


def builder_payload(name: str, **options: Any) -> Payload:
    """What the builder ``name`` of ``pharos.ingress.payloads`` makes of ``options``.

    Raises UserError for options that do not go together.
    """
    from pharos.ingress.payloads import make

    return mlir_payload(make(name, **options).text, f"<{name}>")


def read_problem(path: str | Path, seed: int = 0) -> TorchProblem:
    """The problem in KernelBench's form in the Python file at ``path``.

    Its model and inputs are made after torch's generator was seeded with ``seed``. Raises
    UserError for a file that is no problem, and where torch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            f"{path}: a model in Python needs PyTorch, which is not installed",
            hint="pip install 'pharos[torch]'",
        )
    from pharos.ingress.torch import import_model, load_problem

    made = load_problem(path).instance(seed)
    imported = import_model(made.model, made.inputs, name=str(path))
    return TorchProblem(torch_payload(imported), imported, made)


def torch_payload(imported: Any) -> Payload:
    """The torch model ``imported`` (a ``pharos.ingress.torch.Imported``).

    Its results are parameters that follow its arguments: see ``TorchFunction`` for calling it.
    """
    from pharos.transform.out_parameters import results_to_parameters

    def make() -> Any:
        module = imported.make()
        results_to_parameters(module, imported.entry, [r.name for r in imported.results])
        return module

    return Payload(imported.name, imported.text, make, exports=(imported.entry,))


def _read_lisp(path: Path) -> Payload:
    from pharos import lisp

    return of_program(lisp.load(path, engine=macro_engine()))


def of_program(program: Any) -> Payload:
    """The loaded Lispier program ``program``."""
    from pharos import lisp

    texts = sources()
    text = joined({file: texts[file] for file in program.files})
    if program.expansions:
        # A macro may expand to something else another time.
        text = "\0".join((text, *map(lisp.to_text, program.forms)))
    libraries = tuple(library.name for library in program.libraries)
    return Payload(
        program.name,
        text,
        lambda: lisp.lower(program),
        libraries,
        compilation=tuple(program.compilation),
        program=True,
        explaining=program.explaining,
    )


def joined(texts: Mapping[str, str]) -> str:
    """The texts of a program's files, and their names, which its assertions say."""
    return "\0".join(part for pair in texts.items() for part in pair)


def _read_mlir(path: Path) -> Payload:
    from pharos import ir

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: expected MLIR as UTF-8 text, found byte {error.object[error.start]:#04x} at "
            f"offset {error.start}"
        ) from None
    return Payload(str(path), text, lambda: ir.parse_file(path))
