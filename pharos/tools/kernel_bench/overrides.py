"""Sizes, arguments and inputs that the command line gives in place of a problem's own."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from pharos.core.errors import UserError


def overrides(sets: Sequence[str] | None, init: str | None, inputs: str | None) -> dict[str, Any]:
    """The parts of ``Options`` that replace what the problem says."""
    pairs = [text.partition("=") for text in sets or ()]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise UserError(f"--set: expected NAME=VALUE, found '{name}{equals}{value}'")
    return {
        "sets": {name: value for name, _, value in pairs},
        "initial": None if init is None else _arguments(init),
        "inputs": inputs,
        "make_inputs": None if inputs is None else _maker(inputs),
    }


def _arguments(text: str) -> tuple[Any, ...]:
    """A list of any depth; one value alone is a list of it."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise UserError(
            f"--init-args: expected a list as Python writes it, found '{text}'",
            hint="for instance --init-args '[64, 128, (3, 3)]'",
        ) from None
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _maker(text: str) -> Callable[[int], list[Any]]:
    from pharos.tools.inputs import make_arrays, parse_inputs

    items = parse_inputs(text)
    return lambda seed: make_arrays(items, seed)
