"""Run ``lispier`` inside the test's process."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

# Imported here, so that not every child process has to.
import pharos.lisp.lowering.module
import pharos.targets.cpu.codegen
import pharos.targets.cpu.stages
import pharos.tools.repl.session  # noqa: F401
from pharos.tools.lispier import cli


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """One cache for all tests, those of xdist's other workers too."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return tmp_path_factory.getbasetemp().parent / "lispier-cache"
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(cache, monkeypatch, tmp_path) -> Path:
    """The test's folder, which is the current one; nothing is written elsewhere."""
    monkeypatch.setenv("PHAROS_CACHE", str(cache))
    monkeypatch.setenv("PHAROS_REPRODUCERS", str(tmp_path / "reproducers"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lispier(folder, capfd, monkeypatch) -> Callable[..., Outcome]:
    """``lispier("run", file)``: the exit status and what was written, C's output included."""

    def run(*arguments: object, stdin: str | bytes = "") -> Outcome:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def file(folder) -> Callable[[str, str], Path]:
    """``file("a.lisp", text)``: a file in the test's folder."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
