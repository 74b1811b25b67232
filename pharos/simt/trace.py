"""What a chosen thread executes: every instruction with its value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np

from pharos.simt import types
from pharos.simt.results import result_of
from pharos.simt.sites import Site, Sites

_NUMPY = {
    "half": np.float16, "bfloat": ml_dtypes.bfloat16, "float": np.float32, "double": np.float64,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
}  # fmt: skip
_STORE = re.compile(r"^\s*store (?:(?:atomic|volatile) )*(.*)$")
_LABEL = re.compile(r"^[^\s=]+:")
_SILENT = ("br ", "switch ", "unreachable", "#dbg_", "]", "i1 ", "i8 ", "i16 ", "i32 ", "i64 ")


@dataclass(frozen=True)
class Step:
    """One executed instruction: where it stands, and its value (or what it stored), if any."""

    site: Site
    value: object = None

    def __str__(self) -> str:
        """`model.mlir:3:5  %7 = fadd float %5, %6 = 1.25`."""
        place = f"{self.site.span}  " if self.site.span else ""
        value = "" if self.value is None else f"  = {_shown(self.value)}"
        return f"{place}{self.site.text}{value}"


@dataclass
class Trace:
    """The steps of one thread of one block, which a run fills in; ``missed`` found no room."""

    block: tuple[int, int, int] = (0, 0, 0)
    thread: tuple[int, int, int] = (0, 0, 0)
    bytes: int = 1 << 22
    steps: list[Step] = field(default_factory=list)
    missed: int = 0

    def read(self, raw: np.ndarray, sites: Sites, kinds: dict[int, str]) -> None:
        """The steps that the runtime wrote (`simt.trace`): site, size, value."""
        at = 0
        while at < len(raw):
            site, size = (int(v) for v in raw[at : at + 8].view(np.int32))
            data = bytes(raw[at + 8 : at + 8 + size])
            value = decoded(kinds[site], data) if site in kinds else None
            self.steps.append(Step(sites.places[site], value))
            at += 8 + size


class Tracer:
    """Puts the recording of its value after every instruction of a kernel."""

    def __init__(self, sites: Sites) -> None:
        self.sites = sites
        self.kinds: dict[int, str] = {}
        self._count = 0
        self._waiting: list[str] = []

    def wrap(self, line: str, lines: list[str], function: str) -> Iterator[str]:
        """``lines`` stand for ``line``: they, and what records them."""
        bare = line.lstrip()
        if not bare or _LABEL.match(line) or " = phi " in line:
            yield from lines
            if " = phi " in line:  # nothing may stand between two of them
                self._waiting += self._record(line, result_of(line), function)
            return
        yield from self._waiting
        self._waiting = []
        if bare.startswith("ret"):
            yield from self._record(line, None, function)
        yield from lines
        if not bare.startswith(("ret", *_SILENT)):
            yield from self._record(line, self._stored(line) or result_of(line), function)

    def _stored(self, line: str) -> tuple[str, str] | None:
        found = _STORE.match(line)
        if not found:
            return None
        type, value = types.leading_type(types.split(found[1])[0])
        return value, type

    def _record(self, line: str, value: tuple[str, str] | None, function: str) -> list[str]:
        site, size = self.sites.add(line, function), 0
        if value is not None:
            size = types.size_of(value[1])
            self.kinds[site] = value[1]
        self._count += 1
        at = f"%simt.trace.{self._count}"
        call = f"  {at} = call ptr @simt.trace(i32 {site}, i32 {size})"
        if value is None:
            return [call]
        return [call, f"  store {value[1]} {value[0]}, ptr {at}, align 1"]


def decoded(type: str, data: bytes) -> object:
    """A value of this type as Python has it: numbers, lists of them, tuples for structures."""
    if type in _NUMPY:
        return np.frombuffer(data, _NUMPY[type])[0].item()
    counted = types.vector_of(type) or types.array_of(type)
    if counted:
        count, element = counted
        if element == "i1":
            bits = int.from_bytes(data, "little")
            return [bits >> i & 1 for i in range(count)]
        size = types.size_of(element)
        return [decoded(element, data[i * size : (i + 1) * size]) for i in range(count)]
    if type.startswith("{"):
        return _fields(type, data)
    number = int.from_bytes(data, "little")
    return f"{number:#x}" if types.address_space(type) is not None else number


def _fields(type: str, data: bytes) -> tuple[object, ...]:
    found, at = [], 0
    for kind in types.fields_of(type):
        size = types.size_of(kind)
        aligned = types.size_of(f"{{ i8, {kind} }}") - size  # where it lies after one byte
        at = -(-at // aligned) * aligned
        found.append(decoded(kind, data[at : at + size]))
        at += size
    return tuple(found)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_shown(one) for one in value) + "]"
    return str(value)
