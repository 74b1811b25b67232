"""llm.c's tokenizer file: a header of 256 uint32, then every token's length and bytes.

Header words: magic 20240328; version (1 or 2); vocabulary V; from version 2 on the id of
end-of-text, which version 1 leaves to convention (50256); zeros. Then V times one byte of length
and that many bytes. Source: llm.c, train_gpt2.py ``write_tokenizer`` and llmc/tokenizer.h.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pharos.core.errors import UserError
from pharos.ingress.checkpoints import beside
from pharos.ingress.checkpoints.files import (
    HEADER_BYTES,
    HEADER_WORDS,
    TOKENIZER_MAGIC,
    read_header,
    replacing,
)

_KIND = "a GPT-2 tokenizer"
_GPT2_VOCABULARY = 50257
_GPT2_END = 50256
_MOST_TOKENS = 1 << 24
_LONGEST_TOKEN = 255


class Tokenizer:
    """A mapped tokenizer file: ids to bytes, ids to text as they come, text to ids.

    ``vocabulary`` counts the tokens, ``end`` is the id of end-of-text.
    """

    def __init__(self, path: Path, data: np.ndarray, offsets: Sequence[int], end: int) -> None:
        self.path = path
        self.end = end
        self.vocabulary = len(offsets)
        self._data = data
        self._offsets = offsets  # of every token's length byte

    def token(self, index: int) -> bytes:
        """The bytes of token ``index``. Raises ``UserError`` when there is no such token."""
        if not 0 <= index < self.vocabulary:
            raise UserError(f"token id: expected 0 to {self.vocabulary - 1}, found {index}")
        offset = self._offsets[index]
        return self._data[offset + 1 : offset + 1 + int(self._data[offset])].tobytes()

    def tokens(self) -> list[bytes]:
        """The bytes of every token, by id."""
        return [self.token(index) for index in range(self.vocabulary)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids``; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self.token(index) for index in ids).decode("utf-8", errors="replace")

    def decoder(self) -> Decoder:
        """A decoder for ids that come one at a time."""
        return Decoder(self)

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; the text of the end token, "<|endoftext|>", becomes its id.

        Merges come from a tokenizer.json, or vocab.json with merges.txt, beside the file, and
        otherwise from the vocabulary (see bpe.py). Raises ``UserError`` when neither is possible,
        and for text that has no UTF-8 form.
        """
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UserError(
                f"the text has no UTF-8 form: character {error.start + 1} is half of a pair "
                f"(U+{ord(text[error.start]):04X})",
                hint="write the text in UTF-8",
            ) from error
        return list(self._encoder.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _encoder(self) -> Any:
        return beside.encoder(self.path, self.tokens(), self.end)


class Decoder:
    """Text from ids that come one at a time; an incomplete character waits for its last byte."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, index: int) -> str:
        """The text that token ``index`` completes, possibly none."""
        return self._utf8.decode(self._tokenizer.token(index))

    def finish(self) -> str:
        """What an incomplete character at the end becomes: U+FFFD, or nothing."""
        return self._utf8.decode(b"", final=True)


def open_tokenizer(path: str | Path) -> Tokenizer:
    """Map the tokenizer at ``path``, after every token was found within the file.

    Raises ``UserError`` naming the field or token, what was expected and what was found.
    """
    path = Path(path)
    header = read_header(path, TOKENIZER_MAGIC, _KIND)
    vocabulary, end = _sizes(path, header)
    data = np.memmap(path, dtype=np.uint8, mode="r")
    return Tokenizer(path, data, _offsets(path, data, vocabulary), end)


def _sizes(path: Path, header: np.ndarray) -> tuple[int, int]:
    version, vocabulary, end = (int(word) for word in header[1:4])
    if version not in (1, 2):
        raise UserError(f"{path}: field version: expected 1 or 2, found {version}")
    if not 1 <= vocabulary <= _MOST_TOKENS:
        raise UserError(
            f"{path}: field vocabulary: expected 1 to {_MOST_TOKENS}, found {vocabulary}"
        )
    if version == 1:
        if vocabulary != _GPT2_VOCABULARY:
            raise UserError(
                f"{path}: field vocabulary: expected {_GPT2_VOCABULARY} in version 1, whose end "
                f"token is {_GPT2_END} by convention, found {vocabulary}",
                hint="version 2 carries the end token for other vocabularies",
            )
        return vocabulary, _GPT2_END
    if end >= vocabulary:
        raise UserError(
            f"{path}: field end token: expected below vocabulary ({vocabulary}), found {end}"
        )
    return vocabulary, end


def _offsets(path: Path, data: np.ndarray, vocabulary: int) -> list[int]:
    """Where each token's length byte stands; the walk also proves that the file fits."""
    # Iterating over bytes is ten times as fast as indexing an array.
    raw, size = data.data, len(data)
    offsets, offset = [], HEADER_BYTES
    for index in range(vocabulary):
        if offset >= size:
            raise UserError(
                f"{path}: truncated: expected {vocabulary} tokens, found {index} in {size} bytes"
            )
        length = raw[offset]
        if length == 0:
            raise UserError(
                f"{path}: token {index}: expected a length of 1 to {_LONGEST_TOKEN} bytes, found 0"
            )
        offsets.append(offset)
        offset += 1 + length
    if offset > size:
        raise UserError(
            f"{path}: truncated: expected {length} bytes in token {index}, "
            f"found {length - (offset - size)}"
        )
    if offset < size:
        raise UserError(
            f"{path}: oversized: expected {offset} bytes for {vocabulary} tokens, found {size}"
        )
    return offsets


def write_tokenizer(path: str | Path, tokens: Sequence[bytes], end: int) -> Tokenizer:
    """Write ``tokens`` by id to ``path`` in version 2, by rename, and map the result.

    Raises ``UserError`` for tokens of no or more than 255 bytes and for an end that is no token.
    """
    if not 0 <= end < len(tokens):
        raise UserError(f"end token: expected 0 to {len(tokens) - 1}, found {end}")
    for index, token in enumerate(tokens):
        if not 1 <= len(token) <= _LONGEST_TOKEN:
            raise UserError(
                f"token {index}: expected 1 to {_LONGEST_TOKEN} bytes, found {len(token)}",
                hint="the format has one byte for a token's length",
            )
    header = np.zeros(HEADER_WORDS, dtype="<u4")
    header[:4] = TOKENIZER_MAGIC, 2, len(tokens), end
    with replacing(Path(path)) as file:
        file.write(header.tobytes())
        file.write(b"".join(bytes([len(token)]) + token for token in tokens))
    return open_tokenizer(path)
