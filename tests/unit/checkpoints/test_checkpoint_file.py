"""llm.c's checkpoint: what is written, what is read, what is refused."""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos.core.errors import UserError
from pharos.ingress.checkpoints import Config, open_checkpoint, padded, write_checkpoint

Tensors = dict[str, np.ndarray]

# llm.c's comment lists the parameters in this order (ParameterTensors in train_gpt2.c).
ORDER = [
    *("wte", "wpe"),
    *("ln1w", "ln1b", "qkvw", "qkvb", "attprojw", "attprojb"),
    *("ln2w", "ln2b", "fcw", "fcb", "fcprojw", "fcprojb"),
    *("lnfw", "lnfb"),
]


@pytest.fixture
def good(tmp_path: Path, config: Config, tensors: Tensors) -> Path:
    write_checkpoint(tmp_path / "model.bin", config, tensors)
    return tmp_path / "model.bin"


def patch(path: Path, word: int, value: int) -> None:
    with path.open("r+b") as file:
        file.seek(4 * word)
        file.write(struct.pack("<i", value))


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        open_checkpoint(path)
    assert str(path) in caught.value.message
    return caught.value


def test_the_bytes_are_llm_c_s(good: Path, config: Config, tensors: Tensors) -> None:
    raw = good.read_bytes()
    assert struct.unpack_from("<9i", raw) == (20240326, 3, 8, 5, 2, 2, 4, 128, 0)
    assert list(config.shapes) == ORDER
    body = np.frombuffer(raw, dtype="<f4", offset=1024)
    assert np.array_equal(body, np.concatenate([tensors[name].reshape(-1) for name in ORDER]))


def test_bf16_is_version_5_and_rounds_to_nearest_even(
    tmp_path: Path, config: Config, tensors: Tensors
) -> None:
    # 1 + 2^-8 lies between two bfloat16, 1 and 1 + 2^-7; the even one is 1. 1 + 3 * 2^-8 goes up.
    tensors["lnfw"][:2] = 1 + 2**-8, 1 + 3 * 2**-8
    config = dataclasses.replace(config, dtype="bf16")
    found = write_checkpoint(tmp_path / "m.bin", config, tensors)
    assert struct.unpack_from("<2i", (tmp_path / "m.bin").read_bytes()) == (20240326, 5)
    assert found.data.dtype == ml_dtypes.bfloat16
    assert found.tensors["lnfw"][:2].astype(np.float32).tolist() == [1.0, 1 + 2**-6]
    assert np.array_equal(found.tensors["qkvw"], tensors["qkvw"].astype(ml_dtypes.bfloat16))


def test_sizes_of_gpt2_124m() -> None:
    gpt2 = Config(1024, 50257, 12, 12, 768, padded(50257))
    assert gpt2.padded_vocabulary == 50304
    assert gpt2.head_size == 64
    # 124,439,808 is GPT-2 small's published count; the padding adds 47 rows.
    assert gpt2.parameters == 124_439_808 + 47 * 768
    assert gpt2.parameter_bytes == 4 * gpt2.parameters
    assert gpt2.file_bytes == gpt2.parameter_bytes + 1024


@st.composite
def models(draw: st.DrawFn) -> tuple[Config, Tensors]:
    heads = draw(st.integers(1, 3))
    vocabulary = draw(st.integers(1, 20))
    config = Config(
        max_sequence=draw(st.integers(1, 9)),
        vocabulary=vocabulary,
        layers=draw(st.integers(1, 3)),
        heads=heads,
        channels=heads * draw(st.integers(1, 4)),
        padded_vocabulary=draw(st.sampled_from([vocabulary, vocabulary + 3, padded(vocabulary)])),
        dtype=draw(st.sampled_from(["f32", "bf16"])),
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tensors = {n: random.standard_normal(s).astype(np.float32) for n, s in config.shapes.items()}
    return config, tensors


@given(models())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, model: tuple[Config, Tensors]
) -> None:
    config, tensors = model
    path = tmp_path_factory.mktemp("round") / "model.bin"
    write_checkpoint(path, config, tensors)
    found = open_checkpoint(path)
    assert found.config == config
    assert path.stat().st_size == config.file_bytes
    for name, values in tensors.items():
        expected = values.astype(found.data.dtype)
        assert np.array_equal(found.tensors[name], expected), name


def test_padding_rows_may_be_left_out(tmp_path: Path, config: Config, tensors: Tensors) -> None:
    tensors["wte"] = tensors["wte"][:5]
    found = write_checkpoint(tmp_path / "m.bin", config, tensors)
    assert np.array_equal(found.tensors["wte"][:5], tensors["wte"])
    assert not found.tensors["wte"][5:].any()


def test_tensors_are_views_of_the_mapped_file(good: Path) -> None:
    found = open_checkpoint(good)
    assert isinstance(found.data, np.memmap)
    for tensor in found.tensors.values():
        assert np.shares_memory(tensor, found.data)
        assert not tensor.flags.writeable
    # A change of the file shows in the view: nothing was copied.
    at = 1024 + 4 * (found.config.parameters - 1)
    with good.open("r+b") as file:
        file.seek(at)
        file.write(struct.pack("<f", 42.0))
    assert found.tensors["lnfb"][-1] == 42.0


