"""Run the command in a process of its own: it forks, and must not find torch's threads started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def kernel_bench(tmp_path) -> Callable[..., Outcome]:
    """``kernel_bench("level1/19", "--json")``: exit status and output; files go to ``tmp_path``."""

    def run(*arguments: object) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "pharos", "kernel-bench", *map(str, arguments)],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PHAROS_CACHE": str(tmp_path / "cache"),
                "PHAROS_REPRODUCERS": str(tmp_path / "reproducers"),
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run
