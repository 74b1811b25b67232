"""lispier check: every mistake in programs, without running them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pharos.core.errors import ErrorList, InternalError, UserError, render
from pharos.core.span import Span
from pharos.tools import options
from pharos.tools.console import print_json, remark
from pharos.tools.lispier import programs

if TYPE_CHECKING:
    from pharos.lisp.compilation import PipelinePart
    from pharos.lisp.program import Program
    from pharos.runtime.child import Report

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Programs; - for standard input.")]


@dataclass(frozen=True)
class Checked:
    """One file and what is wrong in it."""

    file: str
    errors: tuple[UserError, ...]


def check(files: Files, as_json: options.Json = False) -> None:
    """Find all mistakes in programs; run nothing.

    Each program is read, expanded and lowered to MLIR, MLIR's verifier sees it, and the functions
    that it calls but does not define are looked for. The exit status is 1 if anything is wrong.

    \b
    Example:
      lispier check hello.lisp matmul.lisp
    """
    found = [_checked(file) for file in files]
    wrong = sum(len(one.errors) for one in found)
    if as_json:
        print_json({"files": [_as_data(one) for one in found], "errors": wrong})
    else:
        for one in found:
            for error in one.errors:
                remark(render(error))
        remark(_summary(found, wrong))
    if wrong:
        raise typer.Exit(1)


def _summary(found: Sequence[Checked], wrong: int) -> str:
    files = "1 file" if len(found) == 1 else f"{len(found)} files"
    return f"{files}: {wrong or 'no'} {'error' if wrong == 1 else 'errors'}"


def _checked(file: str) -> Checked:
    from pharos import toolchain
    from pharos.lisp.problems import Problems
    from pharos.tools import apart

    problems = Problems()
    try:
        program = programs.load(file, problems)
        loaded = [program.explained(error) for error in problems.errors]

        def work(report: Report) -> list[UserError]:
            report(toolchain.FRONT_END)
            return _more_mistakes(program, loaded) if loaded else _mistakes(program)

        errors = apart.isolated(programs.payload(program), None, work)
    except UserError as error:
        errors = _each(error)
    except apart.Crash as crash:
        errors = [_crashed(crash)]
    return Checked(programs.name_of(file), tuple(errors))


def _crashed(crash: InternalError) -> UserError:
    """A crash of MLIR as one more error: the other files are still checked."""
    return UserError(
        f"internal error: {crash.message}", hint=f"what made it is in {crash.reproducer}"
    )


def _each(error: UserError) -> list[UserError]:
    return list(error.errors) if isinstance(error, ErrorList) else [error]


def _mistakes(program: Program) -> list[UserError]:
    """What lowering finds in ``program``, wrong passes, and the functions that nobody has."""
    from pharos import lisp

    passes = list(wrong_passes(program))
    try:
        lisp.lower(program)
    except UserError as error:
        return [*_each(error), *passes]
    return [*passes, *missing(program)]


def _more_mistakes(program: Program, loaded: Sequence[UserError]) -> list[UserError]:
    """``loaded``, and what lowering finds in the rest of ``program``, by file and place.

    The verifier, and the search for functions, would tell of what is missing for ``loaded``; and
    so would lowering, where a whole file is missing.
    """
    if not program.files or any(path not in program.files for path in program.paths):
        return list(loaded)
    from pharos import ir
    from pharos.lisp.lowering.module import module_of

    _, _, errors = module_of(program, ir.new_context())
    found = [*loaded, *(program.explained(error) for error in errors)]
    files = {file: number for number, file in enumerate(program.files)}

    def place(error: UserError) -> tuple[int, int, int]:
        span = error.span
        return (files.get(span.file, -1), span.line, span.column) if span else (-1, 0, 0)

    return sorted(found, key=place)


def wrong_passes(program: Program) -> Iterator[UserError]:
    """What is wrong with the passes of all compilation blocks, for whatever target they are."""
    from pharos.lisp.compilation import backends, pipeline

    for block in program.compilation:
        for backend in backends(block):
            for part in pipeline(block, backend):
                error = _wrong_pass(part)
                if error is not None:
                    yield error


def _wrong_pass(part: PipelinePart) -> UserError | None:
    from pharos import toolchain

    try:
        toolchain.plan(toolchain.Request(stages=(toolchain.stage_of(part),)))
    except UserError as error:
        return error
    return None


def missing(program: Program) -> list[UserError]:
    """An error for each function that ``program`` uses and no library defines."""
    from pharos.targets.cpu import symbols

    libraries = [library.name for library in program.libraries]
    errors = []
    for function in program.externs():
        try:
            names = (function.name, f"_mlir_ciface_{function.name}")
            if any(symbols.resolve(name, libraries) is not None for name in names):
                continue
            errors.append(
                UserError(
                    f"the function '{function.name}' is declared and used but exists nowhere: "
                    "not in this program, libc, libm or the libraries that it links",
                    span=function.span,
                    hint='define it, or link the library that does: (link-library "path")',
                )
            )
        except UserError as error:  # a library cannot be loaded
            return [program.explained(error)]
    return errors


def _as_data(checked: Checked) -> dict[str, Any]:
    return {"file": checked.file, "errors": [_error(error) for error in checked.errors]}


def _error(error: UserError) -> dict[str, Any]:
    notes = [{"message": note.message, **_place(note.span)} for note in error.notes]
    return {"message": error.message, **_place(error.span), "hint": error.hint, "notes": notes}


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"place": None}
    end = {"end_line": span.end_line or None, "end_column": span.end_column or None}
    return {"place": {"file": span.file, "line": span.line, "column": span.column, **end}}
