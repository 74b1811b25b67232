"""The lane-level simulator: runs a GPU kernel's LLVM IR on this machine, every thread a fiber.

It knows no vendor. A target supplies a table that says what its instructions mean, and gets a
device that runs its kernels, finds what hardware would not tell, and names the place.

    kernel = Simulator(llvm_ir_text, "matmul", meanings=TABLE, subgroup_size=32, checks=Checks())
    kernel.run((4, 4), (128,), [a, b, c, 256], dynamic_shared=49152)      # or SimulationFault

The kernel's memory is this process's memory: pointers are addresses, arguments are addresses, numpy
arrays, bytes, or numbers (`Simulator.run`). Shared memory begins at an address that is a multiple
of 2**18 and below 2**31, so a shared pointer survives a conversion to 32 bits and the 18 bits of a
matrix descriptor say all of it. Before each block it is filled with ones: NaNs.

# A meaning

Every callee that is no LLVM function of the kernel and no generic intrinsic, and every inline
assembly text, is looked up in the table by regular expressions that must match all of it. The
function that is found writes LLVM IR for the instruction, once for each type of its operands:

    TABLE = Meanings("nvidia")

    @meaning(TABLE, r"llvm\\.nvvm\\.shfl\\.sync\\.bfly\\.i32", source="PTX ISA 9.0, 9.7.9.6")
    def shuffle_butterfly(w, call):
        mask, value, offset, clamp = call.arguments     # Values: LLVM IR with operators
        lanes = w.exchange(value, who=mask)             # rendezvous of these lanes
        return lanes.read(w.lane ^ offset)              # what that lane put down

    @meaning(TABLE, r"bar\\.sync \\$0, \\$1;", source="PTX ISA 9.0, 9.7.13.1 barrier")
    def named_barrier(w, call):                         # inline assembly, by its text
        w.meet(*call.arguments)

`call` (meanings.Call) has `text`, `match`, `arguments`, `type` of the result ("{ i32, i32 }" for
assembly with two outputs: return a list), `constraints`, and `constant(i)` for an argument that is
a literal. What `w` (writer.Writer) offers:

- **Values** (values.Value): `+ - * / // % & | ^ << >> < == ~` and Python numbers; integers are
  unsigned. An index function `lambda lane, r: (lane // 4 + 8 * (r // 2), ...)` works on Values and
  on numbers alike. `w.constant(v, type)`, `w.convert(v, type, signed=)`, `w.cast("bitcast", v, t)`,
  `w.select(c, a, b)`, `w.intrinsic("fma", a, b, c)`, `w.parts(v)`, `w.aggregate(type, parts)`,
  `w.extract`, `w.insert`; `w.emit(text, type)` and `w.do(text)` for any other instruction.
- **Control**: `with w.when(c):`, `with w.loop(n) as i:`, `with w.repeat() as again:` with
  `again.until(c)`, `x = w.variable(type, initial)` with `get` and `set`, `w.local(type)` memory of
  the thread.
- **Places**: `w.thread(axis)`, `w.block(axis)`, `w.block_size(axis)`, `w.grid_size(axis)`,
  `w.lane`, `w.linear`, `w.subgroup`, `w.threads` (i32), and the number `w.subgroup_size`.
- **Meeting**: `w.exchange(*values, who=mask).read(lane, index)`; a collective that one lane does
  for all while the others wait, which is fastest for votes, reductions and matrices:

      lanes = w.meeting([value], results=["i32"], who=mask)
      with lanes.once():
          total = w.variable("i32", 0)
          with lanes.each_member() as lane:
              total.set(total.get() + lanes.read(lane))
          with lanes.each_member() as lane:
              lanes.give(lane, total.get())
      return lanes.result()

  `w.meet("workgroup" | "subgroup" | number, count, signal=, anywhere=)` for barriers.
- **Effects**: what an instruction starts and another waits for. `with w.later(queue, *values) as
  (target, source): w.copy(target, source, 16)` happens when its thread does `w.wait(queue,
  pending)` after `w.commit(queue)` (groups, as cp.async has them) or `w.drain(queue)`, when
  nothing else can go on, or at the end of the block: the latest moment; in the other mode at once.
  Counters are
  8 bytes of shared memory (mbarriers): `w.counter_init(p, count)`, `state = w.counter_arrive(p,
  arrivals, bytes)`, `w.counter_complete(p, bytes)` in an effect, `w.counter_wait(p, parity)`,
  `w.counter_passed(p, parity)`. An instruction that a kernel repeats until it succeeds says
  `w.aside()` when it did not.
- **Memory**: `w.load(pointer, type, alignment)`, `w.store`, `w.copy(target, source, bytes)`,
  `w.atomic(op, pointer, value)`, `w.compare_exchange`, all checked like the kernel's own accesses;
  `w.pointer(integer, space)`, `w.address(pointer)`, `w.offset(pointer, bytes)`,
  `w.element(pointer, index, type)`, `w.table([numbers])` for constants; `peek` and `poke` are not
  checked.
- **For large instructions**: `w.kept(name, type)` memory of the block that meanings share;
  `with w.acting(lane):` queues and places of another lane, inside of `once`; `w.moment()` and
  `w.last_write(pointer)`, where `w.checked`: who wrote shared memory last, and when. `TABLE.edit`
  enters a function that changes a kernel's lines before its instructions are looked up.
- **Words**: `w.say(*words)` hands i64 to whoever runs the kernel: `Simulator.run(said=Said())`.
- **Faults**: `w.require(condition, "message with {0}", value)`, `w.fault("message")`.

# What stops a kernel

`UnknownInstruction` when it is built (all names without a meaning), `SimulationFault` when it runs
(`faults.KINDS`), with the kernel, the block, the thread and, where the text has debug locations,
the payload's line: threads that wait for ever, lanes that meet at different instructions or with
different masks, barriers with different counts or places, what meanings refuse, and what `Checks`
look for at every access: global memory outside of the `Region`s that `run` is given, shared memory
beyond its end, reads of what nobody wrote, two threads at one place of shared memory without a
barrier between, addresses that are no multiple of the alignment that the instruction states.
Barriers, named barriers, subgroup barriers and counters order accesses; exchanges do not.

# What a thread executes

    kernel = Simulator(text, "k", meanings=TABLE, traced=True)
    trace = Trace(block=(1, 0, 0), thread=(37, 0, 0))
    kernel.run(grid, block, arguments, trace=trace)      # filled even when the kernel stops
    for step in trace.steps:
        print(step)          # model.mlir:3:5  %7 = fadd float %5, %6  = 1.25

Blocks run on all cores; a block must not wait for another.
"""

from pharos.simt.checks import Checks
from pharos.simt.faults import SimulationFault, UnknownInstruction
from pharos.simt.meanings import Call, Meanings, meaning
from pharos.simt.regions import Region
from pharos.simt.said import Said, Words
from pharos.simt.simulator import Simulator
from pharos.simt.trace import Step, Trace
from pharos.simt.values import Value
from pharos.simt.writer import Writer

__all__ = [
    "Call",
    "Checks",
    "Meanings",
    "Region",
    "Said",
    "SimulationFault",
    "Simulator",
    "Step",
    "Trace",
    "UnknownInstruction",
    "Value",
    "Words",
    "Writer",
    "meaning",
]
