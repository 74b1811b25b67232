"""Copies of boxes of a tensor by a tensor map: the tensor memory accelerator (TMA)."""

from __future__ import annotations

import re

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.bulk_copies import only_this_block
from pharos.targets.nvidia.meanings.queues import BULK_LOADS, BULK_STORES
from pharos.targets.nvidia.meanings.tensor_walk import Map, Walk

TABLE = Meanings("cp.async.bulk.tensor")
_SOURCE = "PTX ISA 9.0, 9.7.9.25.5.2 cp.async.bulk.tensor (tile mode), 5.5 tensors"
_NAME = r"llvm\.nvvm\.cp\.async\.bulk\.tensor\."
_ASSEMBLY = (
    r"(?P<if>@\$\d+ )?cp\.async\.bulk\.tensor\.(?P<rank>[1-5])d\.shared::(?:cluster|cta)\.global"
    r"\.mbarrier::complete_tx::bytes \[\$0\], \[\$1, \{(?P<at>[$\d, ]+)\} \], \[\$(?P<bar>\d+)\];"
)
SHARED_ALIGNMENT = 128


@meaning(TABLE, _NAME + r"g2s(?P<own>\.cta)?\.tile\.(?P<rank>[1-5])d", source=_SOURCE)
def load(w: Writer, call: Call) -> None:
    """Target, mbarrier, map, coordinates (innermost first); multicast only for this block."""
    target, barrier, map, *rest = call.arguments
    rank = int(call.match["rank"])
    if not call.match["own"]:
        only_this_block(w, rest[rank], rest[rank + 2])
    _load(w, target, barrier, map, rest[:rank])


@meaning(TABLE, _ASSEMBLY, source=_SOURCE)
def load_assembly(w: Writer, call: Call) -> None:
    """The same as text: `[$0], [$1, {$2,$3} ], [$4];`, with a predicate before it or without."""
    operands = call.arguments
    place = [operands[int(number)] for number in re.findall(r"\d+", call.match["at"])]
    barrier = operands[int(call.match["bar"])]
    condition = call.match["if"]
    chosen = operands[int(condition[2:])] if condition else w.constant(True, "i1")
    with w.when(chosen):
        _load(w, operands[0], barrier, operands[1], place)


def _load(w: Writer, target: Value, barrier: Value, map: Value, place: list[Value]) -> None:
    _check(w, target, map)
    with w.later(BULK_LOADS, target, barrier, map, *place) as (to, done, tensor, *at):
        box = Map(w, tensor, len(at))
        Walk(w, box, _wide(w, at), w.address(to), to_shared=True).rows()
        w.counter_complete(done, box.bytes)


@meaning(TABLE, _NAME + r"s2g\.tile\.(?P<rank>[1-5])d", source=_SOURCE)
def store(w: Writer, call: Call) -> None:
    """Source, map, coordinates (innermost first)."""
    source, map, *rest = call.arguments
    _check(w, source, map)
    with w.later(BULK_STORES, source, map, *rest[: int(call.match["rank"])]) as (
        at,
        tensor,
        *place,
    ):
        box = Map(w, tensor, len(place))
        Walk(w, box, _wide(w, place), w.address(at), to_shared=False).rows()


def _check(w: Writer, shared: Value, map: Value) -> None:
    """Alignments: of the box in shared memory, of the map."""
    address = w.address(shared)
    message = f"a box of a tensor at {{0:#x}}, which {SHARED_ALIGNMENT} does not divide"
    w.require(address % SHARED_ALIGNMENT == 0, message, address)
    where = w.address(map)
    w.require(where % 64 == 0, "a tensor map at {0:#x}, which 64 does not divide", where)


def _wide(w: Writer, place: list[Value]) -> list[Value]:
    return [w.convert(value, "i64", signed=True) for value in place]
