"""Where a thread is: the special registers that kernels read."""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer

TABLE = Meanings("special registers")
AXES = {"x": 0, "y": 1, "z": 2}
_SREG = r"llvm\.nvvm\.read\.ptx\.sreg\."
_PTX = "PTX ISA 9.0, 10."


@meaning(TABLE, _SREG + r"tid\.(?P<axis>[xyz])", source=_PTX + "1 %tid")
def tid(w: Writer, call: Call) -> Value:
    return w.thread(AXES[call.match["axis"]])


@meaning(TABLE, _SREG + r"ntid\.(?P<axis>[xyz])", source=_PTX + "2 %ntid")
def ntid(w: Writer, call: Call) -> Value:
    return w.block_size(AXES[call.match["axis"]])


@meaning(TABLE, _SREG + r"ctaid\.(?P<axis>[xyz])", source=_PTX + "6 %ctaid")
def ctaid(w: Writer, call: Call) -> Value:
    return w.block(AXES[call.match["axis"]])


@meaning(TABLE, _SREG + r"nctaid\.(?P<axis>[xyz])", source=_PTX + "7 %nctaid")
def nctaid(w: Writer, call: Call) -> Value:
    return w.grid_size(AXES[call.match["axis"]])


@meaning(TABLE, _SREG + r"laneid", source=_PTX + "3 %laneid")
def laneid(w: Writer, call: Call) -> Value:
    return w.lane


@meaning(TABLE, _SREG + r"warpid", source=_PTX + "4 %warpid")
def warpid(w: Writer, call: Call) -> Value:
    return w.subgroup


@meaning(TABLE, _SREG + r"nwarpid", source=_PTX + "5 %nwarpid")
def nwarpid(w: Writer, call: Call) -> Value:
    return (w.threads + (w.subgroup_size - 1)) // w.subgroup_size


@meaning(TABLE, _SREG + r"warpsize", source="PTX ISA 9.0, 4.4 WARP_SZ")
def warpsize(w: Writer, call: Call) -> int:
    return w.subgroup_size


@meaning(
    TABLE,
    _SREG + r"lanemask\.(?P<which>eq|le|lt|ge|gt)",
    source=_PTX + "18 to 10.22 %lanemask_eq, _le, _lt, _ge, _gt",
)
def lanemask(w: Writer, call: Call) -> Value:
    return lanes_beside(call.match["which"], w.constant(1) << w.lane)


def lanes_beside(which: str, own: Value) -> Value:
    """The lanes whose number compares so with the running lane's; ``own`` is its bit."""
    below = own - 1
    return {
        "eq": lambda: own,
        "lt": lambda: below,
        "le": lambda: below | own,
        "ge": lambda: ~below,
        "gt": lambda: ~(below | own),
    }[which]()


# A launch without clusters has clusters of one block: PTX ISA 9.0, 2.2.2 (cluster of CTAs).
_CLUSTERS = "2.2.2 and 10.11 to 10.17, clusters of one block"


@meaning(TABLE, _SREG + r"cluster\.ctaid\.[xyz]", _SREG + r"cluster\.ctarank",
         source="PTX ISA 9.0, " + _CLUSTERS)  # fmt: skip
def place_in_cluster(w: Writer, call: Call) -> int:
    return 0


@meaning(TABLE, _SREG + r"cluster\.nctaid\.[xyz]", _SREG + r"cluster\.nctarank",
         source="PTX ISA 9.0, " + _CLUSTERS)  # fmt: skip
def size_of_cluster(w: Writer, call: Call) -> int:
    return 1


@meaning(TABLE, _SREG + r"clusterid\.(?P<axis>[xyz])", source="PTX ISA 9.0, " + _CLUSTERS)
def clusterid(w: Writer, call: Call) -> Value:
    return w.block(AXES[call.match["axis"]])


@meaning(TABLE, _SREG + r"nclusterid\.(?P<axis>[xyz])", source="PTX ISA 9.0, " + _CLUSTERS)
def nclusterid(w: Writer, call: Call) -> Value:
    return w.grid_size(AXES[call.match["axis"]])
