"""Asynchronous effects: groups of copies, counters with phases, the latest and earliest moment."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.simt import Checks, SimulationFault
from tests.unit.simt.toy import simulator

UNCHECKED = Checks.none()
SHARED = """
@s = internal addrspace(3) global [256 x i32] undef, align 16
@full = internal addrspace(3) global [2 x i64] undef, align 8
@free = internal addrspace(3) global [2 x i64] undef, align 8
"""
# Every thread copies two rows of four numbers, in two groups, and reads from its own.
TWO_GROUPS = """
  %at = mul i32 %t, 4
  %from0 = getelementptr i32, ptr %x, i32 %at
  %from1 = getelementptr i32, ptr %from0, i32 32
  %to0 = getelementptr i32, ptr addrspace(3) @s, i32 %at
  %to1 = getelementptr i32, ptr addrspace(3) %to0, i32 32
  call void @toy.copy(ptr addrspace(3) %to0, ptr %from0)
  call void @toy.commit()
  call void @toy.copy(ptr addrspace(3) %to1, ptr %from1)
  call void @toy.commit()
  call void @toy.wait(i32 PENDING)
  %v0 = load i32, ptr addrspace(3) %to0
  %v1 = load i32, ptr addrspace(3) %to1
  store i32 %v0, ptr %py
  %py1 = getelementptr i32, ptr %py, i32 8
  store i32 %v1, ptr %py1
"""


def two_groups(pending: int, latest: bool) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.arange(64, dtype=np.int32), np.zeros(16, np.int32)
    kernel = simulator(TWO_GROUPS.replace("PENDING", str(pending)), top=SHARED, checks=UNCHECKED)
    kernel.run((1,), (8,), (x, y), latest=latest)
    return y[:8], y[8:]


@pytest.mark.parametrize("latest", [True, False])
def test_copies_that_were_waited_for_are_there(latest):
    first, second = two_groups(0, latest)
    np.testing.assert_array_equal(first, 4 * np.arange(8))
    np.testing.assert_array_equal(second, 32 + 4 * np.arange(8))


def test_a_group_that_may_be_pending_is_not_there_at_the_latest_moment():
    first, second = two_groups(1, latest=True)
    np.testing.assert_array_equal(first, 4 * np.arange(8))
    assert (second == -1).all(), "the poison pattern"
    first, second = two_groups(1, latest=False)
    np.testing.assert_array_equal(second, 32 + 4 * np.arange(8))


# Thread 0 brings sixteen numbers at a time; the others read them, and give the place back.
PIPELINE = """
  %first = icmp eq i32 %t, 0
  br i1 %first, label %start, label %meet
start:
  call void @toy.counter.init(ptr addrspace(3) @full, i32 1)
  call void @toy.counter.init(ptr addrspace(3) @free, i32 16)
  br label %meet
meet:
  call void @toy.barrier()
  br i1 %first, label %produce, label %consume
produce:
  %i = phi i32 [ 0, %meet ], [ %i1, %produce ]
  %parity = and i32 %i, 1
  %before = xor i32 %parity, 1
  call void @toy.counter.wait(ptr addrspace(3) @free, i32 %before)
  call void @toy.counter.expect(ptr addrspace(3) @full, i32 64)
  call void @toy.counter.arrive(ptr addrspace(3) @full, i32 1)
  %skip = mul i32 %i, 16
  %from = getelementptr i32, ptr %x, i32 %skip
  call void @toy.counter.bring(ptr addrspace(3) @full, ptr addrspace(3) @s, ptr %from, i32 64)
  %i1 = add i32 %i, 1
  %more = icmp ult i32 %i1, 5
  br i1 %more, label %produce, label %out
consume:
  %me = add i32 %t, -1
  br label %again
again:
  %j = phi i32 [ 0, %consume ], [ %j1, %got ]
  %q = and i32 %j, 1
  br label %look
look:
  %there = call i1 @toy.counter.passed(ptr addrspace(3) @full, i32 %q)
  br i1 %there, label %got, label %look
got:
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %me
  %v = load i32, ptr addrspace(3) %ps
  %skip2 = mul i32 %j, 16
  %o = add i32 %skip2, %me
  %po = getelementptr i32, ptr %y, i32 %o
  store i32 %v, ptr %po
  call void @toy.counter.arrive(ptr addrspace(3) @free, i32 1)
  %j1 = add i32 %j, 1
  %more2 = icmp ult i32 %j1, 5
  br i1 %more2, label %again, label %out
out:
"""


@pytest.mark.parametrize("latest", [True, False])
@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_a_pipeline_of_copies_and_counters(latest, order):
    x, y = np.arange(80, dtype=np.int32), np.zeros(80, np.int32)
    kernel = simulator(PIPELINE, top=SHARED)
    kernel.run((2,), (17,), (x, y), latest=latest, order=order)
    np.testing.assert_array_equal(y, x)


def fault(body: str) -> SimulationFault:
    x, y = np.zeros(80, np.int32), np.zeros(80, np.int32)
    with pytest.raises(SimulationFault) as caught:
        simulator(body, top=SHARED).run((1,), (8,), (x, y))
    return caught.value


def test_a_wait_for_what_nobody_brings_is_a_deadlock():
    found = fault(PIPELINE.replace("@full, i32 64)", "@full, i32 68)"))
    assert found.kind in ("deadlock", "livelock")
    found = fault("""
  call void @toy.counter.init(ptr addrspace(3) @full, i32 2)
  call void @toy.counter.wait(ptr addrspace(3) @full, i32 0)
""")
    assert found.kind == "deadlock"
    assert "toy.counter.wait" in str(found)


def test_looking_for_ever_is_a_livelock():
    found = fault("""
  call void @toy.counter.init(ptr addrspace(3) @full, i32 9)
  br label %look
look:
  %there = call i1 @toy.counter.passed(ptr addrspace(3) @full, i32 0)
  br i1 %there, label %got, label %look
got:
""")
    assert found.kind == "livelock"


def test_counters_that_are_not_initialised_or_overrun():
    found = fault("call void @toy.counter.arrive(ptr addrspace(3) @full, i32 1)")
    assert found.kind == "counter" and "never initialised" in str(found)
    found = fault("""
  call void @toy.counter.init(ptr addrspace(3) @full, i32 1)
  call void @toy.counter.arrive(ptr addrspace(3) @full, i32 2)
""")
    assert found.kind == "counter" and "2 arrivals where 1" in str(found)


def test_more_effects_than_fit_happen_in_their_order():
    kernel = simulator(
        """
  br label %again
again:
  %i = phi i32 [ 0, %0 ], [ %i1, %again ]
  %skip = mul i32 %i, 4
  %wrapped = and i32 %skip, 63
  %from = getelementptr i32, ptr %x, i32 %wrapped
  call void @toy.copy(ptr addrspace(3) @s, ptr %from)
  %i1 = add i32 %i, 1
  %more = icmp ult i32 %i1, 40001
  br i1 %more, label %again, label %done
done:
  call void @toy.commit()
  call void @toy.wait(i32 0)
  %v = load i32, ptr addrspace(3) @s
  store i32 %v, ptr %y
""",
        top=SHARED,
    )
    x, y = np.arange(64, dtype=np.int32), np.zeros(8, np.int32)
    kernel.run((1,), (1,), (x, y))
    assert y[0] == (40000 * 4) % 64
