"""Threads as fibers: places, meetings, barriers, shared memory, arguments and orders."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.core.errors import UserError
from pharos.simt import Meanings, SimulationFault, Simulator, UnknownInstruction, meaning
from pharos.simt.memory import SHARED_BYTES
from tests.unit.simt.toy import TOY, module, simulator

ORDERS = ("forward", "backward", "shuffled")
SHARED = "@s = internal addrspace(3) global [32 x i32] undef, align 4"
THROUGH_SHARED = """
  %v = load i32, ptr %px
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 %v, ptr addrspace(3) %ps
  call void @toy.barrier()
  %o = xor i32 %t, 17
  %po = getelementptr i32, ptr addrspace(3) @s, i32 %o
  %w = load i32, ptr addrspace(3) %po
  store i32 %w, ptr %py
"""


def numbers(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(100, 100 + count, dtype=np.int32), np.zeros(count, np.int32)


@pytest.mark.parametrize("order", ORDERS)
def test_lanes_read_each_other(order):
    kernel = simulator("""
  %v = load i32, ptr %px
  %l = call i32 @toy.lane()
  %o = xor i32 %l, 5
  %w = call i32 @toy.from(i32 -1, i32 %v, i32 %o)
  store i32 %w, ptr %py
""")
    x, y = numbers(32)
    kernel.run((1,), (32,), (x, y), order=order)
    np.testing.assert_array_equal(y, x[np.arange(32) ^ 5])


def test_lanes_may_run_ahead_of_the_others_of_their_subgroup():
    """Lanes 0 to 3 meet three times more among themselves before they meet all again."""
    kernel = simulator("""
  %l = call i32 @toy.lane()
  %few = icmp ult i32 %l, 4
  %n1 = add i32 %l, 1
  %n = and i32 %n1, 7
  %a = call i32 @toy.from(i32 255, i32 %t, i32 %n)
  br i1 %few, label %some, label %all
some:
  %m = xor i32 %l, 3
  %b1 = call i32 @toy.from(i32 15, i32 %a, i32 %m)
  %b2 = call i32 @toy.from(i32 15, i32 %b1, i32 %m)
  %b3 = call i32 @toy.from(i32 15, i32 %b2, i32 %m)
  br label %all
all:
  %c = phi i32 [ %a, %0 ], [ %b3, %some ]
  %d = call i32 @toy.from(i32 255, i32 %c, i32 %n)
  store i32 %d, ptr %py
""")
    lane = np.arange(8)
    first = (lane + 1) % 8
    second = np.where(lane < 4, first[lane ^ 3], first)
    for order in ORDERS:
        x, y = numbers(8)
        kernel.run((1,), (8,), (x, y), order=order)
        np.testing.assert_array_equal(y, second[(lane + 1) % 8], order)


def test_one_lane_does_it_for_all_and_the_last_subgroup_is_smaller():
    kernel = simulator("""
  %v = load i32, ptr %px
  %s = call i32 @toy.sum(i32 %v)
  store i32 %s, ptr %py
""")
    x, y = numbers(20)
    kernel.run((1,), (20,), (x, y))
    sums = [x[:8].sum(), x[8:16].sum(), x[16:].sum()]
    np.testing.assert_array_equal(y, np.repeat(sums, [8, 8, 4]))


@pytest.mark.parametrize("order", ORDERS)
def test_a_barrier_makes_shared_memory_visible(order):
    x, y = numbers(32)
    simulator(THROUGH_SHARED, top=SHARED).run((1,), (32,), (x, y), order=order)
    np.testing.assert_array_equal(y, x[np.arange(32) ^ 17])


def test_dynamic_shared_memory_follows_the_static():
    kernel = simulator(
        """
  %pd = getelementptr i32, ptr addrspace(3) @d, i32 %t
  %v = load i32, ptr %px
  store i32 %v, ptr addrspace(3) %pd
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 -7, ptr addrspace(3) %ps
  call void @toy.barrier()
  %o = xor i32 %t, 31
  %po = getelementptr i32, ptr addrspace(3) @d, i32 %o
  %w = load i32, ptr addrspace(3) %po
  store i32 %w, ptr %py
