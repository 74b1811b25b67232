"""Barriers of the block, named ones, of a warp, and of a cluster, which here has one block."""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.writer import Writer

TABLE = Meanings("barriers")
_SYNC = "PTX ISA 9.0, 9.7.13."


@meaning(
    TABLE,
    r"llvm\.nvvm\.barrier\.cta\.sync(?:\.aligned)?\.all",
    r"llvm\.nvvm\.barrier0",
    r"llvm\.nvvm\.bar(?:rier)?\.sync",
    source=_SYNC + "1 barrier{.cta}.sync",
)
def barrier_all(w: Writer, call: Call) -> None:
    """Barrier number, for all threads of the block; number 0 is the block's own."""
    if not call.arguments or call.literal(0) == 0:
        w.meet("workgroup")
    else:
        w.meet(call.arguments[0], w.threads)


@meaning(
    TABLE,
    r"llvm\.nvvm\.barrier\.cta\.(?P<what>sync|arrive)(?:\.aligned)?\.count",
    r"llvm\.nvvm\.bar(?:rier)?(?P<what>)\.n",
    source=_SYNC + "1 barrier{.cta}.sync, barrier{.cta}.arrive",
)
def barrier_count(w: Writer, call: Call) -> None:
    """Barrier number, and how many threads take part: whole warps."""
    number, count = call.arguments
    message = "barrier {0} is for whole warps, not for {1} threads"
    w.require((count % w.subgroup_size == 0) & (count > 0), message, number, count)
    w.meet(number, count, signal=call.match["what"] == "arrive")


@meaning(TABLE, r"llvm\.nvvm\.bar\.warp\.sync", source=_SYNC + "2 bar.warp.sync")
def barrier_warp(w: Writer, call: Call) -> None:
    """The mask of the lanes that meet."""
    w.meet("subgroup", who=call.arguments[0])


@meaning(
    TABLE,
    r"llvm\.nvvm\.barrier\.cluster\.arrive(?:\.relaxed)?(?:\.aligned)?",
    source=_SYNC + "3 barrier.cluster.arrive, a cluster of one block",
)
def cluster_arrive(w: Writer, call: Call) -> None:
    """What the block has written is seen by the cluster once it waits: nothing to do before."""


@meaning(
    TABLE,
    r"llvm\.nvvm\.barrier\.cluster\.wait(?:\.acquire)?(?:\.aligned)?",
    source=_SYNC + "3 barrier.cluster.wait, a cluster of one block",
)
def cluster_wait(w: Writer, call: Call) -> None:
    w.meet("workgroup")


@meaning(
    TABLE,
    r"llvm\.nvvm\.membar\.(?:cta|gl|sys)",
    r"llvm\.nvvm\.fence\.(?:sc|acq_rel)\.cluster",
    r"llvm\.nvvm\.fence\.mbarrier_init\.release\.cluster",
    source=_SYNC + "4 membar, fence: the simulator performs accesses in program order",
)
def fence(w: Writer, call: Call) -> None:
    pass


@meaning(
    TABLE,
    r"llvm\.nvvm\.griddepcontrol\.(?:wait|launch\.dependents)",
    source=_SYNC + "13 griddepcontrol: kernels of the simulator run one after another",
)
def griddepcontrol(w: Writer, call: Call) -> None:
    pass


@meaning(
    TABLE,
    r"llvm\.nvvm\.setmaxnreg\.(?:inc|dec)\.sync\.aligned\.u32",
    source="PTX ISA 9.0, 9.7.19.5 setmaxnreg",
)
def setmaxnreg(w: Writer, call: Call) -> None:
    """Registers that a thread of the warp may have: a literal."""
    count = call.constant(0)
    if count % 8 or not 24 <= count <= 256:
        w.fault("setmaxnreg of {0}: a multiple of 8 from 24 to 256 is needed", call.arguments[0])


@meaning(
    TABLE,
    r"llvm\.nvvm\.nanosleep",
    source="PTX ISA 9.0, 9.7.19.2 nanosleep: other threads run meanwhile in any case",
)
def nanosleep(w: Writer, call: Call) -> None:
    pass


@meaning(
    TABLE,
    r"llvm\.nvvm\.prefetch\..*",
    r"(?:@\$\d+\s+)?prefetch\.tensormap\s+\[\$\d+\];",
    r"llvm\.nvvm\.cp\.async\.bulk\.prefetch\..*",
    source="PTX ISA 9.0, 9.7.9.15 prefetch, 9.7.9.25.4.3 cp.async.bulk.prefetch: only for speed",
)
def prefetch(w: Writer, call: Call) -> None:
    pass
