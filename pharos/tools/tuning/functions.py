"""A function of a module or a Lisp program as the tuner wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pharos import toolchain
from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime.checks import describe
from pharos.runtime.device import entry_point
from pharos.tools.calling import MAIN, choose_entry
from pharos.tools.inputs import example, make_inputs, parse_inputs, usual
from pharos.tools.values import outputs
from pharos.tuning.agreement import Named, difference


@dataclass(frozen=True)
class FunctionSubject:
    """The function ``entry`` of ``payload`` with ``arguments`` for one call."""

    payload: toolchain.Payload
    entry: EntryPoint
    arguments: Sequence[Any]

    @staticmethod
    def of(
        payload: toolchain.Payload,
        artifact: Artifact,
        name: str | None,
        text: str | None,
        seed: int,
    ) -> FunctionSubject:
        """The function ``name`` (or the only one) with the inputs that ``text`` describes, else
        random ones. Raises UserError for what does not fit."""
        name = name or _chosen(payload, artifact)
        entry = entry_point(artifact, name)
        text = text if text is not None else usual(entry)
        if text is None:
            raise UserError(
                f"'{name}' takes {', '.join(map(describe, entry.arguments))}; found no --input",
                hint=example(entry),
            )
        items = parse_inputs(text) if entry.arguments or text else []
        return FunctionSubject(payload, entry, make_inputs(items, entry, seed))

    def bind(self, artifact: Artifact) -> FunctionCall:
        """A call with copies of the arguments."""
        arguments = [a.copy() if hasattr(a, "copy") else a for a in self.arguments]
        return FunctionCall(toolchain.load(artifact), self.entry, arguments)

    def reference(self) -> None:
        """None: nothing but the compiler can run it."""

    def wrong(self, found: Sequence[Named], expected: Sequence[Named]) -> str:
        """What is wrong with ``found``."""
        return difference(found, expected)


def _chosen(payload: toolchain.Payload, artifact: Artifact) -> str:
    name = choose_entry(artifact, payload.name, lisp=payload.program)
    if payload.program and name == MAIN:
        others = [entry.name for entry in artifact.entries if entry.name != MAIN]
        raise UserError(
            f"{payload.name}: expected the name of a function to tune, found a program with a main",
            hint=f"--entry {others[0]}" if others else "write what it computes as a function",
        )
    return name


class FunctionCall:
    """A bound call of a compiled function."""

    def __init__(self, runner: Any, entry: EntryPoint, arguments: list[Any]) -> None:
        self._entry = entry
        self._arguments = arguments
        self._bound = runner.bind(entry.name, *arguments)

    def __call__(self) -> None:
        """Run the code."""
        self._bound()

    def results(self) -> list[Named]:
        """Run it, and copies of its results and of the arguments that it may have written to."""
        import numpy as np

        found = outputs(self._entry, self._arguments, self._bound())
        return [Named(one.name, one.argument.dtype, np.array(one.value)) for one in found]
