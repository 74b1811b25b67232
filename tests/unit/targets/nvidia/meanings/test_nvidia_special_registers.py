"""Special registers in a block of three dimensions, barriers, and what is only for speed."""

import numpy as np
import pytest
from lone_instructions import built

from pharos.simt import SimulationFault

THREADS = (8, 3, 2)
GRID = (3, 2, 2)
NAMES = [
    *(f"{name}.{axis}" for name in ("tid", "ntid", "ctaid", "nctaid") for axis in "xyz"),
    *("laneid", "warpid", "nwarpid", "warpsize", "lanemask.eq", "lanemask.lt", "lanemask.le"),
    *("lanemask.gt", "lanemask.ge", "cluster.ctarank", "cluster.nctarank", "clusterid.y"),
    *("cluster.ctaid.x", "cluster.nctaid.x", "nclusterid.x"),
]


def everything():
    """A kernel that stores all of the registers, for thread t of block b in row b * 48 + t."""
    lines = ["define void @k(ptr %out) {"]
    for index, name in enumerate(NAMES):
        lines.append(f"  %v{index} = call i32 @llvm.nvvm.read.ptx.sreg.{name}()")
    number = {name: f"%v{index}" for index, name in enumerate(NAMES)}
    lines += [
        f"  %z1 = mul i32 {number['ctaid.z']}, 2",
        f"  %z2 = add i32 %z1, {number['ctaid.y']}",
        "  %z3 = mul i32 %z2, 3",
        f"  %z4 = add i32 %z3, {number['ctaid.x']}",
        f"  %t1 = mul i32 {number['tid.z']}, 3",
        f"  %t2 = add i32 %t1, {number['tid.y']}",
        "  %t3 = mul i32 %t2, 8",
        f"  %t4 = add i32 %t3, {number['tid.x']}",
        "  %r1 = mul i32 %z4, 48",
        "  %r2 = add i32 %r1, %t4",
        f"  %r3 = mul i32 %r2, {len(NAMES)}",
    ]
    for index in range(len(NAMES)):
        lines.append(f"  %i{index} = add i32 %r3, {index}")
        lines.append(f"  %p{index} = getelementptr i32, ptr %out, i32 %i{index}")
        lines.append(f"  store i32 %v{index}, ptr %p{index}")
    return "\n".join([*lines, "  ret void", "}"])


def expected(name, block, thread, linear):
    lane = linear % 32
    masks = {
        "eq": 1 << lane,
        "lt": (1 << lane) - 1,
        "le": (2 << lane) - 1,
        "gt": 0xFFFFFFFF & ~((2 << lane) - 1),
        "ge": 0xFFFFFFFF & ~((1 << lane) - 1),
    }
    word, _, last = name.rpartition(".")
    axis = "xyz".index(last) if last in "xyz" else 0
    by_word = {"tid": thread, "ctaid": block, "ntid": THREADS, "nctaid": GRID,
               "clusterid": block, "nclusterid": GRID, "cluster.ctaid": (0, 0, 0),
               "cluster.nctaid": (1, 1, 1)}  # fmt: skip
    plain = {"laneid": lane, "warpid": linear // 32, "nwarpid": 2, "warpsize": 32,
             "cluster.ctarank": 0, "cluster.nctarank": 1}  # fmt: skip
    if word == "lanemask":
        return masks[last]
    return plain[name] if name in plain else by_word[word][axis]


def test_every_special_register():
    found = np.zeros((12 * 48, len(NAMES)), np.uint32)
    built(everything()).run(GRID, THREADS, [found])
    for row, values in enumerate(found):
        number, linear = divmod(row, 48)
        block = (number % 3, number // 3 % 2, number // 6)
        thread = (linear % 8, linear // 8 % 3, linear // 24)
        assert list(values) == [expected(name, block, thread, linear) for name in NAMES]


PRODUCER = """
@s = internal addrspace(3) global [256 x i32] undef
define void @k(ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %first = icmp ult i32 %t, 128
  %mine = getelementptr i32, ptr addrspace(3) @s, i32 %t
  br i1 %first, label %writes, label %reads
writes:
  store i32 %t, ptr addrspace(3) %mine
  ARRIVE
  ret void
reads:
  WAIT
  %from = sub i32 %t, 128
  %theirs = getelementptr i32, ptr addrspace(3) @s, i32 %from
  %v = load i32, ptr addrspace(3) %theirs
  %p = getelementptr i32, ptr %out, i32 %from
  store i32 %v, ptr %p
  ret void
}
"""
ARRIVE = "call void @llvm.nvvm.barrier.cta.arrive.aligned.count(i32 3, i32 256)"
WAIT = "call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 3, i32 256)"


def between(arrive, wait):
    text = PRODUCER.replace("ARRIVE", arrive).replace("WAIT", wait)
    kernel, out = built(text), np.zeros(128, np.int32)
    kernel.run((1,), (256,), [out], order="backward")
    return out


def test_a_named_barrier_orders_those_who_arrive_before_those_who_wait():
    assert (between(ARRIVE, WAIT) == np.arange(128)).all()


def test_a_named_barrier_that_half_of_the_threads_forget():
    with pytest.raises(SimulationFault, match="deadlock"):
        between("", WAIT)


def test_named_barriers_are_for_whole_warps():
    with pytest.raises(SimulationFault, match="whole warps, not for 40"):
        between(ARRIVE.replace("256", "40"), WAIT)


PASSED = [
    "barrier.cta.sync.aligned.all(i32 0)",
    "barrier.cta.sync.aligned.all(i32 2)",
    "barrier0()",
    "bar.warp.sync(i32 -1)",
    "membar.gl()",
    "griddepcontrol.wait()",
    "fence.mbarrier_init.release.cluster()",
    "setmaxnreg.dec.sync.aligned.u32(i32 40)",
    "nanosleep(i32 20)",
    "barrier.cluster.arrive.aligned()",
    "barrier.cluster.wait.aligned()",
]


def test_what_all_threads_pass(instruction):
    before = "\n".join(f"  call void @llvm.nvvm.{text}" for text in PASSED)
    assert instruction("call i32 @llvm.nvvm.read.ptx.sreg.laneid()", (), before)(threads=64).sum()


def test_a_barrier_in_a_branch_that_some_threads_take():
    text = """
define void @k() {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %low = icmp ult i32 %t, 40
  br i1 %low, label %then, label %end
then:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %end
end:
  ret void
}"""
    with pytest.raises(SimulationFault, match="deadlock"):
        built(text).run((1,), (64,), [])


def test_registers_that_setmaxnreg_does_not_know(instruction):
    text = "call void @llvm.nvvm.setmaxnreg.inc.sync.aligned.u32(i32 230)"
    with pytest.raises(SimulationFault, match="setmaxnreg of 230"):
        instruction(text)()
