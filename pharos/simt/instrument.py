"""Puts a check before every access of a kernel to memory that threads share."""

from __future__ import annotations

import re

from pharos.simt import types
from pharos.simt.accesses import name_of
from pharos.simt.emitter import Written
from pharos.simt.reading import CallLine

_ACCESS = re.compile(
    r"^\s*(?:%\S+ = )?(?P<verb>load|store|atomicrmw|cmpxchg) "
    r"(?P<words>(?:(?:atomic|volatile|weak) )*)(?P<rest>.*)$"
)
_ORDERING = re.compile(
    r'(?: syncscope\("[^"]*"\))?(?: (?:unordered|monotonic|acquire|release|acq_rel|seq_cst))+$'
)
_ALIGN = re.compile(r", align (\d+)")
_DERIVED = re.compile(
    r"^\s*(?P<new>%\S+) = (?:alloca|(?:getelementptr|addrspacecast|bitcast)\b"
    r".*?\bptr(?: addrspace\(\d+\))? (?P<old>%[\w.$\-]+))"
)
_MASKED = re.compile(r"llvm\.masked\.(load|store|gather|scatter)\.")
_BLOCK = re.compile(r"llvm\.(memcpy|memmove|memset)\.")


class Instrument:
    """Writes the checks of one kernel; ``written`` learns which check functions it needs."""

    def __init__(self, written: Written, shared_space: int) -> None:
        self._written = written
        self._shared_space = shared_space
        self._local: set[str] = set()
        self._count = 0

    def enter(self) -> None:
        """Another function begins: names of the last one mean nothing in it."""
        self._local = set()

    def note(self, line: str) -> None:
        """Remembers a pointer into the thread's own memory, which needs no check."""
        found = _DERIVED.match(line)
        if found and (found["old"] is None or found["old"] in self._local):
            self._local.add(found["new"])

    def access(self, line: str, site: int) -> list[str]:
        """The check of a load, a store or an atomic operation."""
        found = _ACCESS.match(line)
        if not found:
            return []
        verb, words, rest = found["verb"], found["words"], found["rest"]
        parts = types.split(rest)
        atomic = "atomic " in words or verb in ("atomicrmw", "cmpxchg")
        access = "atomic" if atomic else {"load": "read", "store": "write"}[verb]
        if verb == "load":
            type, pointer = parts[0], parts[1]
        elif verb == "store":
            type, pointer = types.leading_type(parts[0])[0], parts[1]
        else:
            pointer = parts[0].split(" ", 1)[1] if verb == "atomicrmw" else parts[0]
            type = types.leading_type(parts[1])[0]
        aligned = _ALIGN.search(line)
        alignment = int(aligned[1]) if aligned else 1
        return self.check(access, _ORDERING.sub("", pointer), types.size_of(type), alignment, site)

    def check(self, access: str, pointer: str, size: int, alignment: int, site: int) -> list[str]:
        """The check of ``size`` bytes at a pointer, which is written with its type."""
        kind, operand = types.leading_type(pointer)
        if operand in self._local:
            return []
        space = "shared" if types.address_space(kind) == self._shared_space else "any"
        self._written.need(access, space, size, size)
        name, at = name_of(access, space, size), self._fresh()
        return [
            f"  {at} = ptrtoint {pointer} to i64",
            f"  call void @{name}(i64 {at}, i64 {alignment - 1}, i32 {site})",
        ]

    def call(self, line: CallLine, site: int) -> list[str]:
        """The checks of an intrinsic that touches memory."""
        name = line.name or ""
        if found := _BLOCK.match(name):
            target = self._block("write", line.arguments[0], line.arguments[2], site)
            if found[1] == "memset":
                return target
            return self._block("read", line.arguments[1], line.arguments[2], site) + target
        if found := _MASKED.match(name):
            return self._masked(found[1], line, site)
        return []

    def _block(self, access: str, pointer: str, size: str, site: int) -> list[str]:
        kind, operand = types.leading_type(pointer)
        if operand in self._local:
            return []
        space = "shared" if types.address_space(kind) == self._shared_space else "any"
        self._written.need(access, space, 0, 1)
        at, lines = self._fresh(), []
        if size.startswith("i32"):
            wide = self._fresh()
            lines.append(f"  {wide} = zext {size} to i64")
            size = f"i64 {wide}"
        name = name_of(access, space, 0)
        return [
            *lines,
            f"  {at} = ptrtoint {pointer} to i64",
            f"  call void @{name}(i64 {at}, i64 0, {size}, i32 {site})",
        ]

    def _masked(self, verb: str, line: CallLine, site: int) -> list[str]:
        """Each element whose mask bit is set, by a function of its own."""
        writes = verb in ("store", "scatter")
        data = types.leading_type(line.arguments[0])[0] if writes else line.type
        pointer, mask = (line.arguments[1], line.arguments[2]) if writes else line.arguments[:2]
        vector = types.vector_of(data)
        if vector is None:
            return []
        count, size = vector[0], types.size_of(vector[1])
        access = "write" if writes else "read"
        self._written.need(access, "any", size, size)
        many = verb in ("gather", "scatter")
        name = self._written.masked_check(access, count, size, many)
        at, address = self._fresh(), f"<{count} x i64>" if many else "i64"
        return [
            f"  {at} = ptrtoint {pointer} to {address}",
            f"  call void @{name}({address} {at}, {mask}, i32 {site})",
        ]

    def _fresh(self) -> str:
        self._count += 1
        return f"%simt.at.{self._count}"
