"""Values of other lanes of a subgroup."""

from __future__ import annotations

from collections.abc import Callable

from pharos.simt import Call, Value, Writer, meaning
from pharos.targets.xegpu.meanings.table import SHUFFLES

# Of each function: the lane that is read. Lanes outside the subgroup are what the manual leaves
# undefined; there every bit of the value is one, a NaN, so that nobody relies on it.
_LANES: dict[str, Callable[[Value, Value], Value]] = {
    "sub_group_shuffle": lambda lane, by: by,
    "sub_group_broadcast": lambda lane, by: by,
    "sub_group_shuffle_xor": lambda lane, by: lane ^ by,
    "sub_group_shuffle_up": lambda lane, by: lane - by,
    "sub_group_shuffle_down": lambda lane, by: lane + by,
}


@meaning(
    SHUFFLES,
    r"_Z\d+(?P<name>sub_group_shuffle(?:_xor|_up|_down)?|sub_group_broadcast)\w+j",
    source="OpenCL extensions 3.0, 42 cl_khr_subgroup_shuffle, 43 .._shuffle_relative; "
    "OpenCL C 3.0, 6.15.19 Subgroup Functions",
)
def shuffle(w: Writer, call: Call) -> Value:
    """``gentype f(gentype value, uint lane or distance)``."""
    value, by = call.arguments
    source = _LANES[_name(call)](w.lane, by)
    lanes = w.exchange(value)
    inside = source < w.subgroup_size
    read = lanes.read(w.select(inside, source, w.lane))
    bits = f"i{8 * _bytes(value.type)}"
    undefined = w.cast("bitcast", w.constant(-1, bits), value.type)
    return w.select(inside, read, undefined)


def _name(call: Call) -> str:
    return call.match[1]


def _bytes(kind: str) -> int:
    return {"half": 2, "bfloat": 2, "float": 4, "double": 8}.get(kind) or int(kind[1:]) // 8
