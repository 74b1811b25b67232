"""Buffer loads, stores and atomics with their bounds, atomics in LDS, split barriers."""

from __future__ import annotations

import numpy as np
import pytest
from amd_instruction import declarations

from pharos.core.errors import UserError
from pharos.simt import SimulationFault, Simulator
from pharos.targets.amd.meanings import TABLE

RSRC = "ptr addrspace(8)"


def run(body: str, arrays: list[np.ndarray], threads: int = 32, lanes: int = 32, **options):
    """A kernel with ``body``; ``%tid`` and ``%at`` (4 times that) are there."""
    given = ", ".join(f"ptr %p{i}" for i in range(len(arrays)))
    text = f"""define amdgpu_kernel void @one({given}) {{
  %tid = call i32 @llvm.amdgcn.workitem.id.x()
  %at = mul i32 %tid, 4
{body}
  ret void
}}
"""
    text = "@cell = internal addrspace(3) global [64 x i32] undef\n" + text + declarations(text)
    simulator = Simulator(text, "one", meanings=TABLE, subgroup_size=lanes)
    simulator.run((1,), (threads,), arrays, **options)


def resource(name: str, pointer: str, size: int, stride: int = 0) -> str:
    make = "@llvm.amdgcn.make.buffer.rsrc.p8.p0"
    return f"  %{name} = call {RSRC} {make}(ptr {pointer}, i16 {stride}, i64 {size}, i32 0)"


def out(value: str, type: str = "i32") -> str:
    return f"""  %o = getelementptr {type}, ptr %p1, i32 %tid
  store {type} {value}, ptr %o"""


def load(type: str, suffix: str, offset: str = "%at") -> str:
    name = f"@llvm.amdgcn.raw.ptr.buffer.load.{suffix}"
    return f"  %v = call {type} {name}({RSRC} %r, i32 {offset}, i32 8, i32 0)"


def test_loads_outside_give_zero():
    x, found = np.arange(1, 65, dtype=np.int32), np.full(32, 7, np.int32)
    run("\n".join([resource("r", "%p0", 80), load("i32", "i32"), out("%v")]), [x, found])
    wanted = [x[lane + 2] if 4 * lane + 8 + 4 <= 80 else 0 for lane in range(32)]
    np.testing.assert_array_equal(found, wanted)


def test_each_element_of_a_vector_is_checked():
    x, found = np.arange(1, 65, dtype=np.float32), np.full((32, 4), 7, np.float32)
    body = [resource("r", "%p0", 96), load("<4 x float>", "v4f32"), out("%v", "<4 x float>")]
    run("\n".join(body), [x, found])
    wanted = [[x[n + 2 + e] if n + 2 + e < 24 else 0 for e in range(4)] for n in range(32)]
    np.testing.assert_array_equal(found, wanted)


def test_halves():
    x, found = np.arange(1, 65, dtype=np.float16), np.full((32, 2), 7, np.float16)
    body = [resource("r", "%p0", 70), load("<2 x half>", "v2f16"), out("%v", "<2 x half>")]
    run("\n".join(body), [x, found])
    wanted = [[x[2 * n + 4 + e] if 2 * n + 4 + e < 35 else 0 for e in range(2)] for n in range(32)]
    np.testing.assert_array_equal(found, wanted)


def test_stores_outside_are_dropped():
    x = np.zeros(32, np.int32)
    name = "@llvm.amdgcn.raw.ptr.buffer.store.v2i32"
    body = [
        resource("r", "%p0", 40),
        "  %pair = insertelement <2 x i32> zeroinitializer, i32 %tid, i32 0",
        "  %far = mul i32 %tid, 8",
        f"  call void {name}(<2 x i32> %pair, {RSRC} %r, i32 %far, i32 4, i32 0)",
    ]
    run("\n".join(body), [x])
    wanted = np.zeros(32, np.int32)
    wanted[1:10:2] = range(5)
    np.testing.assert_array_equal(x, wanted)


ATOMICS = {
    "add": np.add,
    "sub": np.subtract,
    "smin": np.minimum,
    "smax": np.maximum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "swap": lambda old, new: new,
}


@pytest.mark.parametrize("what", ATOMICS)
def test_atomics(what):
    x = np.random.default_rng(2).integers(-99, 99, 32).astype(np.int32)
    before, found = x.copy(), np.full(32, 7, np.int32)
    call = f"@llvm.amdgcn.raw.ptr.buffer.atomic.{what}.i32"
    body = [
        resource("r", "%p0", 80),
        f"  %v = call i32 {call}(i32 %tid, {RSRC} %r, i32 %at, i32 0, i32 0)",
        out("%v"),
    ]
    run("\n".join(body), [x, found])
    np.testing.assert_array_equal(found, np.where(np.arange(32) < 20, before, 0))
    after = ATOMICS[what](before, np.arange(32, dtype=np.int32))
    np.testing.assert_array_equal(x, np.where(np.arange(32) < 20, after, before))


