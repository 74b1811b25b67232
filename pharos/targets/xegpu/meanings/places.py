"""Who a work-item is, and where it waits for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos.simt import Call, Value, Writer, meaning
from pharos.targets.xegpu.meanings.table import PLACES

_WORK_ITEMS = "OpenCL C 3.0, 6.15.1 Work-Item Functions"
_SUBGROUPS = "OpenCL C 3.0, 6.15.19 Subgroup Functions"
# Of each function: its value along one axis, and beyond the third.
_BY_AXIS: dict[str, tuple[Callable[[Writer, int], Value], int]] = {
    "get_local_id": (lambda w, axis: w.thread(axis), 0),
    "get_group_id": (lambda w, axis: w.block(axis), 0),
    "get_local_size": (lambda w, axis: w.block_size(axis), 1),
    "get_num_groups": (lambda w, axis: w.grid_size(axis), 1),
    "get_global_id": (lambda w, axis: w.block(axis) * w.block_size(axis) + w.thread(axis), 0),
    "get_global_size": (lambda w, axis: w.grid_size(axis) * w.block_size(axis), 1),
}


@meaning(
    PLACES,
    r"_Z\d+(?P<name>get_local_id|get_group_id|get_local_size|get_num_groups|get_global_id|"
    r"get_global_size)j",
    source=_WORK_ITEMS,
)
def by_axis(w: Writer, call: Call) -> Value:
    """``size_t f(uint axis)``."""
    value, beyond = _BY_AXIS[call.match[1]]
    axis = call.arguments[0]
    found = w.constant(beyond, "i32")
    for number in range(3):
        found = w.select(axis == number, value(w, number), found)
    return w.convert(found, call.type)


@meaning(PLACES, r"_Z\d+get_sub_group_local_id(?:v)?", source=_SUBGROUPS)
def lane(w: Writer, call: Call) -> Value:
    """``uint get_sub_group_local_id()``."""
    return w.lane


@meaning(PLACES, r"_Z\d+get_sub_group_id(?:v)?", source=_SUBGROUPS)
def subgroup(w: Writer, call: Call) -> Value:
    """``uint get_sub_group_id()``: subgroups are cut from the work-items in linear order."""
    return w.subgroup


@meaning(PLACES, r"_Z\d+get_(?:max_)?sub_group_size(?:v)?", source=_SUBGROUPS)
def size(w: Writer, call: Call) -> Value:
    """``uint get_sub_group_size()``; every subgroup is full."""
    return w.constant(w.subgroup_size, "i32")


@meaning(PLACES, r"_Z\d+get_num_sub_groups(?:v)?", source=_SUBGROUPS)
def subgroups(w: Writer, call: Call) -> Value:
    """``uint get_num_sub_groups()``."""
    return (w.threads + (w.subgroup_size - 1)) // w.subgroup_size


@meaning(
    PLACES,
    r"_Z\d+(?:work_group_barrier|barrier)j\w*",
    source="OpenCL C 3.0, 6.15.8 Synchronization Functions",
)
def workgroup_barrier(w: Writer, call: Call) -> Any:
    """``void barrier(cl_mem_fence_flags)``: memory is always ordered here, for every flag."""
    w.meet("workgroup")


@meaning(PLACES, r"_Z\d+sub_group_barrierj\w*", source=_SUBGROUPS)
def subgroup_barrier(w: Writer, call: Call) -> Any:
    """``void sub_group_barrier(cl_mem_fence_flags)``."""
    w.meet("subgroup")
