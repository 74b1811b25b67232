"""A planted fault of each kind is found, named with its place, and its correct twin is not."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.simt import Checks, Region, SimulationFault, Simulator
from tests.unit.simt.toy import TOY, simulator

SHARED = "@s = internal addrspace(3) global [64 x i32] undef, align 16"
ELEMENT = "%ps = getelementptr i32, ptr addrspace(3) @s, i32 %t\n"


def run(body: str, threads: int = 32, top: str = SHARED, parameters="ptr %x, ptr %y", **options):
    """Runs a kernel on two arrays with an element for each thread; gives the second."""
    x = np.arange(threads, dtype=np.int32)
    y = np.zeros(threads, np.int32)
    kernel = simulator(body, parameters, top, **options)
    kernel.run((1,), (threads,), (x, y))
    return y


def fault(body: str, **options) -> SimulationFault:
    with pytest.raises(SimulationFault) as caught:
        run(body, **options)
    return caught.value


# -- races -----------------------------------------------------------------------------------

WRITE_READ = """
  %v = load i32, ptr %px
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 %v, ptr addrspace(3) %ps
  BARRIER
  %n = add i32 %t, DISTANCE
  %m = and i32 %n, 31
  %pn = getelementptr i32, ptr addrspace(3) @s, i32 %m
  %w = load i32, ptr addrspace(3) %pn
  store i32 %w, ptr %py
"""


@pytest.mark.parametrize("distance", [1, 31])
@pytest.mark.parametrize("barrier", ["", "call void @toy.subgroup.barrier()"])
def test_a_missing_barrier_between_a_write_and_a_read_is_a_race(distance, barrier):
    """The neighbour's value is read before or after it is written, as the order has it."""
    body = WRITE_READ.replace("DISTANCE", str(distance))
    good = run(body.replace("BARRIER", "call void @toy.barrier()"))
    np.testing.assert_array_equal(good, (np.arange(32) + distance) % 32)
    checks = Checks(unwritten=False)
    found = fault(body.replace("BARRIER", barrier), checks=checks)
    assert found.kind == "shared race"
    assert "no barrier orders the two" in str(found)


def test_a_barrier_of_the_subgroup_orders_what_its_lanes_do():
    body = """
  %v = load i32, ptr %px
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 %v, ptr addrspace(3) %ps
  BARRIER
  %m = xor i32 %t, 7
  %pn = getelementptr i32, ptr addrspace(3) @s, i32 %m
  %w = load i32, ptr addrspace(3) %pn
  store i32 %w, ptr %py
"""
    good = run(body.replace("BARRIER", "call void @toy.subgroup.barrier()"))
    np.testing.assert_array_equal(good, np.arange(32) ^ 7)
    found = fault(body.replace("BARRIER", ""), checks=Checks(unwritten=False))
    assert found.kind == "shared race"


def test_a_missing_barrier_between_a_read_and_a_write_is_a_race():
    """All threads read what thread 5 then overwrites."""
    body = (
        ELEMENT
        + """
  store i32 %t, ptr addrspace(3) %ps
  call void @toy.barrier()
  %v = load i32, ptr addrspace(3) @s
  BARRIER
  %five = icmp eq i32 %t, 5
  br i1 %five, label %write, label %out
write:
  store i32 7, ptr addrspace(3) @s
  br label %out
out:
  store i32 %v, ptr %py
"""
    )
    assert run(body.replace("BARRIER", "call void @toy.barrier()")).tolist() == [0] * 32
    found = fault(body.replace("BARRIER", ""))
    assert found.kind == "shared race"
    assert found.thread == (5, 0, 0)
    assert "writes offset 0" in str(found) and "read;" in str(found)


def test_two_writes_without_a_barrier_are_a_race_that_names_both_places():
    found = fault("store i32 %t, ptr addrspace(3) @s")
    assert found.kind == "shared race"
    assert found.thread == (1, 0, 0)
    assert "thread (0, 0, 0) wrote at 'store i32 %" in str(found)


