"""Run the command line: inside the test's process, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tools_random_gpt2 import write_model

# Imported here, so that not every child process has to.
import pharos.lisp.lowering.module
import pharos.targets.cpu.codegen
import pharos.targets.cpu.stages
from pharos.ingress.checkpoints import Config, write_tokenizer
from pharos.tools import cli


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """One cache for all tests, those of xdist's other workers too: a program compiles once."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return tmp_path_factory.getbasetemp().parent / "tools-cache"
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(cache, monkeypatch, tmp_path) -> Path:
    """The test's folder, which is the current one; nothing is written elsewhere."""
    monkeypatch.setenv("PHAROS_CACHE", str(cache))
    monkeypatch.setenv("PHAROS_REPRODUCERS", str(tmp_path / "reproducers"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pharos(environment, capfd) -> Callable[..., Outcome]:
    """``pharos("run", file)``: the exit status and what was written, C's output included."""

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def process(environment) -> Callable[..., subprocess.Popen[str]]:
    """``process("run", file)``: started as a process of its own, its output in pipes."""

    def start(*arguments: object) -> subprocess.Popen[str]:
        code = "from pharos.tools.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ.copy(),
        )

    return start


@pytest.fixture
def file(environment) -> Callable[[str, str], Path]:
    """``file("a.lisp", text)``: a file in the test's folder."""

    def write(name: str, text: str) -> Path:
        path = environment / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder with a GPT-2 of random weights and a tokenizer of single bytes."""
    folder = tmp_path_factory.mktemp("tiny")
    config = Config(
        max_sequence=48, vocabulary=258, layers=2, heads=2, channels=16, padded_vocabulary=384
    )
    write_model(folder / "model.bin", config)
    tokens = [bytes([value]) for value in range(256)] + [b"ab", b"<|endoftext|>"]
    write_tokenizer(folder / "tokenizer.bin", tokens, 257)
    return folder
