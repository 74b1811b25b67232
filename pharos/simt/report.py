"""What a stopped worker knows, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pharos.simt.emitter import Written
from pharos.simt.faults import KINDS, SimulationFault
from pharos.simt.regions import Region, nearest_region

if TYPE_CHECKING:
    from pharos.simt.loaded import Loaded
    from pharos.simt.simulator import Simulator

_LEFT, _RUNS = -2, -1
_64_BITS = (1 << 64) - 1
_COUNTER = (
    "a counter of {} arrivals; 1 to 16383 are possible",
    "the counter at address {:#x} was never initialised",
    "{} arrivals where {} are still expected",
)


def fault_of(
    simulator: Simulator, copy: Loaded, regions: Sequence[Region] | None
) -> SimulationFault:
    """The fault that ended the run of this copy of the kernel."""
    kind = KINDS[copy["simt.fault.kind"]]
    number = copy["simt.fault.thread"]
    place = simulator.sites.get(copy["simt.fault.site"])
    if kind in ("deadlock", "livelock"):
        number, place = _first_waiting(simulator, copy, number)
    thread = copy.arrays["simt.place"][3 * number : 3 * number + 3]
    x, y, z = (int(v) for v in copy.arrays["simt.block"])
    return SimulationFault(
        kind,
        _words(kind, simulator, copy, regions or ()),
        kernel=simulator.name,
        block=(x, y, z),
        thread=(int(thread[0]), int(thread[1]), int(thread[2])),
        place=str(place) if place else "",
        span=place.span if place else None,
    )


# What is said of the faults that need no more than the three numbers that come with them.
_PLAIN = {
    "wrong mask": "lane {b} takes part in a collective of the lanes 0x{a:x}",
    "unknown barrier": "barrier {a} does not exist",
    "barrier count": "barrier {a} is passed by {b} threads for some and {c} for others",
    "shared out of bounds": "{b} bytes at offset {a} of {c} bytes of shared memory",
    "misaligned access": "address 0x{a:x} is no multiple of {b} ({c} bytes are accessed)",
    "memory access": "the kernel, which is not checked, used address 0x{a:x}, which is nobody's",
    "stack overflow": "the thread's own memory has grown beyond the {b} bytes of its stack",
}


def _words(kind: str, simulator: Simulator, copy: Loaded, regions: Sequence[Region]) -> str:
    a, b, c = (int(v) for v in copy.arrays["simt.fault.values"][:3])
    if kind in _PLAIN:
        return _PLAIN[kind].format(a=a & _64_BITS, b=b, c=c)
    match kind:
        case "deadlock":
            return "every thread waits: " + _waiting(simulator, copy)
        case "livelock":
            return "threads look for a change that never comes: " + _waiting(simulator, copy)
        case "divergent collective":
            return _diverged(a & _64_BITS, b & _64_BITS)
        case "divergent barrier":
            return f"other threads of the block wait at {simulator.sites.get(b)}"
        case "counter":
            return _COUNTER[a].format(b, c)
        case "meaning":
            return Written.words(a).format(b, c)
        case "global out of bounds" | "write to constant memory":
            return f"{b} bytes at address {a:#x}, {nearest_region(a, b, regions)}"
        case "unwritten read" if a == 0:
            return f"nobody wrote the byte at offset {b} of shared memory ({c} bytes are read)"
        case "unwritten read":
            return f"nobody wrote the byte at address {b:#x}, {nearest_region(b, 1, regions)}"
    return _race(simulator, copy, a, b, c)


def _diverged(theirs: int, mine: int) -> str:
    if theirs != mine:
        return f"lanes 0x{theirs:x} wait for each other, this one for 0x{mine:x}"
    return f"the lanes 0x{theirs:x} meet at different instructions"


def _race(simulator: Simulator, copy: Loaded, thread: int, offset: int, kinds: int) -> str:
    """Two accesses to one granule without a barrier between them."""
    mine = ("reads", "writes", "updates")[kinds >> 1]
    theirs = "wrote" if kinds & 1 else "read"
    place = copy.arrays["simt.place"][3 * thread : 3 * thread + 3]
    other = tuple(int(v) for v in place)
    where = simulator.sites.get(copy.last_writer(offset)) if kinds & 1 else None
    at = f" at {where}" if where else ""
    return (
        f"this thread {mine} offset {offset} of shared memory, which thread {other} {theirs}{at}; "
        "no barrier orders the two"
    )


def _first_waiting(simulator: Simulator, copy: Loaded, otherwise: int) -> tuple[int, Any]:
    """The first thread that waits, and where; ``otherwise`` and no place where none does."""
    waits = [int(site) for site in copy.arrays["simt.waits"][: copy["simt.threads"]]]
    found = next((n for n, site in enumerate(waits) if site not in (_LEFT, _RUNS)), None)
    return (otherwise, None) if found is None else (found, simulator.sites.get(waits[found]))


def _waiting(simulator: Simulator, copy: Loaded) -> str:
    """How many threads wait where, and how many have left."""
    counts = Counter(int(site) for site in copy.arrays["simt.waits"][: copy["simt.threads"]])
    left = counts.pop(_LEFT, 0)
    counts.pop(_RUNS, None)
    parts = [f"{n} at {simulator.sites.get(site)}" for site, n in counts.most_common(4)]
    return ", ".join(parts) + (f"; {left} have left the kernel" if left else "")
