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


@meaning(TOY, r"toy\.copy", source="this test")
def copy(w, call):
    """16 bytes from global to shared memory, later."""
    with w.later(2, *call.arguments) as (target, source):
        w.copy(target, source, 16, alignment=16)


@meaning(TOY, r"toy\.commit", source="this test")
def commit(w, call):
    w.commit(2)


@meaning(TOY, r"toy\.wait", source="this test")
def wait(w, call):
    w.wait(2, *call.arguments)


@meaning(TOY, r"toy\.counter\.(init|arrive|expect|passed|wait|bring)", source="this test")
def counter(w, call):
    at, *rest = call.arguments
    match call.match[1]:
        case "init":
            w.counter_init(at, rest[0])
        case "arrive":
            w.counter_arrive(at, rest[0])
        case "expect":
            w.counter_arrive(at, 0, rest[0])
        case "passed":
            passed = w.counter_passed(at, rest[0])
            with w.when(~passed):
                w.aside()
            return passed
        case "wait":
            w.counter_wait(at, rest[0])
        case _:
            with w.later(0, at, *rest) as (signal, target, source, size):
                w.copy(target, source, size, alignment=16)
                w.counter_complete(signal, size)
    return None


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
declare void @toy.copy(ptr addrspace(3), ptr)
declare void @toy.commit()
declare void @toy.wait(i32)
declare void @toy.counter.init(ptr addrspace(3), i32)
declare void @toy.counter.arrive(ptr addrspace(3), i32)
declare void @toy.counter.expect(ptr addrspace(3), i32)
declare void @toy.counter.wait(ptr addrspace(3), i32)
declare i1 @toy.counter.passed(ptr addrspace(3), i32)
declare void @toy.counter.bring(ptr addrspace(3), ptr addrspace(3), ptr, i32)
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
