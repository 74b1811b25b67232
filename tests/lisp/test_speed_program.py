"""What ``benchmarks/lispier_speed.py`` times is a program, and of the size that it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from pharos import ir, lisp

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "lispier_speed.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lispier_speed", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_program_lowers(script: ModuleType) -> None:
    text = script.program(5000)
    assert 5000 <= len(text) < 7000
    assert ir.to_text(lisp.lower(lisp.load_text(text))).count("func.func @scale_") >= 3


def test_the_small_program_has_ten_lines_and_lowers(script: ModuleType) -> None:
    assert script.SMALL.count("\n") == 10
    assert '@"square-sum"' in ir.to_text(lisp.lower(lisp.load_text(script.SMALL)))
