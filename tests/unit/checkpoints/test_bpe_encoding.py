"""Text to ids: merges recovered from a vocabulary, and tokenizers found beside the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from pharos.core.errors import UserError
from pharos.ingress.checkpoints import tokens_of, write_tokenizer
from pharos.ingress.checkpoints.beside import tells_merges
from pharos.ingress.checkpoints.bpe import BYTE_OF, SPELLED, merges_of, spell

END = "<|endoftext|>"
PROSE = (
    "It's the end of the day, and they're 1234 miles from home.  Don't\n\n  stop: \tnaïve "
    "façade, 日本語の本, 🎉🎉 party! The theory then thinned; others' things, THE END. "
    "aaa aaaa aaaaa "
) * 3


def trained(texts: list[str], size: int, first: bool = False) -> Tokenizer:
    """A byte-level BPE of ``size`` tokens, end-of-text the last of them, or the first."""
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size if first else size - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END] if first else [],
        show_progress=False,
    )
    library.train_from_iterator(texts, trainer)
    library.add_special_tokens([END])
    return library


def end_of(library: Tokenizer) -> int:
    end = library.token_to_id(END)
    assert end is not None
    return end


def merges_in(library: Tokenizer) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads(library.to_str())["model"]["merges"]]


def test_gpt2_s_spelling_of_bytes() -> None:
    assert len(set(SPELLED.values())) == 256
    assert set(SPELLED.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert spell(b" \n\x00A~\x7f\xa0\xad\xff") == "ĠĊĀA~ġłŃÿ"
    assert all(BYTE_OF[SPELLED[byte]] == byte for byte in range(256))


@pytest.mark.parametrize("first", [False, True])
def test_merges_are_recovered_exactly(first: bool) -> None:
    library = trained([PROSE], 360, first)
    tokens = tokens_of(library)
    end = end_of(library)
    assert end == (0 if first else len(tokens) - 1)
    found = merges_of(tokens, end)
    assert len(found) > 50
    assert [(spell(a), spell(b)) for a, b in found] == merges_in(library)


# Few letters and long runs make the merges overlap, where recovering them could go wrong.
ALPHABETS = st.sampled_from(["ab", "aab ", "abc '", "aé日🎉 \n", "the 12'!"])
TEXTS = ALPHABETS.flatmap(lambda letters: st.lists(st.text(letters, max_size=60), min_size=1))


@given(TEXTS, st.integers(258, 330), st.text(max_size=20), st.booleans())
@settings(max_examples=150, deadline=None)
def test_encoding_from_the_file_alone_equals_the_library(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], size: int, new: str, first: bool
) -> None:
    library = trained(texts, size, first)
    tokens = tokens_of(library)
    end = end_of(library)
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.bin"
    found = write_tokenizer(path, tokens, end)
    assert [(spell(a), spell(b)) for a, b in merges_of(tokens, end)] == merges_in(library)
    for text in [*texts, new, "".join(texts) + END + new]:
        ids = found.encode(text)
        assert ids == library.encode(text).ids
        assert found.decode(ids) == text


def test_end_of_text_is_one_token(tmp_path: Path) -> None:
    library = trained([PROSE], 300)
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens_of(library), 299)
    assert found.encode(END) == [299]
    assert found.encode(f"the{END}the") == [*found.encode("the"), 299, *found.encode("the")]
    assert found.encode("") == []


def test_text_without_utf8(tmp_path: Path) -> None:
    library = trained([PROSE], 300)
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens_of(library), 299)
    with pytest.raises(UserError) as caught:
        found.encode("ab\udc80")
    assert caught.value.message == (
        "the text has no UTF-8 form: character 3 is half of a pair (U+DC80)"
    )


BYTES = [bytes([byte]) for byte in range(256)]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([b"a", b"b", END.encode()], "expected its first 256 tokens to be the 256 bytes, found 2"),
        ([*BYTES, b"abc", b"ab", END.encode()], "expected token 256 (b'abc')"),
        ([*BYTES, b"ab", b"ab", END.encode()], "to be two earlier tokens, found it twice"),
        ([*BYTES, b"a", END.encode()], "expected token 256 (b'a') to be two earlier tokens, found"),
        ([*BYTES, b"ab", b"<pad>", END.encode()], "expected token 257 (b'<pad>')"),
    ],
)
def test_vocabularies_that_tell_no_merges(
    tmp_path: Path, tokens: list[bytes], message: str
) -> None:
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens, len(tokens) - 1)
    with pytest.raises(UserError) as caught:
        found.encode("ab")
    assert message in caught.value.message
    assert caught.value.message.startswith(f"{found.path}: cannot encode text: ")
    assert caught.value.hint == "put the tokenizer.json it was made from beside it"
    assert found.decode([0]) == tokens[0].decode()


def shuffled(library: Tokenizer) -> Tokenizer:
    """The same merges under other ids: nothing that the tokens alone could tell."""
    fields = json.loads(library.to_str())
    vocabulary = fields["model"]["vocab"]
    top = len(vocabulary) - 1
    fields["model"]["vocab"] = {name: top - index for name, index in vocabulary.items()}
    for added in fields["added_tokens"]:
        added["id"] = fields["model"]["vocab"].get(added["content"], added["id"])
    return Tokenizer.from_str(json.dumps(fields))


def test_a_tokenizer_json_beside_the_file_is_used(tmp_path: Path) -> None:
    library = shuffled(trained([PROSE], 340))
    tokens = tokens_of(library)
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens, end_of(library))
    library.save(str(tmp_path / "tokenizer.json"))
    assert found.encode(PROSE) == library.encode(PROSE).ids
    assert found.decode(found.encode(PROSE)) == PROSE


def save_pair(library: Tokenizer, folder: Path) -> None:
    """vocab.json and merges.txt as GPT-2's own files are: end-of-text is in the vocabulary."""
    (folder / "vocab.json").write_text(json.dumps(library.get_vocab()))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges_in(library))]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")


