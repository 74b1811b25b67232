"""cp.async: what is there after a wait, and how a forgotten wait, commit or barrier shows."""

import numpy as np
import pytest
from lone_instructions import built

from pharos.simt import SimulationFault

# Every thread copies 16 bytes of %in to its place and %o says which place it stores from then.
KERNEL = """
@s = internal addrspace(3) global [3 x [64 x <4 x i32>]] undef, align 16
define void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %g0 = getelementptr <4 x i32>, ptr %in, i32 %t
  %g = addrspacecast ptr %g0 to ptr addrspace(1)
  %g64 = getelementptr <4 x i32>, ptr addrspace(1) %g, i32 64
  %g128 = getelementptr <4 x i32>, ptr addrspace(1) %g, i32 128
  %s0 = getelementptr <4 x i32>, ptr addrspace(3) @s, i32 %t
  %s1 = getelementptr <4 x i32>, ptr addrspace(3) %s0, i32 64
  %s2 = getelementptr <4 x i32>, ptr addrspace(3) %s0, i32 128
  %other = sub i32 63, %t
  %r0 = getelementptr <4 x i32>, ptr addrspace(3) @s, i32 %other
  %r1 = getelementptr <4 x i32>, ptr addrspace(3) %r0, i32 64
  %r2 = getelementptr <4 x i32>, ptr addrspace(3) %r0, i32 128
  %o0 = getelementptr <4 x i32>, ptr %out, i32 %t
  %o1 = getelementptr <4 x i32>, ptr %o0, i32 64
  BODY
  ret void
}
"""
COMMIT = "call void @llvm.nvvm.cp.async.commit.group()"
BARRIER = "call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)"
DATA = np.random.default_rng(0).integers(0, 2**31, (192, 4)).astype(np.int32)


def wait(groups):
    return f"call void @llvm.nvvm.cp.async.wait.group(i32 {groups})"


def copy(to, source):
    return (
        "call void @llvm.nvvm.cp.async.cg.shared.global.16("
        f"ptr addrspace(3) {to}, ptr addrspace(1) {source})"
    )


def show(source, to):
    value = f"%v{to[1:]}"
    return (
        f"{value} = load <4 x i32>, ptr addrspace(3) {source}\n  store <4 x i32> {value}, ptr {to}"
    )


def run(*lines, latest=True, checked=False, order="forward"):
    text = KERNEL.replace("BODY", "\n  ".join(lines))
    out = np.zeros((128, 4), np.int32)
    kernel = built(text, checked=checked)
    kernel.run((1,), (64,), [DATA, out], latest=latest, order=order)
    return out


RIGHT = [copy("%s0", "%g"), COMMIT, wait(0), BARRIER, show("%r0", "%o0")]
MODES = pytest.mark.parametrize("latest", [True, False])


@MODES
def test_a_copy_that_is_waited_for(latest):
    assert (run(*RIGHT, latest=latest)[:64] == DATA[63::-1]).all()


@MODES
def test_wait_all_needs_no_commit(latest):
    everything = "call void @llvm.nvvm.cp.async.wait.all()"
    lines = [copy("%s0", "%g"), everything, BARRIER, show("%r0", "%o0")]
    assert (run(*lines, latest=latest)[:64] == DATA[63::-1]).all()


@pytest.mark.parametrize("forgotten", [wait(0), COMMIT])
def test_a_forgotten_wait_or_commit_shows_at_the_latest_moment(forgotten):
    lines = [line for line in RIGHT if line != forgotten]
    assert (run(*lines)[:64] != DATA[63::-1]).all()
    assert (run(*lines, latest=False)[:64] == DATA[63::-1]).all()
    with pytest.raises(SimulationFault, match="unwritten read"):
        run(*lines, checked=True)


def test_a_forgotten_barrier_shows():
    lines = [line for line in RIGHT if line != BARRIER]
    assert (run(*lines)[:64] != DATA[63::-1]).any()


