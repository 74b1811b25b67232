"""Text of stages and values into tokens that know where they stand.

Four sorts of tokens: words (names and bare values), strings in quotes, references ``$name``, and
the punctuation ``{ } [ ] ( ) , = :``. Blanks and line breaks separate tokens and mean nothing.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.pipeline.values import WORD_CHARACTERS

PUNCTUATION = frozenset("{}[](),=:")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"'}
_LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True)
class Source:
    """A text to read, and the (line, column) of each of its characters and of its end.

    The places need not be consecutive: a text out of a YAML file may have been folded.
    """

    text: str
    file: str
    places: Sequence[tuple[int, int]]

    def span(self, start: int, end: int) -> Span:
        """The stretch from the character at ``start`` to just before the one at ``end``."""
        line, column = self.places[start]
        end_line, end_column = self.places[max(start, end - 1)]
        return Span(self.file, line, column, end_line, end_column + (end > start))


def plain_source(text: str, file: str) -> Source:
    """``text`` as the whole of the file named ``file``."""
    places, line, column = [], 1, 1
    for character in text:
        places.append((line, column))
        line, column = (line + 1, 1) if character == "\n" else (line, column + 1)
    return Source(text, file, [*places, (line, column)])


_numbers = itertools.count(1)


@functools.cache
def text_name(what: str, text: str) -> str:
    """A file name for a text of no file: its own, so that errors show the lines of this text."""
    return f"<{what} {next(_numbers)}>"


@dataclass(frozen=True)
class Token:
    """``kind`` is "word", "string", "reference", "end" or a punctuation character.

    ``text`` is the word, the string's content, or the reference's name.
    """

    kind: str
    text: str
    span: Span

    def __str__(self) -> str:
        if self.kind == "end":
            return "the end of the text"
        quoted = {"string": f'"{self.text}"', "reference": f"'${self.text}'"}
        return quoted.get(self.kind, f"'{self.text}'")


def tokenize(source: Source) -> list[Token]:
    """The tokens of ``source``, the last of kind "end". Raises UserError at a wrong character."""
    tokens, at, text = [], 0, source.text
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token, at = _token(source, at)
        tokens.append(token)
    return [*tokens, Token("end", "", source.span(at, at))]


def _token(source: Source, at: int) -> tuple[Token, int]:
    character = source.text[at]
    if character in PUNCTUATION:
        return Token(character, character, source.span(at, at + 1)), at + 1
    if character == '"':
        return _escaped_string(source, at)
    if character == "'":
        return _raw_string(source, at)
    start = at + (character == "$")
    end = _word_end(source.text, start)
    if end > start:
        kind = "reference" if character == "$" else "word"
        return Token(kind, source.text[start:end], source.span(at, end)), end
    if character == "$":
        raise UserError("expected a parameter's name after '$'", span=source.span(at, at + 1))
    raise UserError(
        f"unexpected character {character!r}",
        span=source.span(at, at + 1),
        hint="put text that contains it in quotes",
    )


def _word_end(text: str, at: int) -> int:
    while at < len(text) and text[at] in WORD_CHARACTERS:
        at += 1
    return at


def _raw_string(source: Source, at: int) -> tuple[Token, int]:
    end = source.text.find("'", at + 1)
    if end < 0:
        raise UserError("expected a closing ' for this one", span=source.span(at, at + 1))
    return Token("string", source.text[at + 1 : end], source.span(at, end + 1)), end + 1


def _escaped_string(source: Source, start: int) -> tuple[Token, int]:
    text, at, characters = source.text, start + 1, []
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            character, at = _escape(source, at)
        else:
            character, at = text[at], at + 1
        characters.append(character)
    if at == len(text):
        raise UserError('expected a closing " for this one', span=source.span(start, start + 1))
    return Token("string", "".join(characters), source.span(start, at + 1)), at + 1


def _escape(source: Source, at: int) -> tuple[str, int]:
    """The character that the escape at ``at`` means, and where the text goes on."""
    text = source.text
    letter = text[at + 1 : at + 2]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 2
    close = text.find("}", at)
    digits = text[at + 3 : close]
    if text[at + 1 : at + 3] == "u{" and 0 < len(digits) <= 6 and close > 0:
        try:
            return chr(_code_point(digits)), close + 1
        except ValueError:
            pass  # Not a code point: reported below with the other unknown escapes.
    raise UserError(
        f"unknown escape '\\{letter}'",
        span=source.span(at, min(at + 2, len(text))),
        hint='the escapes are \\" \\\\ \\n \\t \\r and \\u{...} with a hexadecimal code point',
    )


def _code_point(digits: str) -> int:
    number = int(digits, 16)
    if number > _LAST_CODE_POINT or 0xD800 <= number <= 0xDFFF or not digits.isalnum():
        raise ValueError(digits)
    return number
