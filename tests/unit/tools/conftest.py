"""Run the command line inside the test's process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pharos.tools import cli


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def pharos(capfd, monkeypatch, tmp_path) -> Callable[..., Outcome]:
    """``pharos("cache", "info")``: the exit status and what was written, C's output included."""
    monkeypatch.setenv("PHAROS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PHAROS_REPRODUCERS", str(tmp_path / "reproducers"))

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    return run
