"""mbarrier objects: phases, parities, transactions, and copies in bulk that complete them."""

import numpy as np
import pytest
from lone_instructions import built

from pharos.simt import SimulationFault

# Thread 0 of 64 begins an object for COUNT arrivals; then BODY, in which %b is the object.
KERNEL = """
@s = internal addrspace(3) global [64 x i32] undef, align 16
@bar = internal addrspace(3) global [2 x i64] undef, align 8
define void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %g = addrspacecast ptr %in to ptr addrspace(1)
  %mine = getelementptr i32, ptr addrspace(3) @s, i32 %t
  %other = xor i32 %t, 33
  %theirs = getelementptr i32, ptr addrspace(3) @s, i32 %other
  %o = getelementptr i32, ptr %out, i32 %t
  %zero = icmp eq i32 %t, 0
  INIT
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  BODY
  %v = load i32, ptr addrspace(3) %theirs
  store i32 %v, ptr %o
  ret void
}
"""
BAR = "ptr addrspace(3) @bar"
INIT = (
    'call void asm sideeffect "@$2 mbarrier.init.shared.b64 [$0], $1;", "r,r,b"'
    f"({BAR}, i32 COUNT, i1 %zero)"
)
ARRIVE = f"call i64 @llvm.nvvm.mbarrier.arrive.shared({BAR})"
LOOP = (
    r'call void asm sideeffect "{\0A\09.reg .pred       P1; \0A\09LAB_WAIT: \0A\09'
    r"mbarrier.try_wait.parity.shared.b64 P1, [$0], $1, $2; \0A\09@P1 bra.uni DONE; \0A\09"
    rf'bra.uni     LAB_WAIT; \0A\09DONE: \0A\09}}", "r,r,r"({BAR}, i32 PARITY, i32 99)'
)
DATA = np.random.default_rng(0).integers(0, 2**31, 64).astype(np.int32)
MODES = pytest.mark.parametrize("latest", [True, False])


def run(body, count=64, init=INIT, latest=True, order="forward", checked=True):
    text = KERNEL.replace("INIT", init).replace("COUNT", str(count)).replace("BODY", body)
    out = np.zeros(64, np.int32)
    kernel = built(text, checked=checked)
    kernel.run((1,), (64,), [DATA, out], latest=latest, order=order)
    return out


def wait(parity):
    return LOOP.replace("PARITY", str(parity))


STORE = "store i32 %t, ptr addrspace(3) %mine"


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_who_waits_sees_what_was_stored_before_the_arrivals(order):
    found = run(f"{STORE}\n  %a = {ARRIVE}\n  {wait(0)}", order=order)
    assert (found == np.arange(64) ^ 33).all()


def test_the_state_of_an_arrival_names_its_phase():
    body = f"""{STORE}
  %a = {ARRIVE}
  br label %again
again:
  %done = call i1 @llvm.nvvm.mbarrier.test.wait.shared({BAR}, i64 %a)
  br i1 %done, label %after, label %again
after:"""
    assert (run(body) == np.arange(64) ^ 33).all()


def test_phases_have_parities():
    """Three phases; the parity of the one before is over, that of the current one is not."""
    test = f"call i1 @llvm.nvvm.mbarrier.test.wait.parity.scope.cta.space.cta({BAR}, i32 "
    body = f"""
  %a = {ARRIVE}
  {wait(0)}
  %b = {ARRIVE}
  {wait(1)}
  %even = {test}0)
  %odd = {test}1)
  %e = zext i1 %even to i32
  %d = zext i1 %odd to i32
  %ee = shl i32 %e, 1
  %both = or i32 %ee, %d
  store i32 %both, ptr addrspace(3) %mine
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)"""
    assert (run(body) == 1).all()


def test_a_count_of_arrivals_at_once():
    body = f"""{STORE}
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br i1 %zero, label %one, label %all
one:
  %a = call i64 @llvm.nvvm.mbarrier.arrive.scope.cta.space.cta({BAR}, i32 7)
  br label %all
all:
  {wait(0)}"""
    assert (run(body, count=7) == np.arange(64) ^ 33).all()
    with pytest.raises(SimulationFault, match=r"deadlock"):
        run(body, count=8)
    with pytest.raises(SimulationFault, match=r"7 .* 6|6 .* 7"):
        run(body, count=6)


def test_an_object_that_nobody_began():
    with pytest.raises(SimulationFault, match=r"mbarrier|counter"):
        run(f"%a = {ARRIVE}", init="")


def test_waiting_for_arrivals_that_nobody_makes():
    with pytest.raises(SimulationFault, match="deadlock"):
        run(f"{STORE}\n  {wait(0)}")


# Thread 0 copies all of %in (256 bytes) into @s, and everybody waits for it.
COPY = f"""br i1 %zero, label %one, label %all
one:
  %cl = addrspacecast ptr addrspace(3) @s to ptr addrspace(7)
  %x = call i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta({BAR}, i32 BYTES)
  call void @llvm.nvvm.cp.async.bulk.global.to.shared.cluster(ptr addrspace(7) %cl, {BAR},
    ptr addrspace(1) %g, i32 256, i16 0, i64 0, i1 false, i1 false)
  br label %all
all:
  WAIT"""


