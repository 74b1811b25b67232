"""A task becomes a problem, with the sizes that the user asked for or the machine allows."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pharos.core.errors import UserError
from pharos.kernelbench.cap import cap, caps_of
from pharos.kernelbench.literals import assigned
from pharos.kernelbench.options import Options
from pharos.kernelbench.selection import Task


def load(task: Task, options: Options, folder: Path) -> tuple[Any, tuple[str, ...], str]:
    """The problem of ``task``, what was changed in it, and a note about what could not be.

    The source of a problem with other sizes is kept in ``folder``. Raises UserError for a problem
    that does not load, and for sizes that it does not have.
    """
    if task.path is None:
        problem, changed, note = _of_suite(task.key, options)
        return _with_arguments(problem, options), (*_told(options.sets), *changed), note
    from pharos.ingress.torch import load_problem

    source, changed, note = _sized(task.path, options)
    path = task.path
    if changed:
        path = folder / f"{task.path.parent.name}_{task.path.name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return _with_arguments(load_problem(path), options), changed, note


def _of_suite(key: str, options: Options) -> tuple[Any, tuple[str, ...], str]:
    """The suite's problem ``key``, what was changed beside what the user set, and a note."""
    from pharos.kernelbench import suite

    given = {name: _value(name, text) for name, text in options.sets.items()}
    problem: Any = suite.load(key, sizes=given)
    caps = caps_of(options)
    if not caps.bytes and not caps.flops:
        return problem, (), ""
    from pharos.kernelbench.shrink import shrink
    from pharos.kernelbench.sizes import measure

    usual, tiny = suite.load(key).sizes, suite.load(key, tiny=True).sizes
    least = {name: size for name, size in tiny.items() if size != usual[name]}
    found = shrink(usual, least, caps, lambda sizes: measure(suite.load(key, sizes=sizes)), given)
    return suite.load(key, sizes=found.sizes), found.changes, found.note


def _sized(path: Path, options: Options) -> tuple[str, tuple[str, ...], str]:
    """The source with other sizes, what was changed, and a note."""
    source = path.read_text(encoding="utf-8")
    if options.sets:
        source = assigned(source, options.sets)
    caps = caps_of(options)
    if not caps.bytes and not caps.flops:
        return source, _told(options.sets), ""
    from pharos.kernelbench.sizer import sizes_of

    capped = cap(source, caps, lambda text: sizes_of(text, path))
    return capped.source, (*_told(options.sets), *capped.changes), capped.note


def _told(sets: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name} = {text} (--set)" for name, text in sets.items())


def _value(name: str, text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise UserError(
            f"--set {name}: expected a number or a list of numbers, found '{text}'"
        ) from None
    return list(value) if isinstance(value, tuple) else value


def _with_arguments(problem: Any, options: Options) -> Any:
    """``problem`` with the model's arguments that the user gave instead of its own."""
    if options.initial is None:
        return problem
    initial = list(options.initial)
    return replace(problem, get_init_inputs=lambda: initial)
