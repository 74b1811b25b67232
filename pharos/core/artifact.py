"""The result of compiling: code, how to call it, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# Sizes in bytes of the element types that cross a call boundary. i1 is stored as one byte.
DTYPE_BYTES: Mapping[str, int] = {
    "f64": 8,
    "f32": 4,
    "f16": 2,
    "bf16": 2,
    "i64": 8,
    "i32": 4,
    "i16": 2,
    "i8": 1,
    "i1": 1,
    "index": 8,
}


@dataclass(frozen=True)
class Argument:
    """One argument or result of an entry point.

    ``kind`` is "memref" (``shape`` has -1 where the size is known only at run time; ``strides``
    in elements, -1 when dynamic, None for row-major), "scalar" or "pointer".
    ``written`` tells whether the code may store through it; True unless proven otherwise.
    ``unique`` tells that the code relies on no other argument sharing its memory.
    """

    kind: str
    dtype: str
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] | None = None
    written: bool = True
    name: str = ""
    unique: bool = False


@dataclass(frozen=True)
class EntryPoint:
    """A function that can be called: its symbol, arguments and results in order."""

    name: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Artifact:
    """Code for one target, and all that is needed to load and call it.

    ``format`` is "object" (ELF), "ptx", "hsaco", "spirv" or, for simulated devices, "llvm-ir"; the
    code of all but the first is a zip of files. ``libraries`` are the names of
    shared libraries it needs ("openmp", or a path), ``symbols`` the names it leaves undefined.
    """

    target: str
    format: str
    code: bytes = field(repr=False)
    entries: tuple[EntryPoint, ...]
    fingerprint: str
    libraries: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, name: str) -> EntryPoint:
        """The entry point called ``name``. Raises KeyError that lists the ones there are."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(f"no entry point '{name}'; there are: {[e.name for e in self.entries]}")

    def manifest(self) -> dict[str, Any]:
        """Everything but the code, as plain data for JSON."""
        data = asdict(self)
        del data["code"]
        return data

    @staticmethod
    def from_manifest(data: Mapping[str, Any], code: bytes) -> Artifact:
        """The artifact whose manifest (as read from JSON) and code these are."""

        def argument(item: Mapping[str, Any]) -> Argument:
            strides = item["strides"]
            return Argument(
                **{
                    **item,
                    "shape": tuple(item["shape"]),
                    "strides": None if strides is None else tuple(strides),
                }
            )

        entries = tuple(
            EntryPoint(
                entry["name"],
                tuple(argument(a) for a in entry["arguments"]),
                tuple(argument(a) for a in entry["results"]),
            )
            for entry in data["entries"]
        )
        return Artifact(
            target=data["target"],
            format=data["format"],
            code=code,
            entries=entries,
            fingerprint=data["fingerprint"],
            libraries=tuple(data["libraries"]),
            symbols=tuple(data["symbols"]),
            metadata=dict(data["metadata"]),
        )