def bulk(bytes=256, wait_=None, **options):
    body = COPY.replace("BYTES", str(bytes)).replace("WAIT", wait(0) if wait_ is None else wait_)
    return run(body, count=1, **options)


@MODES
def test_a_bulk_copy_completes_the_phase(latest):
    assert (bulk(latest=latest) == DATA[np.arange(64) ^ 33]).all()


def test_a_forgotten_wait_shows_at_the_latest_moment():
    assert (bulk(wait_="", checked=False) != DATA[np.arange(64) ^ 33]).all()
    with pytest.raises(SimulationFault, match="unwritten read"):
        bulk(wait_="")


@MODES
def test_expecting_more_than_comes_never_ends(latest):
    with pytest.raises(SimulationFault, match="deadlock"):
        bulk(272, latest=latest)


def test_expecting_fewer_ends_too_early_or_never():
    """With half of the bytes expected, the phase ends neither with the arrival nor exactly."""
    with pytest.raises(SimulationFault):
        bulk(128)


@MODES
def test_expecting_nothing_ends_before_the_copy(latest):
    """The phase ends with the arrival; in the earliest mode the copy is there by chance."""
    found = bulk(0, latest=latest, checked=False)
    assert (found == DATA[np.arange(64) ^ 33]).all() == (not latest)


def test_bulk_copies_move_pieces_of_16_bytes():
    with pytest.raises(SimulationFault, match="multiples of 16"):
        run(
            COPY.replace("i32 256", "i32 40").replace("BYTES", "40").replace("WAIT", wait(0)),
            count=1,
        )


def test_multicast_to_another_block():
    text = COPY.replace("i16 0, i64 0, i1 false", "i16 3, i64 0, i1 true").replace("BYTES", "256")
    with pytest.raises(SimulationFault, match="cluster of one block"):
        run(text.replace("WAIT", wait(0)), count=1)


# Everybody fills its place; thread 0 stores all of it in bulk.
STORE_BULK = f"""{STORE}
  call void @llvm.nvvm.fence.proxy.async.shared_cta()
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br i1 %zero, label %one, label %all
one:
  %go = addrspacecast ptr %out to ptr addrspace(1)
  %far = getelementptr i32, ptr addrspace(1) %go, i32 64
  call void @llvm.nvvm.cp.async.bulk.shared.cta.to.global(ptr addrspace(1) %far,
    ptr addrspace(3) @s, i32 256, i64 0, i1 false)
  call void @llvm.nvvm.cp.async.bulk.commit.group()
  WAIT
  br label %all
all:
  CHANGE
  store i32 -5, ptr addrspace(3) %mine"""
GROUP = "call void @llvm.nvvm.cp.async.bulk.wait.group.read(i32 0)"


@MODES
def test_a_bulk_store(latest):
    def stored(wait_):
        barrier = "call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)"
        body = STORE_BULK.replace("WAIT", wait_).replace("CHANGE", barrier)
        text = KERNEL.replace("INIT", "").replace("BODY", body)
        out = np.zeros(128, np.int32)
        kernel = built(text, checked=False)
        kernel.run((1,), (64,), [DATA, out], latest=latest)
        return out[64:]

    assert (stored(GROUP) == np.arange(64)).all()
    # Without the wait the source is changed under the copy.
    assert (stored("") == np.arange(64)).all() == (not latest)


def test_a_bulk_store_of_what_threads_stored_without_a_fence():
    body = STORE_BULK.replace("WAIT", GROUP).replace("CHANGE", "")
    fence = "call void @llvm.nvvm.fence.proxy.async.shared_cta()"
    text = KERNEL.replace("INIT", "").replace("BODY", body.replace(fence, ""))
    with pytest.raises(SimulationFault, match=r"no fence\.proxy\.async came between"):
        built(text).run((1,), (64,), [DATA, np.zeros(128, np.int32)])


def test_a_bulk_store_of_what_a_bulk_copy_brought_needs_no_fence():
    store = f"""
  %go = addrspacecast ptr %out to ptr addrspace(1)
  %far = getelementptr i32, ptr addrspace(1) %go, i32 64
  br i1 %zero, label %two, label %rest
two:
  call void @llvm.nvvm.cp.async.bulk.shared.cta.to.global(ptr addrspace(1) %far,
    ptr addrspace(3) @s, i32 256, i64 0, i1 false)
  call void @llvm.nvvm.cp.async.bulk.commit.group()
  {GROUP}
  br label %rest
rest:"""
    body = COPY.replace("BYTES", "256").replace("WAIT", wait(0)) + store
    text = KERNEL.replace("INIT", INIT.replace("COUNT", "1")).replace("BODY", body)
    out = np.zeros(128, np.int32)
    built(text).run((1,), (64,), [DATA, out])
    assert (out[64:] == DATA).all()
