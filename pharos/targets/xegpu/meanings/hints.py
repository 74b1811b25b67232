"""What changes speed and no value."""

from __future__ import annotations

from typing import Any

from pharos.simt import Call, Value, Writer, meaning
from pharos.targets.xegpu.meanings.blocks import surface_of
from pharos.targets.xegpu.meanings.table import HINTS


@meaning(
    HINTS,
    r"_Z\d+intel_sub_group_2d_block_prefetch_(?P<bits>\d+)b_(?:\d+)r(?:\d+)x(?:\d+)cPU3AS1viiiDv2_i",
    source="cl_intel_subgroup_2d_block_io, 2D block prefetch functions",
)
def prefetch(w: Writer, call: Call) -> Any:
    """Nothing is read; the surface must be legal all the same."""
    surface_of(w, call, int(call.match[1]) // 8)


@meaning(
    HINTS,
    r"llvm\.ptr\.annotation\..*",
    source="LLVM Language Reference, llvm.ptr.annotation; SPV_INTEL_cache_controls",
)
def annotation(w: Writer, call: Call) -> Value:
    """The pointer itself: cache controls are hints."""
    return call.arguments[0]
