"""What a chosen thread executes, with the values of every instruction."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.core.errors import UserError
from pharos.simt import SimulationFault, Trace
from tests.unit.simt.toy import simulator

BODY = """
  %v = load i32, ptr %px
  %f = sitofp i32 %v to float
  %h = fmul float %f, 5.000000e-01
  %c = fcmp ogt float %h, 1.0
  %w = insertelement <4 x float> zeroinitializer, float %h, i32 2
  %s = call i32 @toy.sum(i32 %v)
  br label %loop
loop:
  %i = phi i32 [ 0, %0 ], [ %j, %loop ]
  %o = phi i32 [ 5, %0 ], [ %i, %loop ]
  %j = add nuw nsw i32 %i, 1
  %more = icmp ult i32 %j, 3
  br i1 %more, label %loop, label %out
out:
  store i32 %s, ptr %py
"""


def traced(body: str, trace: Trace, threads: int = 16) -> list[str]:
    x, y = np.arange(threads, dtype=np.int32), np.zeros(threads, np.int32)
    simulator(body, traced=True).run((3,), (threads,), (x, y), trace=trace)
    return [str(step) for step in trace.steps]


def test_every_instruction_with_its_value():
    trace = Trace(block=(2, 0, 0), thread=(9, 0, 0))
    steps = traced(BODY, trace)
    values = dict(step.split("  = ") for step in steps if "  = " in step)
    found = {line.split(" = ")[0]: value for line, value in values.items()}
    numbers = sum(range(8, 16))
    assert found["%t"] == "9" and found["%b"] == "2"
    assert found["%v"] == "9" and found["%f"] == "9" and found["%h"] == "4.5"
    assert found["%c"] == "1"
    assert found["%w"] == "[0, 0, 4.5, 0]"
    assert found["%s"] == str(numbers)
    assert found["store i32 %s, ptr %py, align 4"] == str(numbers)
    added = [s.split("  = ")[1] for s in steps if s.startswith("%j = ")]
    carried = [s.split("  = ")[1] for s in steps if s.startswith("%o = ")]
    assert added == ["1", "2", "3"] and carried == ["5", "0", "1"]
    assert steps[-1] == "ret void"
    assert trace.missed == 0


def test_a_trace_ends_where_the_kernel_stops():
    trace = Trace(thread=(3, 0, 0))
    with pytest.raises(SimulationFault):
        traced("%p = getelementptr i32, ptr %py, i32 100\n  store i32 1, ptr %p", trace)
    trace = Trace(thread=(0, 0, 0))
    with pytest.raises(SimulationFault):
        traced("%p = getelementptr i32, ptr %py, i32 100\n  store i32 1, ptr %p", trace)
    assert str(trace.steps[-1]).startswith("%p = getelementptr i32, ptr %py, i32 100")


def test_a_full_trace_says_how_much_it_missed():
    trace = Trace(bytes=64)
    steps = traced(BODY, trace)
    assert 0 < len(steps) < 8
    assert trace.missed > 5


def test_only_threads_that_exist_and_kernels_that_were_built_for_it_are_traced():
    with pytest.raises(UserError, match=r"no thread \(16, 0, 0\)"):
        traced("", Trace(thread=(16, 0, 0)))
    x = np.zeros(4, np.int32)
    with pytest.raises(UserError, match="built without traced"):
        simulator("").run((1,), (4,), (x, x), trace=Trace())
