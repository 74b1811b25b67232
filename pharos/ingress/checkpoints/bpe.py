"""Byte-level BPE as GPT-2's, through the ``tokenizers`` library.

A tokenizer file holds tokens and no merges, but in GPT-2's vocabulary (and in any that a BPE
trainer numbered as it went) they can be had back: the tokens but for end-of-text are the 256
bytes, then the merges' results in the order of the merges. A merge's pair is what its token's
bytes become under the earlier merges. That is exact: in the text that the trainer saw, no earlier
merge crossed the edges of the pair, so the token's bytes alone merge as they did there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from pharos.core.errors import UserError

Pair = tuple[bytes, bytes]


def _alphabet() -> dict[int, str]:
    # GPT-2 spells every byte as a printable character: itself where Latin-1 prints it, else the
    # next free one from U+0100 on. Source: GPT-2's encoder.py, bytes_to_unicode.
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in prints]
    spelled = {byte: chr(byte) for byte in prints}
    return spelled | {byte: chr(0x100 + i) for i, byte in enumerate(others)}


SPELLED = _alphabet()
BYTE_OF = {character: byte for byte, character in SPELLED.items()}


def spell(token: bytes) -> str:
    """``token`` in GPT-2's spelling, one printable character per byte."""
    return "".join(SPELLED[byte] for byte in token)


def merges_of(tokens: Sequence[bytes], end: int) -> list[Pair]:
    """The merges behind ``tokens``, in order; ``end`` is the id of end-of-text, which has none.

    Raises ``UserError`` when the tokens are not numbered as a BPE trainer numbers them.
    """
    numbered = [index for index in range(len(tokens)) if index != end]
    letters = [tokens[index] for index in numbered[:256]]
    if sorted(letters) != [bytes([byte]) for byte in range(256)]:
        raise UserError(
            "the vocabulary is no byte-level BPE: expected its first 256 tokens to be the 256 "
            f"bytes, found {len({one for one in letters if len(one) == 1})} of them"
        )
    ranks: dict[bytes, int] = {}
    merges = []
    for index in numbered[256:]:
        token = tokens[index]
        parts = _merge_to_two(token, ranks)
        if len(parts) != 2 or token in ranks:
            raise UserError(
                f"the vocabulary is not in the order of its merges: expected token {index} "
                f"({token!r}) to be two earlier tokens, found "
                + ("it twice" if token in ranks else f"{len(parts)}")
            )
        merges.append((parts[0], parts[1]))
        ranks[token] = len(ranks)
    return merges


def _merge_to_two(token: bytes, ranks: dict[bytes, int]) -> list[bytes]:
    """``token``'s bytes merged by ``ranks``, lowest first, then leftmost, until two are left.

    More are left when no merge applies, one when there was one.
    """
    parts = [token[i : i + 1] for i in range(len(token))]
    rank, none = ranks.get, len(ranks)
    while len(parts) > 2:
        scores = [rank(a + b, none) for a, b in pairwise(parts)]
        best = min(scores)
        if best == none:
            break
        at = scores.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def from_tokens(path: Path, tokens: Sequence[bytes], end: int) -> Tokenizer:
    """A ``tokenizers`` object for ``tokens``, its merges recovered from their order."""
    try:
        merges = merges_of(tokens, end)
    except UserError as error:
        raise UserError(
            f"{path}: cannot encode text: {error.message}",
            hint="put the tokenizer.json it was made from beside it",
        ) from error
    vocabulary = {spell(token): i for i, token in enumerate(tokens) if i != end}
    # Spelled, the end token is its own text, for it is printable; unspelled it would be lost.
    vocabulary[tokens[end].decode("utf-8", errors="replace")] = end
    return library_of(vocabulary, [(spell(a), spell(b)) for a, b in merges], tokens[end])


def library_of(vocabulary: dict[str, int], merges: list[tuple[str, str]], end: bytes) -> Tokenizer:
    """A ``tokenizers`` object that splits and merges as GPT-2 does, from spelled tokens.

    ``end`` is matched whole wherever it stands in a text, if the vocabulary has it.
    """
    library = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    library.decoder = decoders.ByteLevel()
    text = end.decode("utf-8", errors="replace")
    if text in vocabulary:
        library.add_special_tokens([AddedToken(text, normalized=False, special=True)])
    return library
