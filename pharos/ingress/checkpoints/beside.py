"""The tokenizer of a Hugging Face folder: tokenizer.json, or vocab.json with merges.txt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.ingress.checkpoints import bpe
from pharos.ingress.checkpoints.files import parse_json, read_text

# What makes a tokenizer.json one of byte-level BPE.
_BYTE_LEVEL: dict[str, tuple[Any, ...]] = {
    "model.type": ("BPE",),
    "decoder.type": ("ByteLevel",),
    "model.continuing_subword_prefix": ("", None),
    "model.end_of_word_suffix": ("", None),
}


def encoder(path: Path, tokens: Sequence[bytes], end: int) -> Tokenizer:
    """What encodes text for the tokenizer file at ``path``, which holds ``tokens``.

    Taken from tokenizer.json, or vocab.json with merges.txt, in the same folder, and otherwise
    built from the tokens. Raises ``UserError`` when the files beside it hold another vocabulary.
    """
    found = find(path.parent)
    if found is None:
        return bpe.from_tokens(path, tokens, end)
    library, source = found
    theirs = tokens_of(library)
    if list(tokens) != theirs:
        both = zip(tokens, theirs, strict=False)
        differs = next((i for i, (a, b) in enumerate(both) if a != b), None)
        what = f"{len(tokens)} and {len(theirs)} tokens"
        if differs is not None:
            what = f"token {differs} is {tokens[differs]!r} and {theirs[differs]!r}"
        raise UserError(
            f"{path} and {source} beside it hold different vocabularies: {what}",
            hint=f"convert the folder again, or move {source.name} away",
        )
    return library


def find(folder: Path) -> tuple[Tokenizer, Path] | None:
    """The tokenizer of a Hugging Face folder and the file it came from, or None without one.

    Raises ``UserError`` for files that hold no byte-level BPE, and for half of a pair of files.
    """
    whole = folder / "tokenizer.json"
    if whole.exists():
        return _load(whole), whole
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if not vocabulary.exists() and not merges.exists():
        return None
    return _load_parts(vocabulary, merges), vocabulary


def _load(path: Path) -> Tokenizer:
    text = read_text(path)
    fields = parse_json(path, text)
    for name, expected in _BYTE_LEVEL.items():
        found: Any = fields
        for key in name.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if found not in expected:
            raise UserError(
                f"{path}: field {name}: expected {expected[0]!r}, found {found!r}",
                hint="only byte-level BPE, as GPT-2's, can be written to a tokenizer file",
            )
    try:
        return Tokenizer.from_str(text)
    # The library's only exception type is Exception itself.
    except Exception as error:
        raise UserError(f"{path}: not a tokenizer that the library reads: {error}") from error


def _load_parts(vocabulary: Path, merges: Path) -> Tokenizer:
    ids = parse_json(vocabulary, read_text(vocabulary))
    if wrong := [token for token, index in ids.items() if type(index) is not int]:
        raise UserError(
            f"{vocabulary}: token {wrong[0]!r}: expected an id, found {ids[wrong[0]]!r}"
        )
    pairs = []
    for number, line in enumerate(read_text(merges).split("\n"), start=1):
        if not line.strip() or line.startswith("#version"):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or any(part not in ids for part in (*pair, "".join(pair))):
            raise UserError(
                f"expected two tokens of {vocabulary.name} that make a third, found {line!r}",
                span=Span(str(merges), number, 1),
            )
        pairs.append((pair[0], pair[1]))
    return bpe.library_of(ids, pairs, b"<|endoftext|>")


def tokens_of(library: Tokenizer) -> list[bytes]:
    """The bytes of every token of a byte-level ``tokenizers`` object, by id.

    Raises ``UserError`` when ids are missing or a token is not in GPT-2's spelling.
    """
    added = library.get_added_tokens_decoder()
    named = {index: name for name, index in library.get_vocab(with_added_tokens=True).items()}
    if gaps := [index for index in range(len(named)) if index not in named]:
        raise UserError(f"the vocabulary has {len(named)} tokens, but none with id {gaps[0]}")
    found = []
    for index in range(len(named)):
        name = named[index]
        if index in added:
            found.append(name.encode("utf-8"))
        elif all(character in bpe.BYTE_OF for character in name):
            found.append(bytes(bpe.BYTE_OF[character] for character in name))
        else:
            raise UserError(
                f"token {index}: expected GPT-2's spelling of bytes, found {name!r}",
                hint="only byte-level BPE, as GPT-2's, can be written to a tokenizer file",
            )
    return found


def tells_merges(library: Tokenizer, tokens: Sequence[bytes], end: int) -> bool:
    """Whether ``from_tokens`` would encode as ``library`` does: same merges, same splitting."""
    fields = json.loads(library.to_str())
    model = fields["model"]
    split = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    plain = (
        split.items() <= (fields["pre_tokenizer"] or {}).items()
        and not fields["normalizer"]
        and not any(model.get(name) for name in ("dropout", "byte_fallback", "ignore_merges"))
        and [one["content"].encode("utf-8") for one in fields["added_tokens"]] == [tokens[end]]
    )
    if not plain:
        return False
    theirs = [tuple(pair) for pair in model["merges"]]
    try:
        return theirs == [(bpe.spell(a), bpe.spell(b)) for a, b in bpe.merges_of(tokens, end)]
    except UserError:
        return False