def test_vocab_json_and_merges_txt_beside_the_file_are_used(tmp_path: Path) -> None:
    library = shuffled(trained([PROSE], 340))
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens_of(library), end_of(library))
    save_pair(library, tmp_path)
    assert found.encode(PROSE + END) == library.encode(PROSE + END).ids


def test_another_vocabulary_beside_the_file_is_refused(tmp_path: Path) -> None:
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens_of(trained([PROSE], 300)), 299)
    trained(["zebra zebra zebra"], 300).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError) as caught:
        found.encode("a")
    assert "hold different vocabularies: token 256 is b'" in caught.value.message
    assert "tokenizer.json" in (caught.value.hint or "")


def test_half_of_a_pair_is_refused(tmp_path: Path) -> None:
    library = trained([PROSE], 300)
    save_pair(library, tmp_path)
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens_of(library), 299)
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(UserError, match=r"merges\.txt: cannot read this file: No such file"):
        found.encode("a")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("merges.txt", "a b c\n", "merges.txt:1:1: error: expected two tokens of vocab.json"),
        ("merges.txt", "#version: 0.2\na ☃\n", "merges.txt:2:1: error: expected two tokens"),
        ("vocab.json", '{"a": "1"}', "token 'a': expected an id, found '1'"),
        ("vocab.json", "[]", "expected a JSON object, found list"),
        ("vocab.json", '{\n "a" 1}', "vocab.json:2:6: error: expected JSON: Expecting ':'"),
        ("tokenizer.json", "{}", "field model.type: expected 'BPE', found None"),
        (
            "tokenizer.json",
            '{"model": {"type": "BPE"}, "decoder": {"type": "Metaspace"}}',
            "field decoder.type: expected 'ByteLevel', found 'Metaspace'",
        ),
        (
            "tokenizer.json",
            '{"model": {"type": "BPE"}, "decoder": {"type": "ByteLevel"}}',
            "not a tokenizer that the library reads",
        ),
    ],
)
def test_malformed_files_beside(tmp_path: Path, name: str, content: str, message: str) -> None:
    library = trained([PROSE], 300)
    save_pair(library, tmp_path)
    (tmp_path / name).write_text(content)
    found = write_tokenizer(tmp_path / "tokenizer.bin", tokens_of(library), 299)
    with pytest.raises(UserError) as caught:
        found.encode("a")
    assert message in str(caught.value)


def test_what_the_tokens_do_not_tell() -> None:
    library = trained([PROSE], 300)
    tokens = tokens_of(library)
    assert tells_merges(library, tokens, 299)
    mixed = shuffled(library)
    assert not tells_merges(mixed, tokens_of(mixed), end_of(mixed))
    library.normalizer = normalizers.Lowercase()
    assert not tells_merges(library, tokens, 299)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ({"a": 0, "b": 2}, "the vocabulary has 2 tokens, but none with id 1"),
        ({"a": 0, "▁b": 1}, "token 1: expected GPT-2's spelling of bytes, found '▁b'"),
    ],
)
def test_libraries_that_are_no_byte_level_bpe(vocabulary: dict[str, int], message: str) -> None:
    with pytest.raises(UserError) as caught:
        tokens_of(Tokenizer(models.BPE(vocab=vocabulary, merges=[])))
    assert caught.value.message == message
