"""lispier show-ast, show-ir, show-expanded: what a program becomes on its way to MLIR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pharos.core.errors import UserError
from pharos.tools.lispier import programs
from pharos.tools.lispier.arguments import File

if TYPE_CHECKING:
    from pharos.lisp.values import Value
    from pharos.runtime.child import Report


def show_expanded(file: File) -> None:
    """Print the forms of a file with all macros expanded.

    One form on a line. The files that it requires are not shown.

    \b
    Example:
      lispier show-expanded hello.lisp
    """
    from pharos import lisp, toolchain

    values = lisp.read(programs.read_text(file), programs.name_of(file))
    for form in lisp.expand(values, engine=toolchain.macro_engine()):
        print(lisp.to_text(form))


def show_ast(file: File) -> None:
    """Print the forms of a program as a tree with their places.

    All files of the program, with macros expanded; what expansions add has the place of the
    macro's call.

    \b
    Example:
      lispier show-ast hello.lisp
    """
    for form in programs.load(file).forms:
        for line in _tree(form, 0):
            print(line)


def _tree(value: Value, depth: int, label: str = "") -> Iterator[str]:
    from pharos.lisp.values import List, Map, Vector, kind, to_text

    place = f"  {value.span}" if value.span is not None else ""
    lead = "  " * depth + label
    if isinstance(value, List | Vector):
        yield f"{lead}{kind(value)}{place}"
        for item in value.items:
            yield from _tree(item, depth + 1)
    elif isinstance(value, Map):
        yield f"{lead}{kind(value)}{place}"
        for key, item in value.entries.items():
            yield from _tree(item, depth + 1, f":{key} ")
    else:
        text = to_text(value)
        yield f"{lead}{'' if kind(value) == text else kind(value) + ' '}{text}{place}"


def show_ir(file: File) -> None:
    """Print the MLIR module of a program before any pass.

    A module that MLIR's verifier refuses is printed too, in MLIR's generic syntax, and then what
    is wrong with it; the exit status is 1.

    \b
    Example:
      lispier show-ir hello.lisp
    """
    from pharos import toolchain
    from pharos.tools import apart

    program = programs.load(file)

    def work(report: Report) -> tuple[str, UserError | None]:
        from pharos import ir
        from pharos.lisp.lowering.module import draft

        report(toolchain.FRONT_END)
        module, error = draft(program)
        return ir.to_text(module), error

    text, error = apart.isolated(programs.payload(program), None, work)
    print(text.rstrip("\n"))
    if error is not None:
        raise error