@MODES
def test_groups_are_counted_from_the_latest(latest):
    copies = [copy("%s0", "%g"), COMMIT, copy("%s1", "%g64"), COMMIT, copy("%s2", "%g128"), COMMIT]
    found = run(*copies, wait(1), BARRIER, show("%r1", "%o0"), show("%r2", "%o1"), latest=latest)
    assert (found[:64] == DATA[127:63:-1]).all()
    assert (found[64:] == DATA[191:127:-1]).all() == (not latest)


def test_a_buffer_that_is_filled_while_others_read_it_shows_at_the_earliest_moment():
    """A second copy into the buffer is started before everybody has read what the first brought."""
    second = [copy("%s0", "%g64"), COMMIT]
    lines = [*RIGHT[:4], *second, show("%r0", "%o0")]
    assert (run(*lines, latest=True)[:64] == DATA[63::-1]).all()
    assert (run(*lines, latest=False)[:64] != DATA[63::-1]).any()
    fine = [*RIGHT, BARRIER, *second, wait(0), BARRIER, show("%r0", "%o1")]
    for latest in (True, False):
        found = run(*fine, latest=latest, checked=True)
        assert (found[:64] == DATA[63::-1]).all() and (found[64:] == DATA[127:63:-1]).all()


@MODES
@pytest.mark.parametrize(("size", "how"), [(4, "ca"), (8, "ca"), (16, "cg")])
def test_bytes_that_are_not_copied_are_zero(latest, size, how):
    lines = ["%n0 = urem i32 %t, 17", f"%n1 = call i32 @llvm.umin.i32(i32 %n0, i32 {size})",
             f"call void @llvm.nvvm.cp.async.{how}.shared.global.{size}.s(ptr addrspace(3) %s0, "
             "ptr addrspace(1) %g, i32 %n1)", COMMIT, wait(0), show("%s0", "%o0")]  # fmt: skip
    found = run(*lines, latest=latest)[:64].view(np.uint8)
    counts = np.minimum(np.arange(64) % 17, size)
    wanted = np.where(np.arange(16) < counts[:, None], DATA[:64].view(np.uint8), 0)
    assert (found[:, :size] == wanted[:, :size]).all()
    assert (found[:, size:] == 255).all()


def test_addresses_that_are_not_aligned():
    lines = ["%odd = getelementptr i8, ptr addrspace(1) %g, i32 4", copy("%s0", "%odd")]
    with pytest.raises(SimulationFault, match="which 16 does not divide"):
        run(*lines)


def test_more_bytes_than_the_copy_has():
    text = ("call void @llvm.nvvm.cp.async.ca.shared.global.4.s(ptr addrspace(3) %s0, "
            "ptr addrspace(1) %g, i32 8)")  # fmt: skip
    with pytest.raises(SimulationFault, match="of 4 bytes takes 8"):
        run(text)


@MODES
def test_an_mbarrier_that_copies_arrive_at(latest):
    """Two warps copy; a copy of each thread arrives at the barrier that everybody waits for."""
    barrier = "ptr addrspace(3) %bar"
    lines = [
        "%bar = getelementptr <4 x i32>, ptr addrspace(3) @s, i32 190",
        "%first = icmp eq i32 %t, 0\n  br i1 %first, label %begin, label %go\nbegin:",
        f"call void @llvm.nvvm.mbarrier.init.shared({barrier}, i32 64)\n  br label %go\ngo:",
        BARRIER,
        copy("%s0", "%g"),
        f"call void @llvm.nvvm.cp.async.mbarrier.arrive.noinc.shared({barrier})",
        "br label %again\nagain:",
        "%done = call i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta("
        f"{barrier}, i32 0)",
        "br i1 %done, label %after, label %again\nafter:",
        show("%r0", "%o0"),
    ]
    assert (run(*lines, latest=latest, checked=True)[:64] == DATA[63::-1]).all()
