"""What is wrong in a program, and the types in it: plain data, because it crosses a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pharos import ir
from pharos.core.errors import ErrorList, UserError
from pharos.core.span import Span
from pharos.lisp.expansions import explained
from pharos.lisp.lowering.module import module_of
from pharos.lisp.lowering.verifier import verify
from pharos.lisp.problems import Problems
from pharos.tools.lispier.check import missing, wrong_passes
from pharos.tools.lsp.loading import editor_loader

# (first line, first column, last line, last column), from 1, the end just past the last character.
Place = tuple[int, int, int, int]


@dataclass(frozen=True)
class Related:
    """One more place of a mistake."""

    message: str
    file: str
    place: Place


@dataclass(frozen=True)
class Mistake:
    """One error: ``file`` is "" and ``place`` None when nobody knows where it is."""

    message: str
    file: str = ""
    place: Place | None = None
    related: tuple[Related, ...] = ()


@dataclass(frozen=True)
class Typed:
    """The value of the form at ``place``: the operation that makes it, and its types."""

    place: Place
    operation: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class Analysis:
    """All about one program. ``types`` are those of its entry file."""

    mistakes: tuple[Mistake, ...] = ()
    types: tuple[Typed, ...] = ()
    files: tuple[str, ...] = field(default=())


def analyse(path: str, texts: Mapping[str, str]) -> Analysis:
    """The analysis of the program in the file ``path``; ``texts`` are what the editor holds."""
    problems = Problems()
    loader = editor_loader(path, texts, problems)
    with problems.gathered():
        loader.load_file(path, None)
    module, functions, errors = module_of(loader.program, ir.new_context())
    for error in errors:
        problems.add(error)
    found = tuple(_types(module.operation, path))
    for error in wrong_passes(loader.program):
        problems.add(error)
    if not problems.errors:
        with problems.gathered():
            verify(module, functions)
            for error in missing(loader.program):
                problems.add(error)
    errors = [explained(error, loader.program.expansions) for error in problems.errors]
    mistakes = [_mistake(error) for error in _each(errors)]
    return Analysis(tuple(mistakes), found, tuple(loader.program.files))


def _each(errors: Iterable[UserError]) -> Iterator[UserError]:
    for error in errors:
        if isinstance(error, ErrorList):
            yield from _each(error.errors)
        else:
            yield error


def _mistake(error: UserError) -> Mistake:
    message = f"{error.message}\nhint: {error.hint}" if error.hint else error.message
    related = tuple(
        Related(note.message, note.span.file, _place(note.span))
        for note in error.notes
        if note.span is not None
    )
    if error.span is None:
        return Mistake(message, related=related)
    return Mistake(message, error.span.file, _place(error.span), related)


def _place(span: Span) -> Place:
    if not span.end_line:
        return span.line, span.column, span.line, span.column + 1
    return span.line, span.column, span.end_line, span.end_column


def _types(operation: Any, path: str) -> Iterator[Typed]:
    """The types of every operation below ``operation`` that the file ``path`` wrote."""
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                span = ir.span_of(inner.operation.location)
                if span is not None and span.file == path:
                    types = tuple(str(result.type) for result in inner.operation.results)
                    yield Typed(_place(span), inner.operation.name, types)
                yield from _types(inner.operation, path)
