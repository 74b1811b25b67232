"""A page without access lies below every stack, and what the processor refuses is a fault."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pharos.simt import Checks, SimulationFault
from pharos.simt.guards import handler
from pharos.simt.memory import PAGE, Stacks
from tests.unit.simt.toy import simulator

handled = pytest.mark.skipif(handler() is None, reason="no handler of faults on this processor")
# Each level keeps a kilobyte of its own.
DEEP = """
define i32 @down(i32 %n) noinline {
  %room = alloca [1024 x i8], align 16
  %any = and i32 %n, 1023
  %place = getelementptr i8, ptr %room, i32 %any
  store volatile i8 1, ptr %place
  %end = icmp eq i32 %n, 0
  br i1 %end, label %out, label %more
more:
  %less = sub i32 %n, 1
  %found = call i32 @down(i32 %less)
  %kept = load volatile i8, ptr %place
  %wide = zext i8 %kept to i32
  %sum = sub i32 %wide, %found
  ret i32 %sum
out:
  ret i32 0
}
"""
BODY = """
  %five = icmp eq i32 %t, 5
  %depth = select i1 %five, i32 DEPTH, i32 1
  %n = call i32 @down(i32 %depth)
  store i32 %n, ptr %py
"""


def deep(depth: int, **options) -> np.ndarray:
    x, y = np.zeros(8, np.int32), np.zeros(8, np.int32)
    simulator(BODY.replace("DEPTH", str(depth)), top=DEEP, **options).run((1,), (8,), (x, y))
    return y


@handled
def test_a_stack_that_ends_stops_the_thread_and_no_other():
    assert deep(41)[5] == 1
    with pytest.raises(SimulationFault) as caught:
        deep(101)
    assert caught.value.kind == "stack overflow"
    assert caught.value.thread == (5, 0, 0)
    assert deep(101, stack_bytes=1 << 18)[5] == 1


@handled
def test_a_wild_address_in_a_kernel_without_checks_is_a_fault():
    kernel = simulator(
        """
  %q = inttoptr i64 4096 to ptr
  store i32 %t, ptr %q
""",
        checks=Checks.none(),
    )
    x, y = np.zeros(8, np.int32), np.zeros(8, np.int32)
    for workers in (1, 2):
        with pytest.raises(SimulationFault, match="address 0x1000, which is nobody's"):
            kernel.run((4,), (8,), (x, y), workers=workers)


def test_the_page_below_each_stack_has_no_access():
    stacks = Stacks(3, 8192)
    assert stacks.stride == 8192 + PAGE
    assert stacks.owner(stacks.address + stacks.stride + 5) == 1
    assert stacks.owner(stacks.address + PAGE) is None
    for number, lives in ((0, False), (PAGE, True), (stacks.stride, False)):
        script = (
            "import ctypes; from pharos.simt.memory import Stacks;"
            f"s = Stacks(3, 8192); ctypes.memset(s.address + {number}, 1, 8)"
        )
        found = subprocess.run([sys.executable, "-c", script], capture_output=True)
        assert (found.returncode == 0) == lives, found.stderr
    stacks.close()


@handled
def test_faults_of_others_go_to_the_handler_that_was_there():
    """A thread of the host that dies while a kernel runs still dies, and says where."""
    script = """
import ctypes, faulthandler, threading, time
faulthandler.enable()
from pharos.simt.guards import handler
with handler().installed([]):
    ctypes.memset(4096, 1, 8)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.returncode != 0
    assert "Segmentation fault" in found.stderr
