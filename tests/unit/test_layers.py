"""The layout shows the road of a program: imports go down the rows, never up or sideways."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pharos"
ROWS = [
    {"core"},
    {"ir"},
    {"payload"},
    {"lisp", "ingress", "transform", "pipeline", "runtime", "simt"},
    {"targets"},
    {"params"},
    {"schedules"},
    {"toolchain"},
    {"tuning", "models", "kernelbench"},
    {"tools", "report"},
]
RANK = {name: number for number, row in enumerate(ROWS) for name in row}
# Libraries that only some parts may use: everything else goes through those parts.
GUARDED = {
    "torch_mlir": {"ir"},
    "torch": {"ingress", "kernelbench"},
    "yaml": {"pipeline", "kernelbench"},
    "llvmlite": {"targets", "simt"},
    "typer": {"tools"},
    "rich": {"tools", "report"},
    "safetensors": {"ingress"},
    "tokenizers": {"ingress"},
}
ROW_OF_NUMPY = 2


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module imported anywhere in ``tree``, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "pharos":
                yield from (f"pharos.{alias.name}" for alias in node.names)
            else:
                yield node.module


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def violation(part: str, place: tuple[str, ...], module: str) -> str | None:
    """What is wrong with ``part`` (a file at ``place``) importing ``module``; None if nothing."""
    names = module.split(".")
    if names[0] == "numpy" and RANK[part] < ROW_OF_NUMPY:
        return f"{part} may not use numpy"
    if names[0] in GUARDED and part not in GUARDED[names[0]]:
        return f"{part} may not use {names[0]}: only {sorted(GUARDED[names[0]])} may"
    if names[0] != "pharos" or len(names) < 2 or names[1] not in RANK:
        return None
    if names[1] != part and RANK[names[1]] >= RANK[part]:
        return f"{part} may not import {names[1]}, which is not below it"
    for folder in ("targets", "schedules"):
        if part == folder == names[1] and len(names) > 2 and len(place) > 2:
            own = place[1]
            if names[2] not in (own, "common") and names[2] != "__init__":
                return f"{folder}/{own} may not see {folder}/{names[2]}"
    return None


def files() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE]


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    place = path.relative_to(PACKAGE).parts
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wrong = [v for m in imports(tree) if (v := violation(part_of(path), place, m))]
    assert wrong == []


def test_every_part_has_a_row():
    parts = {part_of(path) for path in files()}
    assert parts <= set(RANK)


@pytest.mark.parametrize(
    ("part", "place", "module", "message"),
    [
        ("core", ("core", "a.py"), "pharos.ir", "core may not import ir"),
        ("lisp", ("lisp", "a.py"), "pharos.pipeline.stages", "lisp may not import pipeline"),
        ("runtime", ("runtime", "a.py"), "torch_mlir.ir", "runtime may not use torch_mlir"),
        ("core", ("core", "a.py"), "numpy", "core may not use numpy"),
        ("targets", ("targets", "cpu", "a.py"), "pharos.targets.amd.facts", "may not see"),
        ("models", ("models", "gpt2", "a.py"), "torch", "models may not use torch"),
    ],
)
def test_the_rule_itself_can_fail(part, place, module, message):
    assert message in (violation(part, place, module) or "")


def test_the_rule_allows_what_it_should():
    assert violation("targets", ("targets", "cpu", "a.py"), "pharos.targets.cpu.facts") is None
    assert violation("tools", ("tools", "a.py"), "pharos.toolchain") is None
    assert violation("ir", ("ir", "a.py"), "torch_mlir.ir") is None
