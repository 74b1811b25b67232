"""What a host function does on a device, as data: buffers, and steps in order.

This is what remains of the host's code: no function of the host is compiled. ``to_data`` and
``from_data`` convert to and from plain data for JSON, in ``Artifact.metadata["launches"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The keys of an artifact's metadata: launch descriptions by entry, the code generator's report.
LAUNCHES, REPORT = "launches", "report"
ARGUMENT, SCRATCH, CONSTANT = "argument", "scratch", "constant"


@dataclass(frozen=True)
class Memory:
    """A buffer of ``bytes``: argument ``number`` of the call, scratch, or constant ``number``."""

    kind: str
    bytes: int
    number: int = 0


@dataclass(frozen=True)
class Pointer:
    """A place in a buffer, ``offset`` bytes from its start."""

    buffer: int
    offset: int


@dataclass(frozen=True)
class Number:
    """A constant as the bytes of a ``dtype`` in memory, in hexadecimal."""

    dtype: str
    raw: str


@dataclass(frozen=True)
class Given:
    """A scalar that the call's argument ``number`` is."""

    number: int


@dataclass(frozen=True)
class Described:
    """A pointer to what the device makes of the address ``pointer`` and of ``data`` (JSON text)."""

    pointer: Pointer
    data: str


Operand = Pointer | Number | Given | Described


@dataclass(frozen=True)
class Launch:
    """Run a kernel: ``grid`` blocks of ``block`` work-items, ``shared`` bytes of dynamic shared
    memory. ``place`` is where the payload says it, "" for nowhere."""

    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    operands: tuple[Operand, ...]
    place: str = ""


@dataclass(frozen=True)
class Copy:
    """Copy ``bytes`` from one place to another; the two do not overlap."""

    source: Pointer
    target: Pointer
    bytes: int
    place: str = ""


@dataclass(frozen=True)
class Write:
    """Write the bytes ``raw`` (hexadecimal)."""

    target: Pointer
    raw: str
    place: str = ""


Step = Launch | Copy | Write


@dataclass(frozen=True)
class Result:
    """An array that the function returns. ``strides`` count elements."""

    pointer: Pointer
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """One host function: ``buffers`` that the steps point into, ``steps`` in order, ``results``."""

    buffers: tuple[Memory, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...] = ()

    @property
    def launches(self) -> list[Launch]:
        """The steps that run kernels."""
        return [step for step in self.steps if isinstance(step, Launch)]


_KINDS: Mapping[str, type] = {
    kind.__name__.lower(): kind
    for kind in (Memory, Pointer, Number, Given, Described, Launch, Copy, Write, Result, Program)
}


def to_data(value: Any) -> Any:
    """``value`` (a record of this file, or a tuple, number or text) as plain data."""
    if isinstance(value, (tuple, list)):
        return [to_data(item) for item in value]
    name = type(value).__name__.lower()
    if _KINDS.get(name) is type(value):
        return {"is": name, **{key: to_data(item) for key, item in vars(value).items()}}
    return value


def from_data(data: Any) -> Any:
    """The record that ``to_data`` made ``data`` of. ValueError for what it never makes."""
    if isinstance(data, list):
        return tuple(from_data(item) for item in data)
    if not isinstance(data, Mapping):
        return data
    kind = _KINDS.get(data.get("is", ""))
    if kind is None:
        raise ValueError(f"not part of a launch description: {data!r}")
    return kind(**{key: from_data(item) for key, item in data.items() if key != "is"})
