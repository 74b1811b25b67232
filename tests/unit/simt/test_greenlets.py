"""Threads as greenlets do what threads with our own context switch do."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.simt import SimulationFault
from tests.unit.simt.test_effects import PIPELINE
from tests.unit.simt.test_effects import SHARED as COUNTERS
from tests.unit.simt.test_engine import SHARED, THROUGH_SHARED
from tests.unit.simt.toy import simulator

pytest.importorskip("greenlet", reason="greenlet is not installed")


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_barriers_and_shared_memory(order):
    kernel = simulator(THROUGH_SHARED, top=SHARED, fibers="greenlet")
    x, y = np.arange(32, dtype=np.int32), np.zeros(32, np.int32)
    kernel.run((3,), (32,), (x, y), order=order)
    np.testing.assert_array_equal(y, np.arange(32) ^ 17)


def test_exchanges_and_sums():
    kernel = simulator(
        """
  %v = load i32, ptr %px
  %s = call i32 @toy.sum(i32 %v)
  %w = call i32 @toy.from(i32 -1, i32 %s, i32 3)
  store i32 %w, ptr %py
""",
        fibers="greenlet",
    )
    x, y = np.arange(16, dtype=np.int32), np.zeros(16, np.int32)
    kernel.run((2,), (16,), (x, y), workers=2)
    assert y.tolist() == [sum(range(8))] * 8 + [sum(range(8, 16))] * 8


def test_a_pipeline_of_effects():
    kernel = simulator(PIPELINE, top=COUNTERS, fibers="greenlet")
    x, y = np.arange(80, dtype=np.int32), np.zeros(80, np.int32)
    kernel.run((2,), (17,), (x, y))
    np.testing.assert_array_equal(y, x)


def test_a_fault_ends_the_run_and_the_next_run_is_clean():
    kernel = simulator(
        """
  %bad = icmp eq i32 %b, 1
  %few = icmp ult i32 %t, 4
  %both = and i1 %bad, %few
  br i1 %both, label %out, label %meet
meet:
  call void @toy.barrier()
  store i32 7, ptr %py
  br label %out
out:
""",
        fibers="greenlet",
    )
    x, y = np.zeros(8, np.int32), np.zeros(8, np.int32)
    with pytest.raises(SimulationFault, match="deadlock"):
        kernel.run((2,), (8,), (x, y))
    kernel.run((1,), (8,), (x, y))
    assert y.tolist() == [7] * 8
