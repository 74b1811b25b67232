"""Asking another process to compile and call macro functions, and the units that are compiled.

``MacroHost`` answers there. They speak in plain tuples of values, so that anything can carry
them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from pharos.core.errors import InternalError, PharosError, UserError
from pharos.lisp.expansions import State
from pharos.lisp.values import List, Value, to_text

# Seconds that compiling a module of macro functions may take.
_COMPILING = 120.0


@dataclass(frozen=True)
class MacroUnit:
    """Macro functions ``names`` to be compiled together, with all that they need.

    ``forms`` are expanded; ``needed`` are C functions that they call undeclared; ``libraries``
    are as in ``Payload``.
    """

    file: str
    names: tuple[str, ...]
    forms: tuple[Value, ...]
    needed: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that decides the code."""
        return "\n".join(map(to_text, self.forms))

    @cached_property
    def key(self) -> str:
        """A name for the code that differs for different code."""
        return hashlib.sha256("\0".join((*self.names, self.text)).encode()).hexdigest()


class Ask(Protocol):
    """Carries a request to a ``MacroHost``: its answer, within ``seconds``.

    Raises what answering raised, and another PharosError when there will be no answer; the next
    request then finds a new host.
    """

    def __call__(self, request: tuple[Any, ...], *, seconds: float) -> Any:
        """The answer."""

    @property
    def generation(self) -> int:
        """Another number for every new host."""


@dataclass
class MacroEngine:
    """Compiles and calls macro functions through ``ask``; a call may take ``seconds``."""

    ask: Ask
    seconds: Callable[[], float]
    _known: set[str] = field(default_factory=set)
    _generation: int = -1

    def compile(self, unit: MacroUnit) -> None:
        """Have the functions of ``unit`` ready. Raises UserError with the place of a mistake."""
        if self._generation != self.ask.generation:
            self._known.clear()
        if unit.key in self._known:
            return
        try:
            self.ask(("compile", unit), seconds=_COMPILING)
        except (UserError, InternalError):
            raise
        except PharosError as death:
            raise UserError(f"compiling it ended the compiler: {death}") from None
        self._generation = self.ask.generation
        self._known.add(unit.key)

    def call(self, unit: MacroUnit, name: str, arguments: List, state: State) -> Value | None:
        """What the function ``name`` of ``unit`` returns; None for the null pointer.

        Raises UserError when the function crashes, or does not end in time.
        """
        self.compile(unit)
        request = ("call", unit.key, name, arguments, state.made)
        try:
            value, state.made, state.failure = self.ask(request, seconds=self.seconds())
        except (UserError, InternalError):
            raise
        except PharosError as death:
            raise UserError(str(death)) from None
        result: Value | None = value
        return result
