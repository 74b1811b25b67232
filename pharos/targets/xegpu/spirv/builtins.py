"""The functions that kernels call and an OpenCL or Level Zero driver supplies.

They are C functions with names mangled as Itanium C++ does, from the OpenCL C specification and
Intel's extensions: cl_intel_subgroups, cl_intel_subgroup_2d_block_io,
cl_intel_subgroup_matrix_multiply_accumulate. SPIR-V's back end turns identifiers, barriers and
shuffles into instructions; the block and matrix functions stay imports, which the driver resolves.
"""

from __future__ import annotations

import re

_MANGLED = re.compile(r"_Z(\d+)(\w+)")
_NAMES = (
    r"get_(?:global|local|group|sub_group|sub_group_local)_(?:id|size|linear_id)",
    r"get_(?:num_groups|num_sub_groups|sub_group_size|sub_group_id|sub_group_local_id)",
    r"(?:sub_group|work_group)_barrier",
    r"barrier",
    r"sub_group_shuffle(?:_xor|_up|_down)?",
    r"sub_group_(?:broadcast|reduce_\w+)",
    r"intel_sub_group_2d_block_(?:read|read_transform|read_transpose|write|prefetch)_\w+",
    r"intel_sub_group_\w+_matrix_mad_k\d+",
    r"__spirv_\w+",
)
_KNOWN = re.compile("|".join(f"(?:{name})" for name in _NAMES))


def known(name: str) -> bool:
    """Whether the driver has the function with the mangled ``name``."""
    plain = plain_name(name)
    return plain is not None and _KNOWN.fullmatch(plain) is not None


def plain_name(name: str) -> str | None:
    """The C name in a mangled one: "barrier" for "_Z7barrierj"; None when it is not mangled."""
    found = _MANGLED.fullmatch(name)
    return found[2][: int(found[1])] if found else None
