"""The script that trains the embedded checkpoint, on a package made up here."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import struct
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pharos.ingress.checkpoints import check_pair, open_checkpoint, open_tokenizer

pytestmark = pytest.mark.reference

torch = pytest.importorskip("torch")
SCRIPT = Path(__file__).parents[3] / "examples" / "gpt2" / "train_embedded.py"

NOVEL = """PRIDE AND PREJUDICE

By Jane Austen

Chapter 1


It is a truth _universally_ acknowledged,
that a   single man.

"My dear," said she.

          * * * * *

Chapter 2

Mr. Bennet was among the earliest of those
who waited on Mr. Bingley.



THE END""".splitlines()
OTHER = ["EMMA", "", "CHAPTER I", "", "Emma Woodhouse, handsome, clever, and rich"]


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("train_embedded", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_embedded"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def r_database(novels: list[list[str]]) -> bytes:
    """R's lazy-load file of string vectors, as the Debian package holds it."""
    found = b""
    for lines in novels:
        raw = b"X\n" + struct.pack(">4I", 3, 0x40201, 0x30500, 5) + b"UTF-8"
        raw += struct.pack(">2I", 16, len(lines))
        for line in lines:
            raw += struct.pack(">2I", 0x40009, len(line.encode())) + line.encode()
        found += struct.pack(">I", len(raw)) + zlib.compress(raw)
    return found


def package(novels: list[list[str]]) -> bytes:
    """A .deb: an ar archive of debian-binary and data.tar.xz."""
    data, content = io.BytesIO(), r_database(novels)
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        info = tarfile.TarInfo("./usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    found = b"!<arch>\n"
    for name, body in {"debian-binary": b"2.0", "data.tar.xz": data.getvalue()}.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(body):<10}`\n".encode()
        found += head + body + b"\n" * (len(body) % 2)
    return found


def test_the_text_of_the_package(script: Any) -> None:
    found = list(script.novels(package([OTHER, NOVEL])))
    assert found == [NOVEL]
    assert script.chapters(found[0]) == [
        'It is a truth universally acknowledged, that a single man.\n"My dear," said she.',
        "Mr. Bennet was among the earliest of those who waited on Mr. Bingley.",
    ]


def test_another_package_is_refused(script: Any) -> None:
    with pytest.raises(SystemExit, match=r"no member data\.tar"):
        list(script.novels(b"!<arch>\n"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model only waits for other threads; and their number may change its sums."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def recipe(script: Any) -> Any:
    return script.Recipe(
        vocabulary=300, layers=1, heads=1, channels=8, sequence=8, batch=2, steps=9, warmup=2
    )


@pytest.fixture
def tokenizer(script: Any, recipe: Any) -> Any:
    found = script.train_tokenizer(script.chapters(NOVEL) * 3, recipe.vocabulary)
    # So short a text has fewer merges than wanted: end-of-text is still the last token.
    assert found.get_vocab_size() == recipe.vocabulary
    return found


def fresh(script: Any, recipe: Any) -> Any:
    torch.manual_seed(recipe.seed)
    return script.Model(recipe)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    script: Any, recipe: Any, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = script.Corpus.of(script.chapters(NOVEL), tokenizer)
    once, twice = fresh(script, recipe), fresh(script, recipe)
    (tmp_path / "once").mkdir()
    (tmp_path / "twice").mkdir()
    script.train(once, (corpus, corpus), recipe, tmp_path / "once", every=6)

    def interrupt(*_: Any) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(script, "evaluate", interrupt)  # it follows the saving at step 6
        with pytest.raises(KeyboardInterrupt):
            script.train(twice, (corpus, corpus), recipe, tmp_path / "twice", every=6)
    resumed = fresh(script, recipe)
    script.train(resumed, (corpus, corpus), recipe, tmp_path / "twice", every=6)
    for name, values in once.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name]), name
        if name == "wte.weight":
            assert not torch.equal(values, twice.state_dict()[name])
    with pytest.raises(SystemExit, match="of another recipe"):
        other = dataclasses.replace(recipe, steps=10)
        script.train(resumed, (corpus, corpus), other, tmp_path / "twice")


def test_what_is_exported_is_the_model(
    script: Any, recipe: Any, tokenizer: Any, tmp_path: Path
) -> None:
    model = fresh(script, recipe)
    script.export(model, tokenizer, recipe, tmp_path)
    checkpoint = open_checkpoint(tmp_path / "model.bin")
    words = open_tokenizer(tmp_path / "tokenizer.bin")
    check_pair(checkpoint.config, words)
    assert checkpoint.config.dtype == "bf16"
    assert words.end == recipe.vocabulary - 1
    assert words.encode("a single man") == tokenizer.encode("a single man").ids
    expected = model.blocks[0].qkv.weight.detach().to(torch.bfloat16).float().numpy()
    assert np.array_equal(checkpoint.tensors["qkvw"][0].astype(np.float32), expected)
