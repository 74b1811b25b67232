"""What the prompt can ask of the worker: evaluate a line, or one of the commands with a colon."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pharos.core import settings
from pharos.core.errors import UserError, nearest
from pharos.ir.bindings import mlir
from pharos.lisp.format import format_text
from pharos.lisp.growing import USUAL_DIALECTS
from pharos.lisp.values import Symbol, Value, to_text
from pharos.runtime.benchmark import benchmark
from pharos.targets.cpu.disassembly import disassembled, with_helpers
from pharos.tools.language import documentation, operations
from pharos.tools.language.source import source_text
from pharos.tools.repl.channel import Message
from pharos.tools.repl.definitions import Definition
from pharos.tools.repl.expression import EXPRESSION, Result
from pharos.tools.repl.session import Defined, Running, Session

# A form that runs longer than this (in seconds) is timed by one run.
_LONG = 0.5

Messages = Iterator[dict[str, Any]]
Command = Callable[["Commands", str, str], Messages]


class Commands:
    """The session, and the answers to the requests that arrive."""

    def __init__(self) -> None:
        self.session = Session()
        _warm_up(self.session)

    def answer(self, request: Message) -> Messages:
        """The messages that answer ``request``; raises UserError for a mistake in it."""
        handler = _COMMANDS[request["do"]]
        yield from handler(self, request.get("text", ""), request.get("name", "<repl>"))

    def one_form(self, text: str, name: str, command: str) -> Value:
        """The only form in ``text``, expanded; of a definition, its name.

        What ``text`` defines is then defined: for commands that are not kept.
        """
        forms, defined = self.session.take(text, name)
        if not forms and defined:
            return Symbol(defined[-1])
        if len(forms) != 1:
            raise UserError(f":{command} takes one form, got {len(forms)}")
        return forms[0]


def _warm_up(session: Session) -> None:
    """Load everything that a line needs before the first is waited for."""
    form = session.growing.take("(: 0 i64)", "<start>")[0]
    session.compiled(form)


_COMMANDS: dict[str, Command] = {}


def _command(name: str, *, kept: bool = True) -> Callable[[Command], Command]:
    """Register the decorated function as what ``name`` asks for.

    Of a command that is not ``kept`` nothing stays: the session is then as it was before.
    """

    def register(handler: Command) -> Command:
        _COMMANDS[name] = handler if kept else _forgotten(handler)
        return handler

    return register


def _forgotten(handler: Command) -> Command:
    def run(commands: Commands, text: str, name: str) -> Messages:
        yield from handler(commands, text, name)
        yield {"say": "forget"}

    return run


def _shown(text: str, kind: str = "text") -> dict[str, Any]:
    return {"say": "shown", "kind": kind, "text": text}


# -- lines ----------------------------------------------------------------------------------------


@_command("evaluate")
def _evaluate(commands: Commands, text: str, name: str) -> Messages:
    """Do what a line says."""
    yield from _told(commands.session.evaluate(text, name))


@_command("load")
def _load(commands: Commands, text: str, name: str) -> Messages:
    """Do what a file says."""
    path = Path(text).expanduser()
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"cannot read {text}: {reason}") from None
    yield from _told(commands.session.evaluate(source, str(path), folder=str(path.parent)))


def _told(events: Iterator[Defined | Result | str | Running]) -> Messages:
    for event in events:
        if isinstance(event, Running):
            yield {"say": "running"}
        elif isinstance(event, str):
            yield _shown(event, "warning")
        elif isinstance(event, Defined):
            yield _shown(f"{event.name} : {event.type}", "defined")
        else:
            yield _shown(_result(event), "value")


def _result(result: Result) -> str:
    if result.name and isinstance(result.type, mlir.MemRefType):
        # Most often it was allocated just now, and what is in it says nothing.
        return f"{result.name} : {result.type}"
    prefix = f"{result.name} = " if result.name else ""
    if result.slot is None:
        return f"{prefix}... : {result.type}"
    lines = result.slot.show().splitlines() or [""]
    indented = ("\n" + " " * len(prefix)).join(lines)
    return f"{prefix}{indented} : {result.type}"


# -- what a form becomes --------------------------------------------------------------------------


@_command("expand", kept=False)
def _expand(commands: Commands, text: str, name: str) -> Messages:
    """The form with its macros expanded."""
    forms = commands.session.growing.take(text, name)
    yield _shown(format_text("\n".join(map(to_text, forms)), "<expansion>").rstrip(), "lisp")


@_command("type", kept=False)
def _type(commands: Commands, text: str, name: str) -> Messages:
    """The types of the values of a form, which does not run."""
    form = commands.one_form(text, name, "type")
    function = _function_named(commands, form)
    if function is not None:
        yield _shown(f"{function} : {commands.session.type_of(function)}")
        return
    made, _ = commands.session.expression(form)
    yield _shown(", ".join(str(result.type) for result in made.results) or "no value")


@_command("ir", kept=False)
def _ir(commands: Commands, text: str, name: str) -> Messages:
    """The MLIR of a form or of a function."""
    form = commands.one_form(text, name, "ir")
    function = _function_named(commands, form)
    if function is not None:
        yield _shown(commands.session.function_text(function), "mlir")
        return
    made, _ = commands.session.expression(form)
    yield _shown(str(made.function).strip(), "mlir")


@_command("asm", kept=False)
def _asm(commands: Commands, text: str, name: str) -> Messages:
    """The machine code of a form or of a function."""
    form = commands.one_form(text, name, "asm")
    function = _function_named(commands, form)
    if function is not None:
        code = commands.session.linked([function]).artifact.code
    else:
        function = EXPRESSION
        code = commands.session.expression_code(form)
    others = {name for name in commands.session.definitions if name != function}
    parts = [disassembled(found) for found in with_helpers(code, function, others)]
    yield _shown("\n\n".join(parts), "asm")


@_command("time", kept=False)
def _time(commands: Commands, text: str, name: str) -> Messages:
    """How long a form takes: it runs many times, and nothing of it is kept."""
    form = commands.one_form(text, name, "time")
    start = time.perf_counter()
    _, linked = commands.session.compiled(form)
    compiled = time.perf_counter()
    run = linked.run
    yield {"say": "running"}
    start_of_run = time.perf_counter()
    run()
    first = time.perf_counter() - start_of_run
    if first > _LONG:
        took = f"{first:.3g} s (one run)"
    else:
        # Once is enough to see what it prints. The process ends with this command anyway.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        took = str(benchmark(run, warmup=1, runs=5, min_time=0.2))
    yield _shown(f"{took}, compiled in {(compiled - start) * 1e3:.0f} ms")


def _function_named(commands: Commands, form: Value) -> str | None:
    """The function of the session that ``form`` names, if it is no value."""
    if not isinstance(form, Symbol) or form.text in commands.session.values:
        return None
    name = form.name.removeprefix("@")
    made = commands.session.definitions.get(name)
    return name if made is not None and made.function is not None else None


# -- names ----------------------------------------------------------------------------------------


@_command("doc")
def _doc(commands: Commands, text: str, name: str) -> Messages:
    """What a name means."""
    wanted = text.strip()
    session = commands.session
    if wanted in session.definitions:
        made = session.definitions[wanted]
        where = f", defined at {made.span}" if made.span else ""
        yield _shown(f"{wanted} : {session.type_of(wanted)}{where}\n{_source(made)}")
        return
    if wanted in session.values:
        yield _shown(f"{wanted} : {session.values[wanted].type}, a value of this session")
        return
    found = documentation.document(session.growing.full_name(wanted), session.growing.macros)
    if found is None:
        known = [*_all_names(commands), *(n for d in USUAL_DIALECTS for n in operations.names(d))]
        raise UserError(f"nothing is called '{wanted}'", hint=nearest(wanted, known))
    yield _shown(found.plain())


@_command("names")
def _names(commands: Commands, text: str, name: str) -> Messages:
    """What could be completed: everything that the session and the language know."""
    operation_names = [
        name for dialect in commands.session.growing.dialects for name in operations.names(dialect)
    ]
    yield {"say": "names", "words": _all_names(commands), "operations": operation_names}


def _source(made: Definition) -> str:
    """The text that defined ``made``, as it was written."""
    text = source_text(made.span) if made.span is not None else None
    return text or format_text(to_text(made.form), "<definition>").rstrip()


def _all_names(commands: Commands) -> list[str]:
    session = commands.session
    known = documentation.known_names(session.growing.macros)
    return sorted({*known, *session.definitions, *session.values})


@_command("reproducer")
def _reproducer(commands: Commands, text: str, name: str) -> Messages:
    """Save what crashed the compiler: the definitions, and the line."""
    definitions = (to_text(made.form) for made in commands.session.definitions.values())
    root = settings.REPRODUCERS.get()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="line-", dir=root))
        (folder / "definitions.lisp").write_text("\n\n".join(definitions), encoding="utf-8")
        (folder / "line.lisp").write_text(text, encoding="utf-8")
    except OSError as problem:
        yield _shown(f"no reproducer: cannot write to {root}: {problem.strerror}")
        return
    yield _shown(f"reproducer: {folder}")
