"""The text form of a stage, the same on the command line and in YAML.

::

    stage   = [kind ":"] body ["as" label]
    kind    = "pass" | "schedule" | "transform" | "include" | "select" | "stage"
    body    = passes                            after "pass:"
            | name [options]                    after the other kinds
    passes  = pass {"," pass}
    pass    = name [options] | name "(" passes ")"
    options = "{" {name ["=" value {"," value}]} "}"
                                                separated by blanks; a bare name means true,
                                                values with commas are a list, as MLIR has them
    value   = word | string | "$" name | "[" [value {"," value}] "]"
    name    = word | string

Without a kind, a name that ends in .yaml or .yml is an include, one in .mlir a transform, and
everything else a pass. `values.read_word` says what a bare word means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from pharos.core.errors import UserError, nearest
from pharos.core.span import Span, register_source
from pharos.pipeline.stages import KINDS, NAMED_KINDS, DeclaredStage, Pass, PassStage
from pharos.pipeline.tokens import Source, Token, plain_source, text_name, tokenize
from pharos.pipeline.values import (
    MAX_DEPTH,
    Options,
    Reference,
    Value,
    is_parameter_name,
    read_word,
)

# Passes in passes, then a list in lists in their options: each may go to its own limit.
_MAX_BRACKETS = 2 * MAX_DEPTH + 2
_SUFFIXES = {".yaml": "include", ".yml": "include", ".mlir": "transform"}
T = TypeVar("T")


def parse_stage(text: str, *, file: str | None = None) -> DeclaredStage:
    """The stage that ``text`` declares. ``file`` is the name that errors give to the text.

    Raises UserError with the line and column of what was not expected.
    """
    return read_stage(_source("stage", text, file))


def parse_value(text: str, *, file: str | None = None) -> Value:
    """The value that ``text`` denotes, as in a stage's options."""
    parser = Parser(_source("value", text, file))
    return parser.whole(parser.value)


def parse_assignment(text: str, *, file: str | None = None) -> tuple[str, Value]:
    """``name=value`` as a pair: a parameter given on the command line.

    The name may be a motif's key and one of its parameters: ``contraction-0f97f760.mr=8``.
    """
    parser = Parser(_source("parameter", text, file))
    name = parser.expect("word", "a parameter's name")
    if not is_parameter_name(name.text.rpartition(".")[2]):
        raise UserError(f"expected a parameter's name, found {name}", span=name.span)
    parser.expect("=", f"'=' and a value after '{name.text}'")
    return name.text, parser.whole(parser.value)


def _source(what: str, text: str, file: str | None) -> Source:
    file = file or text_name(what, text)
    register_source(file, text)
    return plain_source(text, file)


def read_stage(source: Source, kind: str | None = None) -> DeclaredStage:
    """The stage in ``source``; of ``kind`` where that is known, else as the text says."""
    parser = Parser(source)
    return parser.whole(lambda: parser.stage(kind))


def read_passes(source: Source) -> tuple[Pass, ...]:
    """The pass pipeline in ``source``."""
    parser = Parser(source)
    return parser.whole(parser.passes)


