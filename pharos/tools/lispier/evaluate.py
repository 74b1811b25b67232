"""lispier eval: forms given on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pharos.core.errors import UserError
from pharos.tools.console import remark

if TYPE_CHECKING:
    from pharos.lisp.values import Value
    from pharos.runtime.child import Report

_NAME = "<eval>"
_COMPILING, _RUNNING = "compile", "run"

Expression = Annotated[str | None, typer.Argument(metavar="EXPR", help="Forms, in quotes.")]
Expressions = Annotated[
    list[str] | None,
    typer.Option("-e", "--expression", metavar="EXPR", help="Forms; may be repeated."),
]


def evaluate(expression: Expression = None, expressions: Expressions = None) -> None:
    """Evaluate forms and print their values with their types.

    Definitions come first, the other forms are evaluated in order. Forms that define main are run
    as a program. MLIR's usual dialects are required from the start.

    \b
    Examples:
      lispier eval '(arith.addi (: 40 i64) 2)'
      lispier eval -e '(defn twice [(: n i64)] -> i64 (func.return (arith.addi n n)))' \\
                   -e '(call i64 twice (: 21 i64))'
    """
    text = "\n".join([*([] if expression is None else [expression]), *(expressions or [])])
    if expression is None and not expressions:
        raise UserError(
            "expected an expression, found none", hint="lispier eval '(arith.addi (: 40 i64) 2)'"
        )
    if _defines_main(text):
        _run_program(text)
    else:
        _print_values(text)


def _defines_main(text: str) -> bool:
    from pharos import lisp
    from pharos.lisp.namespaces import Namespaces

    return any(map(_is_main, lisp.read(text, _NAME, namespaces=Namespaces(lenient=True))))


def _is_main(form: Value) -> bool:
    from pharos.lisp.values import List, Map, String, Symbol

    if not isinstance(form, List):
        return False
    if form.head in ("module", "do"):
        return any(map(_is_main, form.items))
    second = form.items[1] if len(form.items) > 1 else None
    if form.head == "defn":
        return isinstance(second, Symbol) and second.text == "main"
    name = second.entries.get("sym_name") if isinstance(second, Map) else None
    return isinstance(name, String) and name.value == "main"


def _run_program(text: str) -> None:
    from pharos import lisp, toolchain
    from pharos.lisp.growing import USUAL_DIALECTS
    from pharos.tools import apart
    from pharos.tools.mains import run_main

    engine = toolchain.macro_engine()
    program = lisp.load_text(text, _NAME, dialects=USUAL_DIALECTS, engine=engine)
    built = apart.build(toolchain.of_program(program), toolchain.Request())
    run_main(built.artifact, ())


def _print_values(text: str) -> None:
    from pharos.runtime.child import ChildDied, in_child

    def work(report: Report) -> None:
        report(_COMPILING)
        _evaluate(text, report)

    try:
        in_child(work)
    except ChildDied as death:
        if death.code is not None and death.step == _RUNNING:
            raise typer.Exit(death.code) from None  # the forms called exit
        if death.output.strip():
            remark(death.output.strip())
        what = "the program" if death.step == _RUNNING else "compiling it"
        raise UserError(f"{_NAME}: {what} ended by {death.status}") from None


def _evaluate(text: str, report: Report) -> None:
    from pharos.targets.cpu.program import flush
    from pharos.tools.repl.expression import Result
    from pharos.tools.repl.session import Running, Session

    for event in Session().evaluate(text, _NAME):
        if isinstance(event, Running):
            report(_RUNNING)
        elif isinstance(event, Result):
            flush()
            report(_COMPILING)
            if event.name is None:
                value = event.slot.show() if event.slot is not None else "..."
                print(f"{value} : {event.type}", flush=True)
        elif isinstance(event, str):
            remark(event)
    flush()
