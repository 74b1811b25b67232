"""What compiles and runs macros written in Lispier: the road itself, in a process of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pharos.core import settings
from pharos.toolchain.records import Payload, Request
from pharos.toolchain.road import build, load


@functools.cache
def macro_engine() -> Any:
    """What compiles and runs macros written in Lispier, in a process of its own."""
    from pharos.lisp.macro_engine import MacroEngine
    from pharos.runtime.server import Server

    return MacroEngine(Server(_macro_host), settings.MACRO_SECONDS.get)


def _macro_host() -> Callable[[tuple[Any, ...]], Any]:
    from pharos.lisp.macro_host import MacroHost

    return MacroHost(_callable_macros).answer


def _callable_macros(unit: Any) -> Callable[[str, int], int]:
    from pharos import lisp

    program = lisp.Program(unit.file, forms=list(unit.forms), needed=set(unit.needed))
    payload = Payload(unit.file, unit.text, lambda: lisp.lower(program), unit.libraries, unit.names)
    runner = load(build(payload, Request(pipeline="default")).artifact)
    return lambda name, arguments: int(runner.call(name, arguments))
