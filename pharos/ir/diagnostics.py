"""MLIR's diagnostics as errors of ours, with place, note chain and operation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pharos.core.errors import ErrorList, Note, UserError
from pharos.core.span import Span
from pharos.ir.bindings import MLIRError
from pharos.ir.locations import span_of

# The transform interpreter reports in the text of a ValueError instead of a diagnostic.
_IN_TEXT = re.compile(r'Diagnostic message at loc\("(.*?)":(\d+):(\d+)\): (.*)', re.DOTALL)
_OPERATION = re.compile(r"'([a-z_0-9]+\.[\w.$-]+)' op ")
_CURRENT = "see current operation: "


class CompileError(UserError):
    """An error that MLIR reported. ``operation`` is the name of the guilty operation, if known."""

    operation: str | None = None


@contextmanager
def diagnosed(doing: str, *, file: str | None = None) -> Iterator[None]:
    """Turn what MLIR raises inside the block into CompileErrors.

    ``doing`` names the step, for messages that carry no place ("pass 'cse'"). ``file`` replaces
    the name "-" that MLIR gives to text parsed from memory.
    """
    try:
        yield
    except MLIRError as error:
        errors = [
            _from_diagnostic(d, file)
            for d in error.error_diagnostics
            if str(d.severity).endswith("ERROR")
        ]
        if not errors:
            raise CompileError(f"{doing}: {error}") from None
        raise (errors[0] if len(errors) == 1 else ErrorList(errors)) from None
    except ValueError as error:
        raise _from_text(str(error), doing, file) from None


def _from_diagnostic(diagnostic: Any, file: str | None) -> CompileError:
    notes, operation = [], None
    for note in diagnostic.notes:
        if note.message.startswith(_CURRENT):
            operation = note.message.removeprefix(_CURRENT)
        notes.append(Note(note.message, _renamed(span_of(note.location), file)))
    error = CompileError(
        diagnostic.message, span=_renamed(span_of(diagnostic.location), file), notes=notes
    )
    named = _OPERATION.search(diagnostic.message) or re.search(r'"([\w.$-]+)"\(', operation or "")
    error.operation = named.group(1) if named else None
    return error


def _from_text(text: str, doing: str, file: str | None) -> CompileError:
    found = _IN_TEXT.search(text)
    if found is None:
        return CompileError(f"{doing}: {text.strip()}")
    name, line, column, message = found.groups()
    span = _renamed(Span(name, int(line), int(column)), file)
    return CompileError(f"{doing}: {message.strip()}", span=span)


def _renamed(span: Span | None, file: str | None) -> Span | None:
    if span is None or span.file != "-" or file is None:
        return None if span is not None and span.file == "-" else span
    return Span(file, span.line, span.column, span.end_line, span.end_column)