""",
        top=SHARED + "\n@d = external addrspace(3) global [0 x i8], align 128",
    )
    assert kernel.static_shared == 128
    x, y = numbers(32)
    kernel.run((1,), (32,), (x, y), dynamic_shared=128)
    np.testing.assert_array_equal(y, x[::-1])


def test_shared_addresses_fit_in_32_bits_and_start_at_zero_of_18():
    kernel = simulator(
        """
  %a = ptrtoint ptr addrspace(3) @s to i32
  store i32 %a, ptr %py
  %p = inttoptr i32 %a to ptr addrspace(3)
  %q = getelementptr i32, ptr addrspace(3) %p, i32 %t
  store i32 %t, ptr addrspace(3) %q
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  %v = load i32, ptr addrspace(3) %ps
  store i32 %v, ptr %px
""",
        top=SHARED,
    )
    x, y = numbers(32)
    kernel.run((1,), (32,), (x, y))
    assert y[0] > 0 and y[0] % SHARED_BYTES == 0
    np.testing.assert_array_equal(x, np.arange(32))


@pytest.mark.parametrize("workers", [1, 2])
def test_every_block_runs_once(workers):
    kernel = simulator("""
  %n = mul i32 %b, 8
  %i = add i32 %n, %t
  %p = getelementptr i32, ptr %y, i32 %i
  %old = load i32, ptr %p
  %sum = add i32 %old, %i
  store i32 %sum, ptr %p
""")
    y = np.zeros(8 * 999, np.int32)
    kernel.run((999,), (8,), (y, y), workers=workers)
    np.testing.assert_array_equal(y, np.arange(8 * 999))


def test_places_along_three_axes():
    text = """
define void @k(ptr %out) {
  %x = call i32 @toy.thread.x()
  %y = call i32 @toy.thread.y()
  %z = call i32 @toy.thread.z()
  %bx = call i32 @toy.block.x()
  %by = call i32 @toy.block.y()
  %bz = call i32 @toy.block.z()
  %nx = call i32 @toy.threads.x()
  %ny = call i32 @toy.threads.y()
  %nz = call i32 @toy.threads.z()
  %gx = call i32 @toy.blocks.x()
  %gy = call i32 @toy.blocks.y()
  %i0 = mul i32 %bz, %gy
  %i1 = add i32 %i0, %by
  %i2 = mul i32 %i1, %gx
  %i3 = add i32 %i2, %bx
  %i4 = mul i32 %i3, %nz
  %i5 = add i32 %i4, %z
  %i6 = mul i32 %i5, %ny
  %i7 = add i32 %i6, %y
  %i8 = mul i32 %i7, %nx
  %i9 = add i32 %i8, %x
  %p = getelementptr i32, ptr %out, i32 %i9
  %code0 = mul i32 %z, 100
  %code1 = mul i32 %by, 10
  %code2 = add i32 %code0, %code1
  %code = add i32 %code2, %x
  store i32 %code, ptr %p
  ret void
}
"""
    names = [f"toy.{n}.{a}" for n in ("thread", "block", "threads", "blocks") for a in "xyz"]
    declared = "".join(f"declare i32 @{name}()\n" for name in names)
    out = np.full((2, 3, 2, 4, 3, 5), -1, np.int32)
    Simulator(declared + text, "k", meanings=TOY).run((2, 3, 2), (5, 3, 4), (out,))
    _, by, _, z, _, x = np.indices(out.shape)
    np.testing.assert_array_equal(out, 100 * z + 10 * by + x)


def test_inline_assembly_has_a_meaning_by_its_text():
    kernel = simulator("""
  %v = load i32, ptr %px
  %w = call i32 asm sideeffect "toy mul $0, $1;", "=r,r,r"(i32 %v, i32 3)
  store i32 %w, ptr %py
""")
    x, y = numbers(8)
    kernel.run((1,), (8,), (x, y))
    np.testing.assert_array_equal(y, 3 * x)


def test_arguments_of_every_kind():
    table = Meanings("none")
    text = """
