"""Copies that a thread starts and waits for by groups: cp.async.

Nothing is copied before the thread waits for the group (in the latest mode), or all of it at once
(in the earliest); what is read and written by others in between shows the difference.
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.queues import COPIES

TABLE = Meanings("cp.async")
_PTX = "PTX ISA 9.0, 9.7.9.25.3."


@meaning(
    TABLE,
    r"llvm\.nvvm\.cp\.async\.(?:ca|cg)\.shared\.global\.(?P<size>4|8|16)(?P<some>\.s)?",
    source=_PTX + "1 cp.async",
)
def cp_async(w: Writer, call: Call) -> None:
    """To shared memory, from global memory: 4, 8 or 16 bytes, of which the last may be zeros."""
    size = int(call.match["size"])
    for pointer in call.arguments[:2]:
        address = w.address(pointer)
        message = f"cp.async of {size} bytes at {{0:#x}}, which {size} does not divide"
        w.require(address % size == 0, message, address)
    count = call.arguments[2] if call.match["some"] else w.constant(size)
    w.require(count <= size, f"cp.async of {size} bytes takes {{0}} of them", count)
    with w.later(COPIES, *call.arguments[:2], count) as (target, source, many):
        with w.when(many == size):
            w.store(w.load(source, f"<{size} x i8>", size), target, size)
        with w.when(many != size):
            w.copy(target, source, many)
            with w.loop(w.constant(size), many) as at:
                w.store(w.constant(0, "i8"), w.offset(target, at))


@meaning(TABLE, r"llvm\.nvvm\.cp\.async\.commit\.group", source=_PTX + "2 cp.async.commit_group")
def commit_group(w: Writer, call: Call) -> None:
    w.commit(COPIES)


@meaning(TABLE, r"llvm\.nvvm\.cp\.async\.wait\.group", source=_PTX + "3 cp.async.wait_group")
def wait_group(w: Writer, call: Call) -> None:
    """How many of the latest groups may still be under way."""
    w.wait(COPIES, call.arguments[0])


@meaning(TABLE, r"llvm\.nvvm\.cp\.async\.wait\.all", source=_PTX + "3 cp.async.wait_all")
def wait_all(w: Writer, call: Call) -> None:
    w.drain(COPIES)


@meaning(
    TABLE,
    r"llvm\.nvvm\.cp\.async\.mbarrier\.arrive\.noinc(?:\.shared)?",
    source="PTX ISA 9.0, 9.7.13.15.15 cp.async.mbarrier.arrive.noinc",
)
def arrive_when_copied(w: Writer, call: Call) -> None:
    """An arrival at an mbarrier that happens after the thread's copies so far."""
    with w.later(COPIES, call.arguments[0]) as (barrier,):
        w.counter_arrive(barrier)
