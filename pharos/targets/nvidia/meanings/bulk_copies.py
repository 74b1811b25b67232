"""Copies of whole pieces of memory by one thread: cp.async.bulk and its groups.

To shared memory they complete an mbarrier (in the latest mode when everybody waits); to global
memory they are waited for by groups.
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.proxies import check_read, written
from pharos.targets.nvidia.meanings.queues import BULK_LOADS, BULK_STORES

TABLE = Meanings("cp.async.bulk")
_PTX = "PTX ISA 9.0, 9.7.9.25.4."
_NAME = r"llvm\.nvvm\.cp\.async\.bulk\."
_PIECE = 16


def _check(w: Writer, target: Value, source: Value, size: Value) -> None:
    together = w.address(target) | w.address(source) | w.convert(size, "i64")
    message = "cp.async.bulk: addresses and bytes must be multiples of 16, not {0:#x}"
    w.require(together % _PIECE == 0, message, together)


@meaning(
    TABLE,
    _NAME + r"global\.to\.shared\.(?P<where>cluster|cta)",
    source=_PTX + "1 cp.async.bulk.shared.global",
)
def load(w: Writer, call: Call) -> None:
    """Target, mbarrier, source, bytes; a multicast can only be for the one block of a cluster."""
    target, barrier, source, size = call.arguments[:4]
    if call.match["where"] == "cluster":
        only_this_block(w, call.arguments[4], call.arguments[6])
    _check(w, target, source, size)
    with w.later(BULK_LOADS, target, barrier, source, size) as (to, done, at, many):
        w.copy(to, at, many, _PIECE)
        with w.loop(many, step=_PIECE) as offset:
            written(w, w.offset(to, offset))
        w.counter_complete(done, many)


def only_this_block(w: Writer, mask: Value, multicast: Value) -> None:
    """A fault for a multicast to other blocks than the first of the cluster, which is this one."""
    alone = (mask == 1) | ~multicast
    w.require(alone, "a multicast to the blocks {0:#x} of a cluster of one block", mask)


@meaning(
    TABLE,
    _NAME + r"shared\.cta\.to\.global",
    source=_PTX + "1 cp.async.bulk.global.shared::cta",
)
def store(w: Writer, call: Call) -> None:
    """Target, source, bytes."""
    target, source, size = call.arguments[:3]
    _check(w, target, source, size)
    with w.later(BULK_STORES, target, source, size) as (to, at, many):
        with w.loop(many, step=_PIECE) as offset:
            check_read(w, w.offset(at, offset))
        w.copy(to, at, many, _PIECE)


@meaning(
    TABLE,
    _NAME + r"commit\.group",
    source="PTX ISA 9.0, 9.7.9.25.6.1 cp.async.bulk.commit_group",
)
def commit_group(w: Writer, call: Call) -> None:
    w.commit(BULK_STORES)


@meaning(
    TABLE,
    _NAME + r"wait\.group(?:\.read)?",
    source="PTX ISA 9.0, 9.7.9.25.6.2 cp.async.bulk.wait_group, which reads and writes together",
)
def wait_group(w: Writer, call: Call) -> None:
    """How many of the latest groups may still be under way."""
    w.wait(BULK_STORES, call.arguments[0])
