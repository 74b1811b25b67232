"""The sizes that a problem's module writes down, and the module with other ones.

A problem of KernelBench names its sizes at module level (``batch_size = 128``) or writes them into
``get_inputs`` and ``get_init_inputs``. Replacing the digits alone leaves every line where it was.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pharos.core.errors import UserError, nearest

_FUNCTIONS = ("get_inputs", "get_init_inputs")


@dataclass(frozen=True)
class Literal:
    """A whole number in the source: ``owner`` is the name it is assigned to, or the function it
    stands in; ``start`` and ``end`` are offsets in bytes."""

    owner: str
    value: int
    line: int
    start: int
    end: int


def literals(source: str) -> tuple[Literal, ...]:
    """The sizes that ``source`` writes down, in the order of the text."""
    starts = _line_starts(source)
    found = [
        Literal(owner, node.value, node.lineno, *_extent(node, starts))
        for owner, tree in _places(ast.parse(source))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and type(node.value) is int
    ]
    return tuple(sorted(found, key=lambda literal: literal.start))


def replaced(source: str, values: Mapping[Literal, Any]) -> str:
    """``source`` with other values in the places of these literals."""
    data = source.encode()
    for literal in sorted(values, key=lambda one: one.start, reverse=True):
        data = data[: literal.start] + str(values[literal]).encode() + data[literal.end :]
    return data.decode()


def assigned(source: str, values: Mapping[str, str]) -> str:
    """``source`` with the module-level names in ``values`` set to those expressions.

    Raises UserError for a name that the module does not set.
    """
    starts = _line_starts(source)
    data, edits = source.encode(), []
    known = {
        name: node for names, node in _assignments(ast.parse(source)) for name in names.split(", ")
    }
    for name, text in values.items():
        if name not in known:
            raise UserError(
                f"--set: expected one of {', '.join(known) or 'no name'}, found '{name}'",
                hint=nearest(name, known),
            )
        edits.append((*_extent(known[name], starts), text))
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + f"({text})".encode() + data[end:]
    return data.decode()


def changes(before: str, values: Mapping[Literal, Any]) -> tuple[str, ...]:
    """What ``replaced`` does, one line per name: "batch_size = 128 -> 16 (line 30)"."""
    return tuple(
        f"{literal.owner}: {literal.value} -> {value} (line {literal.line})"
        for literal, value in sorted(values.items(), key=lambda item: item[0].start)
    )


def _places(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """(owner, tree) of everything in which sizes are looked for."""
    yield from _assignments(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in _FUNCTIONS:
            yield node.name, node


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if names:
                yield ", ".join(names), node.value


def _line_starts(source: str) -> list[int]:
    starts = [0]
    for line in source.encode().split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _extent(node: ast.expr, starts: list[int]) -> tuple[int, int]:
    if node.end_lineno is None or node.end_col_offset is None:
        raise ValueError("a tree that was not parsed from text")
    first, last = starts[node.lineno - 1], starts[node.end_lineno - 1]
    return first + node.col_offset, last + node.end_col_offset