define void @k(ptr %y, i32 %i, i64 %j, float %f, half %h, double %d, bfloat %b, i8 %c) {
  %i1 = sitofp i32 %i to double
  store double %i1, ptr %y
  %p1 = getelementptr double, ptr %y, i32 1
  %j1 = sitofp i64 %j to double
  store double %j1, ptr %p1
  %p2 = getelementptr double, ptr %y, i32 2
  %f1 = fpext float %f to double
  store double %f1, ptr %p2
  %p3 = getelementptr double, ptr %y, i32 3
  %h1 = fpext half %h to double
  store double %h1, ptr %p3
  %p4 = getelementptr double, ptr %y, i32 4
  store double %d, ptr %p4
  %p5 = getelementptr double, ptr %y, i32 5
  %b1 = fpext bfloat %b to double
  store double %b1, ptr %p5
  %p6 = getelementptr double, ptr %y, i32 6
  %c1 = sitofp i8 %c to double
  store double %c1, ptr %p6
  ret void
}"""
    kernel = Simulator(text, "k", meanings=table)
    y = np.zeros(7)
    kernel.run((1,), (1,), (y, -5, 1 << 40, 0.25, np.float16(1.5), 1e300, 2.5, -3))
    assert y.tolist() == [-5, float(1 << 40), 0.25, 1.5, 1e300, 2.5, -3]
    with pytest.raises(UserError, match="takes 8 arguments, 1"):
        kernel.run((1,), (1,), (y,))
    with pytest.raises(UserError, match=r"argument 1: expected i32, found 1\.5"):
        kernel.run((1,), (1,), (y, 1.5, 0, 0, 0, 0, 0, 0))


def test_a_named_barrier_counts_those_who_pass_and_those_who_signal():
    """Threads 0..7 wait for all 16; threads 8..15 write, signal, and go on."""
    kernel = simulator(
        """
  %low = icmp ult i32 %t, 8
  br i1 %low, label %wait, label %give
give:
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 %t, ptr addrspace(3) %ps
  call void @toy.barrier.signal(i32 3, i32 16)
  br label %out
wait:
  call void @toy.barrier.named(i32 3, i32 16)
  %o = add i32 %t, 8
  %po = getelementptr i32, ptr addrspace(3) @s, i32 %o
  %w = load i32, ptr addrspace(3) %po
  store i32 %w, ptr %py
  br label %out
out:
""",
        top=SHARED,
    )
    for order in ORDERS:
        x, y = numbers(16)
        kernel.run((1,), (16,), (x, y), order=order)
        np.testing.assert_array_equal(y, np.where(np.arange(16) < 8, np.arange(16) + 8, 0))


def test_instructions_without_a_meaning_are_named_when_the_kernel_is_built():
    body = """
  %v = call i32 @llvm.toy.unknown(i32 1)
  call void asm sideeffect "toy fly $0;", "r"(i32 %v)
"""
    with pytest.raises(UnknownInstruction) as caught:
        simulator(body, top="declare i32 @llvm.toy.unknown(i32)")
    assert caught.value.names == ["llvm.toy.unknown", "toy fly $0;"]
    assert "llvm.toy.unknown" in str(caught.value)


def test_a_wrong_name_and_wrong_text_are_the_users_errors():
    with pytest.raises(UserError, match="no kernel 'kk', only k"):
        Simulator(module(""), "kk", meanings=TOY)
    with pytest.raises(UserError, match="cannot read its code"):
        Simulator("define void @k() { nonsense }", "k", meanings=TOY)


def test_two_meanings_for_one_spelling_are_refused():
    table = Meanings("twice")
    meaning(table, "a", source="here")(lambda w, call: None)
    with pytest.raises(ValueError, match="two meanings"):
        meaning(table, "a", source="there")(lambda w, call: None)
    with pytest.raises(ValueError, match="no source"):
        meaning(table, "b", source=" ")(lambda w, call: None)


def test_sizes_that_no_device_has_are_refused():
    kernel = simulator("")
    x, y = numbers(8)
    with pytest.raises(UserError, match="at most 1024 threads"):
        kernel.run((1,), (2048,), (x, y))
    with pytest.raises(UserError, match="shared memory"):
        kernel.run((1,), (8,), (x, y), dynamic_shared=1 << 20)
    with pytest.raises(UserError, match="one to three sizes"):
        kernel.run((0,), (8,), (x, y))
    with pytest.raises(UserError, match="'sideways'"):
        kernel.run((1,), (8,), (x, y), order="sideways")


def fault(body: str, threads: int = 16, **options) -> SimulationFault:
    """The fault that a kernel must end with."""
    x, y = numbers(threads)
    with pytest.raises(SimulationFault) as caught:
        simulator(body, **options).run((1,), (threads,), (x, y))
    return caught.value


def test_a_kernel_that_traps_stops_at_its_place():
    found = fault("""
  %late = icmp eq i32 %t, 5
  br i1 %late, label %bad, label %good
