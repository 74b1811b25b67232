"""llm.c's tokenizer file: bytes of tokens, text as it comes, what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos.core.errors import UserError
from pharos.ingress.checkpoints import Config, check_pair, open_tokenizer, write_tokenizer

BYTES = [bytes([byte]) for byte in range(256)]
TOKENS = [*BYTES, b" the", "né".encode(), b"<|endoftext|>"]
END = len(TOKENS) - 1


def raw(
    tokens: list[bytes], version: int = 2, vocabulary: int | None = None, end: int = END
) -> bytes:
    count = len(tokens) if vocabulary is None else vocabulary
    header = struct.pack("<4I", 20240328, version, count, end).ljust(1024, b"\0")
    return header + b"".join(bytes([len(token)]) + token for token in tokens)


def refused(path: Path, content: bytes) -> UserError:
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        open_tokenizer(path)
    assert str(path) in caught.value.message
    return caught.value


def test_the_bytes_are_llm_c_s(tmp_path: Path) -> None:
    found = write_tokenizer(tmp_path / "t.bin", TOKENS, END)
    assert (tmp_path / "t.bin").read_bytes() == raw(TOKENS)
    assert (found.vocabulary, found.end) == (259, 258)
    assert found.tokens() == TOKENS
    assert found.token(256) == b" the"


@given(st.lists(st.binary(min_size=1, max_size=255), min_size=1, max_size=40), st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[bytes], data: st.DataObject
) -> None:
    end = data.draw(st.integers(0, len(tokens) - 1))
    path = tmp_path_factory.mktemp("round") / "t.bin"
    write_tokenizer(path, tokens, end)
    found = open_tokenizer(path)
    assert (found.tokens(), found.end) == (tokens, end)


def test_version_1_means_gpt2(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    # Word 3 was unused in version 1, whatever it holds.
    path.write_bytes(raw([b"x"] * 50257, version=1, end=0))
    found = open_tokenizer(path)
    assert (found.vocabulary, found.end) == (50257, 50256)
    error = refused(path, raw(TOKENS, version=1))
    assert "field vocabulary: expected 50257 in version 1" in error.message
    assert "found 259" in error.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated: expected a header of 1024 bytes (a GPT-2 tokenizer), found 0 bytes"),
        (raw(TOKENS)[:1000], "truncated: expected a header of 1024 bytes"),
        (struct.pack("<I", 9), "field magic: expected 20240328 (a GPT-2 tokenizer), found 9"),
        (raw(TOKENS, version=3), "field version: expected 1 or 2, found 3"),
        (raw(TOKENS, vocabulary=0), "field vocabulary: expected 1 to 16777216, found 0"),
        (raw(TOKENS, vocabulary=2**31), "field vocabulary: expected 1 to 16777216"),
        (raw(TOKENS, end=259), "field end token: expected below vocabulary (259), found 259"),
        (raw(TOKENS)[:-3], "truncated: expected 13 bytes in token 258, found 10"),
        (raw(TOKENS)[:-14], "truncated: expected 259 tokens, found 258 in"),
        (raw(TOKENS) + b"x", "oversized: expected"),
        (raw([*TOKENS, b""]), "token 259: expected a length of 1 to 255 bytes, found 0"),
    ],
)
def test_malformed_files(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refused(tmp_path / "t.bin", content).message


def test_a_checkpoint_is_recognised(tmp_path: Path) -> None:
    error = refused(tmp_path / "t.bin", struct.pack("<I", 20240326).ljust(1024))
    assert error.hint == "this is llm.c's checkpoint (model.bin)"


@pytest.mark.parametrize(
    ("tokens", "end", "message"),
    [
        ([b"a", b""], 0, "token 1: expected 1 to 255 bytes, found 0"),
        ([b"a", b"b" * 256], 0, "token 1: expected 1 to 255 bytes, found 256"),
        ([b"a"], 1, "end token: expected 0 to 0, found 1"),
    ],
)
def test_writing_refuses(tmp_path: Path, tokens: list[bytes], end: int, message: str) -> None:
    with pytest.raises(UserError) as caught:
        write_tokenizer(tmp_path / "t.bin", tokens, end)
    assert caught.value.message == message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("index", [-1, 259])
def test_unknown_ids_are_refused(tmp_path: Path, index: int) -> None:
    found = write_tokenizer(tmp_path / "t.bin", TOKENS, END)
    with pytest.raises(UserError) as caught:
        found.decode([0, index])
    assert caught.value.message == f"token id: expected 0 to 258, found {index}"


def test_incomplete_characters_wait(tmp_path: Path) -> None:
    found = write_tokenizer(tmp_path / "t.bin", TOKENS, END)
    decoder = found.decoder()
    shown = [decoder.push(byte) for byte in "a€🎉".encode()]
    assert shown == ["a", "", "", "€", "", "", "", "🎉"]
    assert decoder.finish() == ""


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    decoder = write_tokenizer(tmp_path / "t.bin", TOKENS, END).decoder()
    assert decoder.push(0xE2) == ""
    assert decoder.push(ord("x")) == "\N{REPLACEMENT CHARACTER}x"
    assert decoder.push(0xE2) == ""
    assert decoder.finish() == "\N{REPLACEMENT CHARACTER}"
    assert decoder.finish() == ""


@given(st.lists(st.integers(0, END), max_size=30))
@settings(max_examples=60, deadline=None)
def test_streaming_equals_decoding_at_once(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int]
) -> None:
    found = write_tokenizer(tmp_path_factory.mktemp("stream") / "t.bin", TOKENS, END)
    decoder = found.decoder()
    shown = "".join(decoder.push(index) for index in ids) + decoder.finish()
    assert shown == found.decode(ids)


def test_a_tokenizer_larger_than_the_model_is_refused(tmp_path: Path) -> None:
    found = write_tokenizer(tmp_path / "t.bin", TOKENS, END)
    check_pair(Config(8, 259, 1, 1, 4, 384), found)
    check_pair(Config(8, 300, 1, 1, 4, 384), found)
    with pytest.raises(UserError) as caught:
        check_pair(Config(8, 258, 1, 1, 4, 384), found)
    assert "expected at most 258 tokens" in caught.value.message
    assert "found 259" in caught.value.message
