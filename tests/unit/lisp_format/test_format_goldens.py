"""Programs and how they are set out. PHAROS_UPDATE_GOLDENS=1 writes what the formatter does now."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pharos.lisp.format import format_text

FILES = sorted(Path(__file__).with_name("goldens").glob("*.txt"))
UPDATE = os.environ.get("PHAROS_UPDATE_GOLDENS") == "1"


def cases(path: Path) -> list[tuple[str, str, str]]:
    """Title, input and output of the cases in ``path``: ``=== title``, input, ``---``, output."""
    found = []
    for case in re.split(r"^=== ", path.read_bytes().decode(), flags=re.MULTILINE)[1:]:
        title, _, texts = case.partition("\n")
        given, _, expected = texts.partition("---\n")
        found.append((title, given, expected))
    return found


def update(path: Path) -> None:
    written = [f"=== {title}\n{given}---\n{format_text(given)}" for title, given, _ in cases(path)]
    path.write_bytes("".join(written).encode())


if UPDATE:
    for file in FILES:
        update(file)

CASES = [
    pytest.param(given, expected, id=f"{path.stem}: {title}")
    for path in FILES
    for title, given, expected in cases(path)
]


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_golden(given: str, expected: str) -> None:
    assert format_text(given) == expected
    assert format_text(expected) == expected


def test_there_are_enough() -> None:
    assert len(CASES) >= 60
    assert all(expected for *_, expected in (case.values for case in CASES))
