"""Tokens to values (sections 2 and 3 of the language reference)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pharos.core.errors import Note, UserError
from pharos.core.span import Span, register_source
from pharos.lisp.namespaces import Namespaces
from pharos.lisp.tokens import Source, Token, tokenize
from pharos.lisp.values import Bool, Keyword, List, Map, Nil, Number, String, Symbol, Value, Vector

# Far above what people write, and low enough that the recursive parts behind the reader are safe.
MAX_DEPTH = 200

_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_NAMES = {"(": "parenthesis", "[": "bracket", "{": "brace"}
_QUOTES = {"`": "quasiquote", "~": "unquote", "~@": "unquote-splice"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def read(text: str, name: str = "<text>", *, namespaces: Namespaces | None = None) -> list[Value]:
    """The values in ``text``, each with its span; ``name`` is the file that spans give.

    ``namespaces`` are the requires in force at the start, and takes in those of ``text``. Raises
    UserError at the place of the first mistake.
    """
    register_source(name, text)
    return read_values(Source(text, name), namespaces or Namespaces())


def read_values(source: Source, namespaces: Namespaces) -> list[Value]:
    """The values in ``source``; ``namespaces`` as for ``read``."""
    return _Reader(source, namespaces).read()


@dataclass
class _Open:
    """A bracket or quote mark that waits for its end."""

    token: Token
    items: list[Value] = field(default_factory=list)

    @property
    def quote(self) -> bool:
        return self.token.kind == "quote"


class _Reader:
    def __init__(self, source: Source, namespaces: Namespaces) -> None:
        self.source = source
        self.namespaces = namespaces
        # The last entry is the innermost; the first stands for the file itself.
        self.stack = [_Open(Token("file", "", 0, 0))]

    def read(self) -> list[Value]:
        for token in tokenize(self.source):
            if token.kind in ("open", "quote"):
                self._push(token)
            elif token.kind == "close":
                self._close(token)
            else:
                self._add(self._atom(token), token.end)
        if len(self.stack) > 1:
            raise self._unclosed(self.stack[-1])
        return self.stack[0].items

    def _push(self, token: Token) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise UserError(
                f"forms are nested more than {MAX_DEPTH} deep",
                span=self.source.span(token.start, token.end),
                hint="give inner forms a name with def",
            )
        self.stack.append(_Open(token))

    def _add(self, value: Value, end: int) -> None:
        """Put ``value``, which ends at offset ``end``, where the innermost bracket wants it."""
        self.stack[-1].items.append(value)
        while self.stack[-1].quote:
            mark = self.stack.pop()
            span = self.source.span(mark.token.start, end)
            head = Symbol(_QUOTES[mark.token.text], span)
            self.stack[-1].items.append(List([head, *mark.items], span))

    def _close(self, token: Token) -> None:
        opening = self.stack[-1]
        if _CLOSERS.get(opening.token.text) != token.text:
            raise self._misplaced(opening, token)
        self.stack.pop()
        self._add(self._collection(opening, token.end), token.end)

    def _misplaced(self, opening: _Open, token: Token) -> UserError:
        """The error for the closing bracket ``token``, which does not close ``opening``."""
        span = self._at(token)
        if opening.quote:
            return UserError(
                f"expected a form after '{opening.token.text}', got '{token.text}'", span=span
            )
        if len(self.stack) == 1:
            return UserError(f"unexpected '{token.text}': nothing is open here", span=span)
        return UserError(
            f"unexpected '{token.text}', expected '{_CLOSERS[opening.token.text]}'",
            span=span,
            notes=[Note(f"to close this '{opening.token.text}'", self._at(opening.token))],
        )

    def _collection(self, opening: _Open, end: int) -> Value:
        span = self.source.span(opening.token.start, end)
        if opening.token.text == "[":
            return Vector(opening.items, span)
        if opening.token.text == "{":
            return _map(opening.items, span)
        form = List(opening.items, span)
        self.namespaces.note(form)
        return form

    def _atom(self, token: Token) -> Value:
        kind, text = token.kind, token.text
        span = self._at(token)
        if kind == "symbol":
            if text in _WORDS:
                return _WORDS[text](span)
            if "\n" in text or "\t" in text or "\r" in text:
                text = " ".join(text.split())
            return Symbol(self.namespaces.resolve(text, span), span)
        if kind == "number":
            whole = text.lstrip("-").isdigit()
            return Number(_integer(text, span) if whole else float(text), span)
        if kind == "keyword":
            return Keyword(text[1:], span)
        if kind == "string":
            return String(_unescape(text[1:-1]), span)
        return Symbol(text, span)

    def _at(self, token: Token) -> Span:
        return self.source.span(token.start, token.end)

    def _unclosed(self, opening: _Open) -> UserError:
        text = opening.token.text
        if opening.quote:
            return UserError(
                f"expected a form after '{text}', got the end of the file",
                span=self._at(opening.token),
            )
        return UserError(
            f"unclosed '{text}': expected a closing {_NAMES[text]} '{_CLOSERS[text]}' "
            "before the end of the file",
            span=self._at(opening.token),
        )


_WORDS: dict[str, Callable[[Span], Value]] = {
    "true": lambda span: Bool(True, span),
    "false": lambda span: Bool(False, span),
    "nil": lambda span: Nil(span),
}


def _integer(text: str, span: Span) -> int:
    # Python refuses to convert very long numbers, and no MLIR type here is that wide.
    if len(text) > 1000:
        raise UserError(f"invalid number: {len(text)} digits are too many", span=span)
    return int(text)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    result = []
    chars = iter(text)
    for char in chars:
        if char == "\\":
            char = next(chars)
            char = _ESCAPES.get(char, char)
        result.append(char)
    return "".join(result)


def _map(items: list[Value], span: Span) -> Map:
    entries: dict[str, Value] = {}
    spans: dict[str, Span] = {}
    for key, value in zip(items[::2], items[1::2], strict=False):
        if not isinstance(key, Keyword):
            raise UserError("map key must be a keyword (like :result)", span=key.span)
        entries[key.name] = value
        spans[key.name] = key.span or span
    if len(items) % 2:
        last = items[-1]
        if not isinstance(last, Keyword):
            raise UserError("map key must be a keyword (like :result)", span=last.span)
        raise UserError(f"map is missing the value of :{last.name}", span=last.span)
    return Map(entries, span, spans)
