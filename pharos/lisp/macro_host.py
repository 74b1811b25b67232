"""The side of the conversation with ``MacroEngine`` that runs compiled macro functions.

It is in a process of its own, which a macro that crashes or never ends takes down alone.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from pharos.lisp.expansions import State
from pharos.lisp.macro_engine import MacroUnit
from pharos.lisp.value_functions import check_size
from pharos.lisp.value_pointers import HEAP
from pharos.lisp.values import List

CallMacro = Callable[[str, int], int]
"""Calls the function of that name with a pointer to its arguments; its result, a pointer."""


class MacroHost:
    """The side that runs macros. ``compile`` makes a unit's functions callable here."""

    def __init__(self, compile: Callable[[MacroUnit], CallMacro]) -> None:
        self._compile = compile
        self._compiled: dict[str, CallMacro] = {}

    def answer(self, request: tuple[Any, ...]) -> Any:
        """Do what one request of ``MacroEngine`` asks."""
        what, *rest = request
        if what == "compile":
            (unit,) = rest
            self._compiled[unit.key] = self._compile(unit)
            return None
        return self._call(*rest)

    def _call(self, key: str, name: str, arguments: List, made: int) -> tuple[Any, ...]:
        HEAP.state = State(made)
        try:
            value = HEAP.value(self._compiled[key](name, HEAP.pointer(arguments)))
            # What it printed comes before what the program prints.
            ctypes.CDLL(None).fflush(None)
            if value is not None:
                check_size(value)
            return value, HEAP.state.made, HEAP.state.failure
        finally:
            HEAP.clear()
