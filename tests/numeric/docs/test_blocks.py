"""Every console block of the README and the docs is run, and prints what the page says.

A line ``$ command`` is run from the project's folder; the lines after it are its output, stdout and
stderr together. ``...`` alone on a line stands for any lines, within a line for any text.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """(name, text) of every block of ``language``."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match.group(1) == language:
                line = text[: match.start()].count("\n") + 1
                found.append((f"{page.relative_to(ROOT)}:{line}", match.group(2)))
    return found


def commands(block: str) -> list[tuple[str, str]]:
    """(command, expected output) pairs of a console block."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def pattern(expected: str) -> re.Pattern[str]:
    """A regular expression for ``expected``, its ellipses open."""
    if not expected:
        return re.compile("")
    text = ""
    for line in expected.rstrip("\n").split("\n"):
        if line == "...":
            text += r"(?:.*\n)*?"
        else:
            text += ".*?".join(re.escape(part) for part in line.split("...")) + "\n"
    return re.compile(text)


def timed(place: str, block: str) -> Any:
    """A parameter; slow where the block compiles models with torch, ten seconds each, or runs
    programs on simulated devices, all but one of them."""
    slow = "examples/torch/" in block and "run" not in block
    slow |= place.startswith("docs/lispier-gpu.md") and "unregistered.lisp" not in block
    slow |= "gpt2 generate" in block and ":sim" in block
    return pytest.param(place, block, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize(
    ("place", "block"),
    [timed(*one) for one in blocks("console")],
    ids=lambda v: str(v).split("\n")[0],
)
def test_console_blocks_print_what_the_page_says(place, block, tmp_path):
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
        "OUT": str(tmp_path),
    }
    assert commands(block), f"{place}: no command in this block"
    for command, expected in commands(block):
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )  # fmt: skip
        output = (
            done.stdout if done.stdout.endswith("\n") or not done.stdout else f"{done.stdout}\n"
        )
        assert pattern(expected).fullmatch(output), f"{place}: $ {command}\n{output}"


@pytest.mark.parametrize(("place", "block"), blocks("lisp"), ids=lambda v: str(v).split("\n")[0])
def test_lisp_blocks_are_in_the_examples_or_lower(place, block):
    examples = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*.lisp")]
    if any(block in text for text in examples):
        return
    from pharos import ir, lisp

    assert "module" in ir.to_text(lisp.lower(lisp.load_text(block, place)))


def test_the_settings_page_lists_every_switch():
    from pharos.core import settings

    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", page, re.MULTILINE))
    assert rows == {setting.name: setting.help for setting in settings.ALL}


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_matcher_can_fail():
    assert pattern("a...c\n...\nz").fullmatch("abc\nx\ny\nz\n")
    assert not pattern("a...c\nz").fullmatch("abc\ny\nz\n")
    assert not pattern("abc").fullmatch("abd\n")