def test_atomics_race_with_plain_accesses_but_not_with_each_other():
    body = """
  %first = icmp eq i32 %t, 0
  br i1 %first, label %clear, label %go
clear:
  store i32 0, ptr addrspace(3) @s
  br label %go
go:
  call void @toy.barrier()
  %old = atomicrmw add ptr addrspace(3) @s, i32 %t monotonic
  BARRIER
  %sum = load i32, ptr addrspace(3) @s
  store i32 %sum, ptr %py
"""
    good = run(body.replace("BARRIER", "call void @toy.barrier()"))
    assert good.tolist() == [31 * 32 // 2] * 32
    assert fault(body.replace("BARRIER", "")).kind == "shared race"


def test_neighbours_of_two_bytes_in_one_word_do_not_race():
    body = """
  %ps = getelementptr i16, ptr addrspace(3) @s, i32 %t
  %h = trunc i32 %t to i16
  store i16 %h, ptr addrspace(3) %ps
  call void @toy.barrier()
  %p4 = getelementptr <8 x i16>, ptr addrspace(3) @s, i32 1
  %v = load <8 x i16>, ptr addrspace(3) %p4, align 16
  %e = extractelement <8 x i16> %v, i32 3
  %w = zext i16 %e to i32
  store i32 %w, ptr %py
"""
    assert run(body).tolist() == [11] * 32


def test_a_named_barrier_and_a_counter_order_memory():
    body = """
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 %t, ptr addrspace(3) %ps
  MEET
  %m = xor i32 %t, 21
  %pn = getelementptr i32, ptr addrspace(3) @s, i32 %m
  %w = load i32, ptr addrspace(3) %pn
  store i32 %w, ptr %py
"""
    named = run(body.replace("MEET", "call void @toy.barrier.named(i32 2, i32 32)"))
    np.testing.assert_array_equal(named, np.arange(32) ^ 21)
    start = """
  %first = icmp eq i32 %t, 0
  br i1 %first, label %start, label %go
start:
  call void @toy.counter.init(ptr addrspace(3) @c, i32 32)
  br label %go
go:
  call void @toy.barrier()
"""
    meet = """
  call void @toy.counter.arrive(ptr addrspace(3) @c, i32 1)
  call void @toy.counter.wait(ptr addrspace(3) @c, i32 0)
"""
    top = SHARED + "\n@c = internal addrspace(3) global i64 undef, align 8"
    counted = run(start + body.replace("MEET", meet), top=top)
    np.testing.assert_array_equal(counted, np.arange(32) ^ 21)
    without = meet.replace("call void @toy.counter.wait(ptr addrspace(3) @c, i32 0)", "")
    found = fault(start + body.replace("MEET", without), top=top, checks=Checks(unwritten=False))
    assert found.kind == "shared race"


# -- bounds ----------------------------------------------------------------------------------


def test_shared_memory_ends_where_it_ends():
    found = fault(
        """
  %i = add i32 %t, 33
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %i
  store i32 1, ptr addrspace(3) %ps
"""
    )
    assert found.kind == "shared out of bounds"
    assert found.thread == (31, 0, 0)
    assert "4 bytes at offset 256 of 256" in str(found)


@pytest.mark.parametrize("step", [1, -1])
def test_global_memory_ends_where_it_ends(step):
    found = fault(
        f"""
  %i = add i32 %t, {step}
  %p = getelementptr i32, ptr %y, i32 %i
  store i32 1, ptr %p
"""
    )
    assert found.kind == "global out of bounds"
    assert found.thread == ((31 if step == 1 else 0), 0, 0)


def test_a_vector_that_hangs_over_the_end_is_out_of_bounds():
    body = """
  %p = getelementptr i32, ptr %y, i32 AT
  %v = load <4 x i32>, ptr %p, align 4
  %e = extractelement <4 x i32> %v, i32 0
  store i32 %e, ptr %py
"""
    run(body.replace("AT", "28"))
    assert fault(body.replace("AT", "29")).kind == "global out of bounds"


def test_masked_accesses_are_checked_where_their_mask_is_set():
    body = """
  %p = getelementptr i32, ptr %x, i32 28
  %m = insertelement <8 x i1> MASK, i1 false, i32 7
  %z = add <8 x i32> zeroinitializer, zeroinitializer
  %v = call <8 x i32> @llvm.masked.load.v8i32.p0(ptr align 4 %p, <8 x i1> %m, <8 x i32> %z)
  %e = extractelement <8 x i32> %v, i32 3
  store i32 %e, ptr %py
"""
    four, five = (
        "<" + ", ".join([f"i1 {str(at < n).lower()}" for at in range(8)]) + ">" for n in (4, 5)
    )
    assert run(body.replace("MASK", four)).tolist() == [31] * 32
    assert fault(body.replace("MASK", five)).kind == "global out of bounds"


def test_block_copies_are_checked():
    body = """
  call void @llvm.memcpy.p3.p0.i64(ptr addrspace(3) @s, ptr %x, i64 SIZE, i1 false)
  %w = load i32, ptr addrspace(3) @s
  store i32 %w, ptr %y
"""
    run(body.replace("SIZE", "4"), threads=1)
    assert fault(body.replace("SIZE", "8"), threads=1).kind == "global out of bounds"


def test_constants_of_the_module_may_be_read():
    body = """
  %i = add i32 %t, OFFSET
  %p = getelementptr i32, ptr @table, i32 %i
  %v = load i32, ptr %p
  store i32 %v, ptr %py
"""
    top = "@table = internal constant [4 x i32] [i32 3, i32 1, i32 4, i32 1]"
    assert run(body.replace("OFFSET", "0"), threads=4, top=top).tolist() == [3, 1, 4, 1]
    found = fault(body.replace("OFFSET", "1"), threads=4, top=top)
    assert found.kind == "global out of bounds"


# -- what nobody wrote -----------------------------------------------------------------------


def test_shared_memory_that_nobody_wrote_in_this_block_must_not_be_read():
    body = """
  %some = icmp ult i32 %t, 31
  br i1 %some, label %write, label %read
write:
  %ps = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 %t, ptr addrspace(3) %ps
  br label %read
read:
  call void @toy.barrier()
  %pn = getelementptr i32, ptr addrspace(3) @s, i32 %t
  %w = load i32, ptr addrspace(3) %pn
  store i32 %w, ptr %py
"""
    found = fault(body)
    assert found.kind == "unwritten read"
    assert found.thread == (31, 0, 0)
    assert "offset 124 of shared memory" in str(found)


def test_what_an_earlier_block_wrote_to_shared_memory_is_not_there():
    kernel = simulator(
        """
  %even = icmp eq i32 %b, 0
  br i1 %even, label %write, label %read
write:
  store i32 1, ptr addrspace(3) @s
  br label %out
read:
  %w = load i32, ptr addrspace(3) @s
  br label %out
out:
""",
        top=SHARED,
    )
    x = np.zeros(1, np.int32)
    with pytest.raises(SimulationFault, match="nobody wrote"):
        kernel.run((2,), (1,), (x, x), workers=1)


def test_global_memory_that_nobody_wrote_must_not_be_read_not_in_a_later_launch_either():
    write = simulator("store i32 %t, ptr %py")
    read = simulator("%v = load i32, ptr %px\n  store i32 %v, ptr %py")
    x, y = np.full(8, -1, np.int32), np.zeros(8, np.int32)
    marks = np.zeros(32, np.uint8)
    regions = (Region("x", x.ctypes.data, 32, written=marks), Region("y", y.ctypes.data, 32))
    with pytest.raises(SimulationFault, match="byte 0 of x, which has 32 bytes"):
        read.run((1,), (8,), (x, y), memory=regions)
    write.run((1,), (7,), (y, x), memory=regions)
    assert marks.tolist() == [255] * 28 + [0] * 4
    with pytest.raises(SimulationFault) as caught:
        read.run((1,), (8,), (x, y), memory=regions)
    assert caught.value.kind == "unwritten read"
    assert caught.value.thread == (7, 0, 0)


def test_constant_regions_are_not_written():
    kernel = simulator("store i32 %t, ptr %py")
    x, y = np.zeros(8, np.int32), np.zeros(8, np.int32)
    regions = (Region("x", x.ctypes.data, 32), Region("y", y.ctypes.data, 32, writable=False))
    with pytest.raises(SimulationFault, match="of y") as caught:
        kernel.run((1,), (8,), (x, y), memory=regions)
    assert caught.value.kind == "write to constant memory"


# -- alignment, places, switches -------------------------------------------------------------


def test_a_vector_at_an_odd_place_is_misaligned():
    body = """
  %p = getelementptr i32, ptr addrspace(3) @s, i32 AT
  store <4 x i32> zeroinitializer, ptr addrspace(3) %p, align 16
"""
    run(body.replace("AT", "4"), threads=1)
    found = fault(body.replace("AT", "5"), threads=1)
    assert found.kind == "misaligned access"
    assert "no multiple of 16" in str(found)


def test_a_fault_names_the_payloads_line():
    text = """
define void @k(ptr %x) !dbg !4 {
  %p = getelementptr i32, ptr %x, i32 1, !dbg !7
  store i32 1, ptr %p, align 4, !dbg !8
  ret void, !dbg !8
}
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2}
!0 = distinct !DICompileUnit(language: DW_LANG_C, file: !1, producer: "m", isOptimized: true)
!1 = !DIFile(filename: "model.mlir", directory: "/models")
!2 = !{i32 2, !"Debug Info Version", i32 3}
!3 = !DISubroutineType(types: !{})
!4 = distinct !DISubprogram(name: "k", file: !1, line: 1, type: !3, unit: !0, spFlags: 8)
!6 = !DILexicalBlockFile(scope: !4, file: !1, discriminator: 0)
!7 = !DILocation(line: 11, column: 3, scope: !4)
!8 = !DILocation(line: 12, column: 5, scope: !6)
"""
    x = np.zeros(1, np.int32)
    with pytest.raises(SimulationFault) as caught:
        Simulator(text, "k", meanings=TOY).run((3,), (1,), (x,), workers=1)
    assert str(caught.value.span) == "/models/model.mlir:12:5"
    assert caught.value.block == (0, 0, 0)
    assert str(caught.value).startswith(
        "/models/model.mlir:12:5: error: global out of bounds: 4 bytes"
    )
    assert "byte 4 of argument 0, which has 4 bytes" in str(caught.value)


def test_checks_can_be_switched_off():
    racing = WRITE_READ.replace("DISTANCE", "31").replace("BARRIER", "")
    run(racing, checks=Checks.none())
    run(racing, checks=Checks(races=False, unwritten=False))
    with pytest.raises(SimulationFault):
        run(racing)


def test_meanings_are_checked_like_the_kernels_own_accesses():
    body = """
  call void @toy.copy(ptr addrspace(3) @s, ptr %x)
  call void @toy.commit()
  call void @toy.wait(i32 0)
  %pn = getelementptr i32, ptr addrspace(3) @s, i32 AT
  %w = load i32, ptr addrspace(3) %pn
  store i32 %w, ptr %y
"""
    x, y = np.arange(4, dtype=np.int32), np.zeros(4, np.int32)
    simulator(body.replace("AT", "3"), top=SHARED).run((1,), (1,), (x, y))
    assert y[0] == 3
    with pytest.raises(SimulationFault, match="nobody wrote the byte at offset 16"):
        simulator(body.replace("AT", "4"), top=SHARED).run((1,), (1,), (x, y))
    with pytest.raises(SimulationFault, match="global out of bounds"):
        simulator(body.replace("AT", "3"), top=SHARED).run((1,), (1,), (x[:3].copy(), y))