bad:
  call void @llvm.trap()
  unreachable
good:
  store i32 %t, ptr %py
""")
    assert "an assertion of the program failed" in found.message
    assert (found.kind, found.thread) == ("meaning", (5, 0, 0))


def test_a_thread_that_leaves_while_others_wait_is_a_deadlock():
    found = fault("""
  %few = icmp ult i32 %t, 10
  br i1 %few, label %meet, label %out
meet:
  call void @toy.barrier()
  br label %out
out:
""")
    assert found.kind == "deadlock"
    assert "10 at 'call void @toy.barrier()' in k; 6 have left" in str(found)


def test_a_barrier_met_at_two_places_is_divergent():
    found = fault("""
  %few = icmp ult i32 %t, 10
  br i1 %few, label %meet, label %other
meet:
  call void @toy.barrier()
  br label %out
other:
  call void @toy.barrier()
  br label %out
out:
""")
    assert found.kind == "divergent barrier"
    assert found.thread == (10, 0, 0)


def test_lanes_that_name_different_masks_or_instructions_diverge():
    found = fault("""
  %few = icmp ult i32 %t, 4
  %mask = select i1 %few, i32 255, i32 241
  %w = call i32 @toy.from(i32 %mask, i32 %t, i32 0)
""")
    assert found.kind == "divergent collective"
    assert "0xff" in str(found)
    found = fault("""
  %few = icmp ult i32 %t, 4
  br i1 %few, label %one, label %other
one:
  %w = call i32 @toy.from(i32 -1, i32 %t, i32 0)
  br label %out
other:
  %v = call i32 @toy.sum(i32 %t)
  br label %out
out:
""")
    assert found.kind == "divergent collective"
    assert "different instructions" in str(found)
    found = fault("%w = call i32 @toy.from(i32 14, i32 %t, i32 0)")
    assert found.kind == "wrong mask"


def test_barriers_with_different_counts_or_numbers_that_do_not_exist():
    assert fault("call void @toy.barrier.named(i32 99, i32 16)").kind == "unknown barrier"
    found = fault("""
  %n = add i32 %t, 2
  call void @toy.barrier.named(i32 1, i32 %n)
""")
    assert found.kind == "barrier count"


def test_a_fault_on_one_worker_ends_the_run_and_the_next_run_is_clean():
    kernel = simulator("""
  %bad = icmp eq i32 %b, 500
  %few = icmp ult i32 %t, 4
  %both = and i1 %bad, %few
  br i1 %both, label %out, label %meet
meet:
  call void @toy.barrier()
  store i32 7, ptr %py
  br label %out
out:
""")
    x, y = numbers(8)
    with pytest.raises(SimulationFault) as caught:
        kernel.run((1000,), (8,), (x, y), workers=2)
    assert caught.value.block == (500, 0, 0)
    kernel.run((100,), (8,), (x, y), workers=2)
    assert y.tolist() == [7] * 8


def test_kernels_share_the_stacks_of_a_worker():
    """Each stack is two mappings of the process: hundreds of kernels would use them all up."""
    maps = lambda: len(open("/proc/self/maps").readlines())  # noqa: E731, SIM115
    kernels = [simulator(f"store i32 {i}, ptr %py") for i in range(6)]
    x, y = numbers(1024)
    kernels[0].run((2,), (1024,), (x, y))
    before = maps()
    for i, kernel in enumerate(kernels):
        kernel.run((2,), (1024,), (x, y))
        assert (y == i).all()
    assert maps() - before < 200


def test_variables_of_the_module_are_the_same_for_all_blocks():
    kernel = simulator(
        """
  %old = atomicrmw add ptr @count, i32 1 monotonic
  %last = icmp eq i32 %old, 799
  br i1 %last, label %give, label %out
give:
  store i32 1, ptr %y
  br label %out
out:
""",
        top="@count = internal global i32 0",
    )
    x, y = numbers(8)
    kernel.run((100,), (8,), (x, y), workers=2)
    assert y[0] == 1