def test_all_lanes_add_to_one_place():
    total, found = np.zeros(1, np.float32), np.zeros(32, np.float32)
    call = "@llvm.amdgcn.raw.ptr.buffer.atomic.fadd.f32"
    body = [
        resource("r", "%p0", 4),
        f"  %v = call float {call}(float 2.5, {RSRC} %r, i32 0, i32 0, i32 0)",
        out("%v", "float"),
    ]
    run("\n".join(body), [total, found])
    assert total[0] == 80
    np.testing.assert_array_equal(np.sort(found), 2.5 * np.arange(32))


def test_compare_and_swap():
    x, found = np.arange(32, dtype=np.int32) % 2, np.full(32, 7, np.int32)
    before = x.copy()
    call = "@llvm.amdgcn.raw.ptr.buffer.atomic.cmpswap.i32"
    body = [
        resource("r", "%p0", 128),
        f"  %v = call i32 {call}(i32 9, i32 1, {RSRC} %r, i32 %at, i32 0, i32 0)",
        out("%v"),
    ]
    run("\n".join(body), [x, found])
    np.testing.assert_array_equal(found, before)
    np.testing.assert_array_equal(x, np.where(before == 1, 9, before))


def test_two_resources_keep_their_sizes():
    x, found = np.arange(1, 33, dtype=np.int32), np.zeros(32, np.int32)
    loads = [load("i32", "i32"), load("i32", "i32").replace("%v", "%w").replace("%r", "%s")]
    body = [resource("r", "%p0", 16), resource("s", "%p0", 24), *loads,
            "  %sum = add i32 %v, %w", out("%sum")]  # fmt: skip
    run("\n".join(body), [x, found])
    wanted = np.zeros(32, np.int32)
    wanted[:4] = [6, 8, 5, 6]
    np.testing.assert_array_equal(found, wanted)


def test_resources_that_are_not_raw_are_a_fault():
    x = np.arange(32, dtype=np.int32)
    body = [resource("r", "%p0", 16, stride=4), load("i32", "i32"), out("%v")]
    with pytest.raises(SimulationFault, match="stride 4"):
        run("\n".join(body), [x, x.copy()])


def test_atomics_of_the_language_reach_lds_and_memory():
    total, found = np.zeros(1, np.int32), np.zeros(64, np.int32)
    body = """  %first = icmp eq i32 %tid, 0
  br i1 %first, label %clear, label %on
clear:
  store i32 100, ptr addrspace(3) @cell
  br label %on
on:
  call void @llvm.amdgcn.s.barrier()
  %v = atomicrmw add ptr addrspace(3) @cell, i32 3 syncscope("workgroup") monotonic
  %w = atomicrmw add ptr %p0, i32 %tid syncscope("agent") monotonic
""" + out("%v")
    run(body, [total, found], threads=64, lanes=64)
    np.testing.assert_array_equal(np.sort(found), 100 + 3 * np.arange(64))
    assert total[0] == sum(range(64))


SPLIT = """  %cell = getelementptr i32, ptr addrspace(3) @cell, i32 %tid
  %other = sub i32 63, %tid
  %there = getelementptr i32, ptr addrspace(3) @cell, i32 %other
  store i32 %tid, ptr addrspace(3) %cell
MEET
  %v = load i32, ptr addrspace(3) %there
MEET
  %seven = mul i32 %v, 7
  store i32 %seven, ptr addrspace(3) %cell
MEET
  %w = load i32, ptr addrspace(3) %there
"""
MEET = """  call void @llvm.amdgcn.s.barrier.signal(i32 -1)
  call void @llvm.amdgcn.s.barrier.wait(i16 -1)"""


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_split_barriers(order):
    found = np.zeros(64, np.int32)
    body = SPLIT.replace("MEET", MEET) + out("%w").replace("%p1", "%p0")
    run(body, [found], threads=64, order=order)
    # Each wrote 7 times what the other one had: its own number mirrored twice.
    np.testing.assert_array_equal(found, 7 * np.arange(64))


def test_a_signal_alone_makes_nobody_wait():
    body = SPLIT.replace("MEET", MEET.splitlines()[0]) + out("%w").replace("%p1", "%p0")
    with pytest.raises(SimulationFault):
        run(body, [np.zeros(64, np.int32)], threads=64)


def test_a_barrier_with_a_number_is_refused():
    with pytest.raises(UserError, match="only the workgroup's"):
        run("  call void @llvm.amdgcn.s.barrier.signal(i32 2)", [np.zeros(1, np.int32)])


def test_waiting_without_a_signal_is_a_fault():
    with pytest.raises(SimulationFault, match="before any s_barrier_signal"):
        run("  call void @llvm.amdgcn.s.barrier.wait(i16 -1)", [np.zeros(1, np.int32)])