class Parser:
    """Recursive descent over the tokens of one source, one method per rule of the grammar."""

    def __init__(self, source: Source) -> None:
        self._tokens = tokenize(source)
        self._at = 0
        self._depth = 0

    def whole(self, rule: Callable[[], T]) -> T:
        """What ``rule`` reads; an error unless that is all there is."""
        result = rule()
        self.expect("end", "the end of the text")
        return result

    def expect(self, kind: str, what: str) -> Token:
        """The next token, which must be of ``kind``; ``what`` names it in the error."""
        token = self._tokens[self._at]
        if token.kind != kind:
            raise UserError(f"expected {what}, found {token}", span=token.span)
        self._at += kind != "end"
        return token

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _accept(self, kind: str) -> bool:
        found = self._peek().kind == kind
        self._at += found
        return found

    def stage(self, kind: str | None) -> DeclaredStage:
        """stage = [kind ":"] body ["as" label]"""
        start = self._peek().span
        if kind is None:
            kind = self._kind() if self._peek(1).kind == ":" else self._inferred_kind()
        stage: DeclaredStage
        if kind == PassStage.kind:
            stage = PassStage(self.passes(), span=start)
        else:
            name = self._name(f"a name after '{kind}:'")
            stage = NAMED_KINDS[kind](name.text, self._options(), span=name.span)
        if self._peek().kind == "word" and self._peek().text == "as":
            self._at += 1
            label = self._name("a label after 'as'")
            stage = replace(stage, label=label.text, span=label.span)
        return replace(stage, span=start)

    def _kind(self) -> str:
        kind = self.expect("word", "a kind of stage")
        self._at += 1
        if kind.text not in KINDS:
            raise UserError(
                f"expected a kind of stage ({', '.join(KINDS)}), found '{kind.text}'",
                span=kind.span,
                hint=nearest(kind.text, KINDS),
            )
        return kind.text

    def _inferred_kind(self) -> str:
        name = self._peek().text
        return next((k for s, k in _SUFFIXES.items() if name.endswith(s)), PassStage.kind)

    def passes(self) -> tuple[Pass, ...]:
        """passes = pass {"," pass}"""
        found = [self._pass()]
        while self._accept(","):
            found.append(self._pass())
        return tuple(found)

    def _pass(self) -> Pass:
        """pass = name [options] | name "(" passes ")" """
        name = self._name("the name of a pass")
        if self._peek().kind != "(":
            return Pass(name.text, self._options(), span=name.span)
        nested = self._enclosed("(", ")", self.passes)
        if self._peek().kind == "{":
            raise UserError(
                f"expected ',' after the passes nested under '{name.text}', found options",
                span=self._peek().span,
                hint="options belong to a pass, inside the parentheses",
            )
        return Pass(name.text, nested=nested, span=name.span)

    def _name(self, what: str) -> Token:
        if self._peek().kind == "string" and self._peek().text:
            return self.expect("string", what)
        return self.expect("word", what)

    def _options(self) -> Options:
        """options = "{" {name ["=" value {"," value}]} "}" """
        if self._peek().kind != "{":
            return Options()
        return self._enclosed("{", "}", self._option_list)

    def _option_list(self) -> Options:
        values: dict[str, Value] = {}
        spans: dict[str, Span] = {}
        while self._peek().kind not in ("}", "end"):
            name = self._name("the name of an option")
            if name.text in values:
                raise UserError(f"option '{name.text}' is given twice", span=name.span)
            spans[name.text] = name.span
            values[name.text] = self._option_value() if self._accept("=") else True
            if self._peek().kind == ",":
                raise UserError(
                    "expected a blank between options, found ','",
                    span=self._peek().span,
                    hint="options are separated by blanks; a list is written [1, 2]",
                )
        return Options(values, spans=spans)

    def _option_value(self) -> Value:
        """value {"," value}: MLIR's own spelling of a list, as in tile-sizes=16,16"""
        items = [self.value()]
        # A name and '=' after the comma are the next option, wrongly separated.
        while self._peek().kind == "," and self._peek(2).kind != "=":
            self._at += 1
            items.append(self.value())
        return items[0] if len(items) == 1 else tuple(items)

    def value(self) -> Value:
        """value = word | string | "$" name | "[" [value {"," value}] "]" """
        token = self._peek()
        if token.kind == "[":
            return self._enclosed("[", "]", self._items)
        if token.kind not in ("word", "string", "reference"):
            raise UserError(
                f"expected a value, found {token}",
                span=token.span,
                hint="a value is a word, a number, text in quotes, $parameter or [a, b]",
            )
        self._at += 1
        return _scalar(token)

    def _items(self) -> tuple[Value, ...]:
        if self._peek().kind == "]":
            return ()
        items = [self.value()]
        while self._accept(","):
            items.append(self.value())
        return tuple(items)

    def _enclosed(self, opening: str, closing: str, rule: Callable[[], T]) -> T:
        start = self.expect(opening, f"'{opening}'")
        self._depth += 1
        if self._depth > _MAX_BRACKETS:
            raise UserError(f"expected at most {_MAX_BRACKETS} open brackets", span=start.span)
        result = rule()
        place = f"'{closing}' for the '{opening}' at {start.span.line}:{start.span.column}"
        self.expect(closing, place)
        self._depth -= 1
        return result


def _scalar(token: Token) -> Value:
    if token.kind == "reference":
        return Reference(token.text, token.span)
    if token.kind == "string":
        return token.text
    try:
        return read_word(token.text)
    except ValueError as error:
        raise UserError(
            str(error), span=token.span, hint="put it in quotes if text is meant"
        ) from None
