"""The table of what operations do at workgroup level.

A handler takes an operation and gives a function from the frame and the values of its operands to
the values of its results. It is called once per operation, the function once per workgroup and
iteration. Kernels of tiles and kernels of one work-item have a table each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.ir import CompileError, span_of
from pharos.targets.xegpu.workgroup.memory import Memory

Run = Callable[..., Sequence[Any]]
Handler = Callable[[Any], Run]
_HANDLERS: dict[str, Handler] = {}
_OF_ITEMS: dict[str, Handler] = {}
# What is computed element by element is the same on a number, a tile, and all work-items.
_BY_ELEMENT = ("arith.", "math.")


@dataclass(frozen=True)
class Frame:
    """One workgroup: its place in the grid, and the device's memory."""

    block: tuple[int, int, int]
    memory: Memory


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Enter the decorated function as the handler of operations with these names."""

    def enter(handler: Handler) -> Handler:
        for name in names:
            _HANDLERS[name] = handler
        return handler

    return enter


def item_handles(*names: str) -> Callable[[Handler], Handler]:
    """Enter the decorated function for operations on arrays over work-items (``items.Items``)."""

    def enter(handler: Handler) -> Handler:
        for name in names:
            _OF_ITEMS[name] = handler
        return handler

    return enter


def item_handler_of(operation: Any) -> Run:
    """What ``operation`` does on arrays over work-items. CompileError with its place when nothing
    is known of it."""
    handler = _OF_ITEMS.get(operation.name)
    if handler is None and not operation.name.startswith(_BY_ELEMENT):
        raise _unknown(operation)
    return handler_of(operation) if handler is None else handler(operation)


def handler_of(operation: Any) -> Run:
    """What ``operation`` does. CompileError with its place when nothing is known of it."""
    handler = _HANDLERS.get(operation.name)
    if handler is None:
        raise _unknown(operation)
    return handler(operation)


def _unknown(operation: Any) -> CompileError:
    error = CompileError(
        f"'{operation.name}' has no meaning at workgroup level",
        span=span_of(operation.location),
    )
    error.operation = operation.name
    return error


def known() -> Mapping[str, Handler]:
    """All handlers by the name of the operation."""
    return _HANDLERS
