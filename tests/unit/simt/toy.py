"""A device of the tests' own: a few instructions with invented names, and how to run a kernel."""

from __future__ import annotations

from pharos.simt import Meanings, Simulator, meaning

TOY = Meanings("toy")


@meaning(TOY, r"toy\.(thread|block|blocks|threads)\.([xyz])", source="this test")
def place(w, call):
    axis = "xyz".index(call.match[2])
    named = {"thread": w.thread, "block": w.block, "blocks": w.grid_size, "threads": w.block_size}
    return named[call.match[1]](axis)


@meaning(TOY, r"toy\.lane", source="this test")
def lane(w, call):
    return w.lane


@meaning(TOY, r"toy\.barrier", source="this test")
def barrier(w, call):
    w.meet("workgroup")


@meaning(TOY, r"toy\.subgroup\.barrier", source="this test")
def subgroup_barrier(w, call):
    w.meet("subgroup")


@meaning(TOY, r"toy\.barrier\.named", source="this test")
def named_barrier(w, call):
    w.meet(*call.arguments)


@meaning(TOY, r"toy\.barrier\.signal", source="this test")
def signal(w, call):
    w.meet(*call.arguments, signal=True)


@meaning(TOY, r"toy\.from", source="this test")
def from_lane(w, call):
    mask, value, other = call.arguments
    return w.exchange(value, who=mask).read(other)


@meaning(TOY, r"toy\.sum", source="this test")
def lane_sum(w, call):
    lanes = w.meeting(call.arguments, results=["i32"])
    with lanes.once():
        total = w.variable("i32", 0)
        with lanes.each_member() as member:
            total.set(total.get() + lanes.read(member))
        with lanes.each_member() as member:
            lanes.give(member, total.get())
    return lanes.result()


@meaning(TOY, r"toy (add|mul) \$0, \$1;", source="this test")
def two(w, call):
    left, right = call.arguments
    return left + right if call.match[1] == "add" else left * right


def module(body: str, parameters: str = "ptr %x, ptr %y", top: str = "") -> str:
    """A module with the kernel `k`; %t is the thread, %b the block, %px and %py its elements."""
    return f"""
declare i32 @toy.thread.x()
declare i32 @toy.block.x()
declare i32 @toy.lane()
declare void @toy.barrier()
declare void @toy.subgroup.barrier()
declare void @toy.barrier.named(i32, i32)
declare void @toy.barrier.signal(i32, i32)
declare i32 @toy.from(i32, i32, i32)
declare i32 @toy.sum(i32)
{top}
define void @k({parameters}) {{
  %t = call i32 @toy.thread.x()
  %b = call i32 @toy.block.x()
  %px = getelementptr i32, ptr %x, i32 %t
  %py = getelementptr i32, ptr %y, i32 %t
{body}
  ret void
}}
"""


def simulator(body: str, parameters: str = "ptr %x, ptr %y", top: str = "", **options) -> Simulator:
    """The kernel of `module`, with subgroups of eight lanes."""
    return Simulator(
        module(body, parameters, top), "k", meanings=TOY, **{"subgroup_size": 8, **options}
    )
