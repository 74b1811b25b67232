"""Products of a warpgroup that run by themselves: wgmma.

Each warp has its 16 rows of the 64 to itself: its own groups, and sums that are added to when the
group is waited for (or at once, in the earliest mode). Only then are the operands read from shared
memory, so that a buffer which is given back too early shows.
"""

from __future__ import annotations

from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.meetings import Meeting
from pharos.simt.values import Value
from pharos.simt.writer import Writer
from pharos.targets.nvidia.meanings.accumulators import (
    CLOSED,
    FENCED,
    WAITED,
    Warp,
    check_generation,
    is_ticket,
    panel_of,
    place,
)
from pharos.targets.nvidia.meanings.products import BF16, F16, TF32
from pharos.targets.nvidia.meanings.queues import PRODUCTS
from pharos.targets.nvidia.meanings.wgmma_product import Shape, add_product

TABLE = Meanings("wgmma")
_PTX = "PTX ISA 9.0, 9.7.15."
WARPGROUP = 4
NUMBERS = {"f16": F16, "bf16": BF16, "tf32": TF32}
_MMA_ASYNC = (
    r"\{\s*\.reg \.pred p;\s*setp\.ne\.b32 p, \$(?P<scale_d>\d+), 0;\s*"
    r"wgmma\.mma_async\.sync\.aligned\.m64n(?P<n>\d+)k(?P<k>\d+)\.f32\.(?P<type>f16|bf16|tf32)"
    r"\.(?P=type) \{[$\d, ]*\}, \$(?P<a>\d+), \$(?P<b>\d+), p, \$(?P<scale_a>\d+),\s*"
    r"\$(?P<scale_b>\d+)(?:,\s*\$(?P<trans_a>\d+),\s*\$(?P<trans_b>\d+))?;\s*\}"
)


@meaning(TABLE, r"llvm\.nvvm\.wgmma\.fence\.sync\.aligned", source=_PTX + "7.1 wgmma.fence")
def fence(w: Writer, call: Call) -> None:
    """Registers that were written before can be accumulators after."""
    with w.meeting().once():
        Warp(w).set(FENCED, 1)


@meaning(
    TABLE, r"llvm\.nvvm\.wgmma\.commit_group\.sync\.aligned", source=_PTX + "7.2 wgmma.commit_group"
)
def commit_group(w: Writer, call: Call) -> None:
    with w.meeting().once():
        warp = Warp(w)
        warp.set(CLOSED, warp.get(CLOSED) + 1)
        with w.acting(0):
            w.commit(PRODUCTS)


@meaning(
    TABLE, r"llvm\.nvvm\.wgmma\.wait_group\.sync\.aligned", source=_PTX + "7.3 wgmma.wait_group"
)
def wait_group(w: Writer, call: Call) -> None:
    """How many of the latest groups may still be under way."""
    pending = call.arguments[0]
    with w.meeting().once():
        warp = Warp(w)
        closed = warp.get(CLOSED)
        over = w.select(closed > pending, closed - pending, 0)
        known = warp.get(WAITED)
        warp.set(WAITED, w.select(over > known, over, known))
        warp.set(FENCED, 0)
        with w.acting(0):
            w.wait(PRODUCTS, pending)


@meaning(TABLE, _MMA_ASYNC, source=_PTX + "5.2 wgmma.mma_async")
def mma_async(w: Writer, call: Call) -> list[Value]:
    """Accumulators, descriptors of A and B, whether to add to the accumulators, signs, majors."""
    shape = _shape(call)
    held = shape.n // 2
    accumulators = call.arguments[:held]
    a, b, scaled = (_operand(call, held, name) for name in ("a", "b", "scale_d"))
    first, last = (w.cast("bitcast", accumulators[i], "i32") for i in (0, -1))
    lanes = w.meeting([first, last, a, b, scaled], results=["i32", "i32"])
    with lanes.once():
        _agree(w, lanes, [first, last, a, b, scaled])
        ticket, fresh = _panel(w, shape, first, last)
        with lanes.each_member() as lane:
            lanes.give(lane, ticket, 0)
            lanes.give(lane, fresh, 1)
    ticket, fresh = lanes.result(0), lanes.result(1)
    sums = Warp(w).sums(panel_of(ticket))
    with w.when(fresh != 0):
        _put_down(w, sums, accumulators, shape)
    captured = (sums, a, b, scaled, w.subgroup % WARPGROUP)
    with w.meeting().once(), w.acting(0), w.later(PRODUCTS, *captured) as (panel, *operands):
        add_product(w, shape, panel, *operands)
    return [w.cast("bitcast", ticket | register, "float") for register in range(held)]


def _shape(call: Call) -> Shape:
    match = call.match
    signs = [_constant(call, name) for name in ("scale_a", "scale_b")]
    majors = [bool(match[name]) and _constant(call, name) for name in ("trans_a", "trans_b")]
    return Shape(
        n=int(match["n"]),
        k=int(match["k"]),
        number=NUMBERS[match["type"]],
        negative=signs[0] != signs[1],
        a_k_major=not majors[0],
        b_k_major=not majors[1],
    )


def _index(call: Call, name: str) -> int:
    """Which argument the operand is: outputs are numbered before inputs."""
    return int(call.match[name]) - int(call.match["n"]) // 2


def _constant(call: Call, name: str) -> int:
    return call.constant(_index(call, name))


def _operand(call: Call, held: int, name: str) -> Value:
    return call.arguments[int(call.match[name]) - held]


def _agree(w: Writer, lanes: Meeting, mine: list[Value]) -> None:
    """A fault when lanes of the warp give different operands (or tickets of different products)."""
    same = w.variable("i1", True)
    with lanes.each_member() as lane:
        for index in (2, 3, 4):
            same.set(same.get() & (lanes.read(lane, index) == mine[index]))
        for index in (0, 1):
            theirs = lanes.read(lane, index)
            unlike = (theirs != mine[index]) & (is_ticket(theirs) | is_ticket(mine[index]))
            same.set(same.get() & ~unlike)
    w.require(same.get(), "the lanes of a warp give wgmma different operands")


def _panel(w: Writer, shape: Shape, first: Value, last: Value) -> tuple[Value, Value]:
    """The ticket of the panel to add to, and whether it is a new one (i32)."""
    warp = Warp(w)
    ticket, fresh = w.variable("i32", first), w.variable("i32", 0)
    chained = is_ticket(first)
    with w.when(chained):
        whole = last - first == shape.n // 2 - 1
        w.require(whole, "accumulators of different wgmma are given together")
        check_generation(w, warp, first)
    with w.when(~chained):
        w.require(~is_ticket(last), "accumulators of different wgmma are given together")
        message = "accumulators that the thread has written are used without wgmma.fence"
        w.require(warp.get(FENCED) != 0, message)
        ticket.set(warp.fresh_panel(shape.n))
        fresh.set(1)
    warp.touch(panel_of(ticket.get()))
    return ticket.get(), fresh.get()


def _put_down(w: Writer, sums: Value, accumulators: list[Value], shape: Shape) -> None:
    """The running lane's accumulators into the panel, two neighbours at a time."""
    for register in range(0, len(accumulators), 2):
        row, column = place(w.lane, w.constant(register))
        pair = w.aggregate("<2 x float>", accumulators[register : register + 2])
        w.poke(pair, w.element(sums, row * shape.n + column, "float"))
