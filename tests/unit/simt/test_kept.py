"""What larger instructions need: memory of their own, acting for another lane, edits of lines."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.simt import Checks, Meanings, SimulationFault, Simulator, meaning
from tests.unit.simt.toy import TOY, module

TABLE = Meanings("larger", TOY)
SHARED = "@s = internal addrspace(3) global [64 x i32] undef, align 16"
ELEMENT = "  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t\n"
WAITED, LATE, COMPLETES = 3, 1, 5


@meaning(TABLE, r"larger\.count", source="this test")
def count(w, call):
    """How often the threads of this block have asked so far."""
    place = w.kept("larger.count", "i32")
    now = w.peek(place, "i32") + 1
    w.poke(now, place)
    return now


@meaning(TABLE, r"larger\.first\.(later|commit|wait)", source="this test")
def first(w, call):
    """The last lane to come does it for lane 0: stores 7 later, closes the group, waits."""
    with w.meeting().once(), w.acting(0):
        match call.match[1]:
            case "later":
                with w.later(WAITED, call.arguments[0]) as (target,):
                    w.store(w.constant(7), target)
            case "commit":
                w.commit(WAITED)
            case _:
                w.wait(WAITED)


@meaning(TABLE, r"larger\.(note|complete)", source="this test")
def start(w, call):
    """An effect that somebody will wait for, and one that completes a counter."""
    target, value = call.arguments
    if call.match[1] == "note":
        with w.later(LATE, target, value) as (at, what):
            w.store(what, at)
    else:
        with w.later(COMPLETES, target, value) as (at, what):
            w.counter_complete(at, what)


@meaning(TABLE, r"larger\.written\.by", source="this test")
def written_by(w, call):
    """Who wrote here last, if not before the given moment; -1 otherwise."""
    moment, thread = w.last_write(call.arguments[0])
    return w.select(moment >= call.arguments[1], thread, -1)


@meaning(TABLE, r"larger\.now", source="this test")
def now(w, call):
    return w.moment()


@TABLE.edit
def doubled(lines):
    """`larger.twice` is written as two additions."""
    return tuple(line.replace("larger.half", "larger.count") for line in lines)


def run(body, threads=8, blocks=1, **options):
    x, y = np.zeros(64, np.int32), np.zeros(threads * blocks, np.int32)
    checks = options.pop("checks", None)
    text = module(body, top=SHARED + DECLARED)
    kernel = Simulator(text, "k", meanings=TABLE, subgroup_size=8, checks=checks)
    kernel.run((blocks,), (threads,), (x, y), **options)
    return y


DECLARED = """
declare i32 @larger.count()
declare i32 @larger.half()
declare void @larger.first.later(ptr addrspace(3))
declare void @larger.first.commit()
declare void @larger.first.wait()
declare void @larger.note(ptr addrspace(3), i32)
declare void @larger.complete(ptr addrspace(3), i32)
declare i32 @larger.written.by(ptr addrspace(3), i32)
declare i32 @larger.now()
"""
INTO_ROW = """
  %base = mul i32 %b, 8
  %at = add i32 %base, %t
  %p = getelementptr i32, ptr %y, i32 %at
  store i32 %c, ptr %p
"""


@pytest.mark.parametrize("name", ["count", "half"])
def test_kept_memory_is_shared_by_a_block_and_zero_for_the_next(name):
    """Also by an instruction that an edit of the kernel's lines has put in."""
    found = run(f"  %c = call i32 @larger.{name}()" + INTO_ROW, blocks=3, workers=1)
    assert [sorted(row) for row in found.reshape(3, 8)] == [list(range(1, 9))] * 3


FOR_LANE_0 = """
  call void @larger.first.later(ptr addrspace(3) @s)
  call void @larger.first.commit()
  WAIT
  %v = load i32, ptr addrspace(3) @s
  store i32 %v, ptr %py
"""


def test_effects_are_those_of_the_lane_that_is_acted_for():
    body = FOR_LANE_0.replace("WAIT", "call void @larger.first.wait()")
    for latest in (True, False):
        assert (run(body, latest=latest, checks=Checks.none()) == 7).all()


def test_without_the_wait_the_effect_is_late():
    body = FOR_LANE_0.replace("WAIT", "")
    assert (run(body, checks=Checks.none()) != 7).all()
    with pytest.raises(SimulationFault, match="unwritten read"):
        run(body)


def test_effects_that_others_wait_for_come_before_those_with_a_waiter_of_their_own():
    """Everybody waits for the counter; what was started before it stays under way."""
    body = """
  %first = icmp eq i32 %t, 0
  %bar = getelementptr i32, ptr addrspace(3) @s, i32 8
  br i1 %first, label %one, label %all
one:
  store i32 1, ptr addrspace(3) @s
  call void @toy.counter.init(ptr addrspace(3) %bar, i32 1)
  call void @toy.counter.expect(ptr addrspace(3) %bar, i32 4)
  call void @toy.counter.arrive(ptr addrspace(3) %bar, i32 1)
  call void @larger.note(ptr addrspace(3) @s, i32 9)
  call void @larger.complete(ptr addrspace(3) %bar, i32 4)
  br label %all
all:
  call void @toy.barrier()
  call void @toy.counter.wait(ptr addrspace(3) %bar, i32 0)
  %v = load i32, ptr addrspace(3) @s
  store i32 %v, ptr %py
"""
    assert (run(body, checks=Checks.none()) == 1).all()
    assert (run(body, checks=Checks.none(), latest=False) == 9).all()


def test_who_wrote_last_and_when():
    body = (
        ELEMENT
        + """
  store i32 %t, ptr addrspace(3) %ps
  call void @toy.barrier()
  %now = call i32 @larger.now()
  call void @toy.barrier()
  %low = icmp ult i32 %t, 4
  br i1 %low, label %again, label %all
again:
  store i32 5, ptr addrspace(3) %ps
  br label %all
all:
  call void @toy.barrier()
  %c = call i32 @larger.written.by(ptr addrspace(3) %ps, i32 %now)
  store i32 %c, ptr %py
"""
    )
    assert list(run(body)) == [0, 1, 2, 3, -1, -1, -1, -1]