def test_opening_reads_no_parameters(tmp_path: Path) -> None:
    """A file of 6 GB, sparse: opening it must not read it."""
    config = Config(1024, 50257, 48, 25, 1600, 50304)
    from pharos.ingress.checkpoints.gpt2 import header_of

    path = tmp_path / "xl.bin"
    with path.open("wb") as file:
        file.write(header_of(config))
        file.truncate(config.file_bytes)
    assert open_checkpoint(path).tensors["fcw"].shape == (48, 6400, 1600)


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (0, 7, "field magic: expected 20240326 (a GPT-2 checkpoint), found 7"),
        (1, 4, "field version: expected 3 (f32) or 5 (bf16), found 4"),
        (2, 0, "field max_sequence: expected 1 to 1048576, found 0"),
        (2, -8, "field max_sequence: expected 1 to 1048576, found -8"),
        (3, 0, "field vocabulary: expected 1 to 16777216, found 0"),
        (4, 100_000, "field layers: expected 1 to 1024, found 100000"),
        (5, 0, "field heads: expected 1 to 1024, found 0"),
        (5, 3, "field channels: expected a multiple of heads (3), found 4"),
        (6, 2**31 - 1, "field channels: expected 1 to 131072, found 2147483647"),
        (7, 4, "field padded_vocabulary: expected at least vocabulary (5), found 4"),
        (7, -1, "field padded_vocabulary: expected 1 to 16777216, found -1"),
    ],
)
def test_a_wrong_header_field_is_named(good: Path, word: int, value: int, message: str) -> None:
    patch(good, word, value)
    assert refused(good).message == f"{good}: {message}"


@pytest.mark.parametrize(
    ("start", "hint"),
    [
        (struct.pack("<I", 20240328), "this is llm.c's tokenizer (tokenizer.bin)"),
        (struct.pack("<I", 20240520), "this is llm.c's training tokens"),
        (struct.pack(">I", 20240326), "the file was written with big-endian words"),
        (b"PK\x03\x04", "this is a zip archive, as torch.save writes"),
        (b"GGUF", "this is a GGUF file"),
        (struct.pack("<Q", 99) + b'{"', "this is a safetensors file"),
        (b"what", "pharos gpt2 convert"),
    ],
)
def test_other_files_are_recognised(tmp_path: Path, start: bytes, hint: str) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(start.ljust(2000, b"\0"))
    error = refused(path)
    assert "field magic: expected 20240326" in error.message
    assert hint in (error.hint or "")


def test_old_versions_get_a_hint(good: Path) -> None:
    patch(good, 1, 1)
    assert "newer llm.c" in (refused(good).hint or "")


@pytest.mark.parametrize("size", [0, 3, 1023])
def test_a_file_that_ends_in_its_header(good: Path, size: int) -> None:
    os.truncate(good, size)
    expected = f"truncated: expected a header of 1024 bytes (a GPT-2 checkpoint), found {size}"
    assert expected in refused(good).message


def test_a_truncated_file_names_what_is_cut(good: Path, config: Config) -> None:
    os.truncate(good, config.file_bytes - 20)
    error = refused(good)
    assert "truncated" in error.message
    assert f"a file of {config.file_bytes} bytes was expected" in error.message
    assert f"{config.file_bytes - 20} were found" in error.message
    assert (error.hint or "").startswith("lnfw is the first parameter cut off")


def test_an_oversized_file(good: Path, config: Config) -> None:
    with good.open("ab") as file:
        file.write(b"\0")
    assert f"oversized: the header's sizes give {config.parameters} f32" in refused(good).message


def test_a_wrong_size_in_the_header_shows_as_a_wrong_length(good: Path) -> None:
    patch(good, 4, 3)
    assert "truncated" in refused(good).message


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.bin").message
    error = refused(tmp_path)
    assert "Is a directory" in error.message
    assert error.hint == "give the file, not its folder"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "f16"}, "field dtype: expected one of f32, bf16, found 'f16'"),
        ({"heads": 3}, "field channels: expected a multiple of heads (3), found 4"),
        ({"layers": 0}, "field layers: expected 1 to 1024, found 0"),
    ],
)
def test_a_config_checks_itself(config: Config, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        dataclasses.replace(config, **change)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("qkvw", None, "missing parameters: qkvw"),
        ("qkvx", np.zeros(1), "unknown parameters: qkvx"),
        ("lnfw", np.zeros(3), "parameter lnfw: expected shape (4,), found (3,)"),
        ("wte", np.zeros((6, 4)), "parameter wte: expected shape (128, 4), found (6, 4)"),
        ("lnfw", np.zeros(4, int), "lnfw: expected a floating type, found int64"),
        ("lnfw", np.array([0, np.nan, 0, 0]), "lnfw: expected finite f32, found nan at (1,)"),
        ("ln1w", np.full((2, 4), 1e39), "ln1w[0]: expected finite f32, found 1e+39 at (0,)"),
    ],
)
def test_writing_refuses(
    tmp_path: Path,
    config: Config,
    tensors: Tensors,
    name: str,
    value: np.ndarray | None,
    message: str,
) -> None:
    path = tmp_path / "model.bin"
    path.write_text("kept")
    changed = {**tensors, name: value}
    given = {key: one for key, one in changed.items() if one is not None}
    with pytest.raises(UserError) as caught:
        write_checkpoint(path, config, given)
    assert caught.value.message == message
    # What was there stays, and nothing half-written lies beside it.
    assert path.read_text() == "kept"
    assert os.listdir(tmp_path) == ["model.bin"]


def test_writing_into_a_file_s_place(tmp_path: Path, config: Config, tensors: Tensors) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write this file"):
        write_checkpoint(tmp_path / "file" / "model.bin", config, tensors)
