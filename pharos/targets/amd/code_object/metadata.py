"""What a code object says of its kernels: the note that the runtime reads before a launch.

Format: LLVM, User Guide for AMDGPU Backend, "Code Object V3 and Above Note Records" and "Code
Object V5 Metadata" (MessagePack; version 6 has the same keys).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pharos.core.errors import InternalError
from pharos.targets.amd.code_object import elf, msgpack

_NOTE = struct.Struct("<III")  # lengths of owner and content, type
_OWNER, _METADATA = b"AMDGPU\0", 32


@dataclass(frozen=True)
class Kernel:
    """One kernel. Sizes in bytes; counts of registers are those of one wave.

    ``lds`` is the static workgroup memory, ``scratch`` the private memory of a work-item,
    ``block`` the required sizes of a workgroup (None when it may vary), ``arguments`` one
    (kind, offset, size) each, the runtime's hidden ones too. Scalar registers spill into lanes of
    vector registers as long as ``scratch`` is 0.
    """

    name: str
    symbol: str
    kernarg: int
    lds: int
    scratch: int
    wave: int
    max_block: int
    block: tuple[int, int, int] | None
    vgprs: int
    agprs: int
    sgprs: int
    vgpr_spills: int
    sgpr_spills: int
    dynamic_stack: bool
    arguments: tuple[tuple[str, int, int], ...]

    def report(self) -> dict[str, Any]:
        """What people and tests look at, as plain data."""
        data = asdict(self)
        del data["arguments"], data["symbol"]
        return {**data, "block": None if self.block is None else list(self.block)}


def kernels(code: bytes) -> dict[str, Kernel]:
    """The kernels in a code object or in the object it is linked from, by name."""
    return {one.name: one for one in map(_kernel, contents(code)["amdhsa.kernels"])}


def contents(code: bytes) -> dict[str, Any]:
    """The metadata as it is written. InternalError for a file without any."""
    for section in elf.read(code).sections:
        if section.type != elf.NOTE:
            continue
        data, at = section.data, 0
        while at + _NOTE.size <= len(data):
            owner, size, kind = _NOTE.unpack_from(data, at)
            name = at + _NOTE.size
            start = name + _padded(owner)
            if kind == _METADATA and data[name : name + owner] == _OWNER:
                found: dict[str, Any] = msgpack.decode(data[start : start + size])
                return found
            at = start + _padded(size)
    raise InternalError("expected the metadata of kernels in a code object, found none")


def _padded(size: int) -> int:
    return (size + 3) & ~3


def _kernel(data: Mapping[str, Any]) -> Kernel:
    block = data.get(".reqd_workgroup_size")
    return Kernel(
        name=data[".name"],
        symbol=data[".symbol"],
        kernarg=data[".kernarg_segment_size"],
        lds=data[".group_segment_fixed_size"],
        scratch=data[".private_segment_fixed_size"],
        wave=data[".wavefront_size"],
        max_block=data[".max_flat_workgroup_size"],
        block=None if block is None else tuple(block),
        vgprs=data[".vgpr_count"],
        agprs=data.get(".agpr_count", 0),
        sgprs=data[".sgpr_count"],
        vgpr_spills=data.get(".vgpr_spill_count", 0),
        sgpr_spills=data.get(".sgpr_spill_count", 0),
        dynamic_stack=data.get(".uses_dynamic_stack", False),
        arguments=tuple(
            (one[".value_kind"], one[".offset"], one[".size"]) for one in data.get(".args", ())
        ),
    )
