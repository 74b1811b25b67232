"""Whenever asynchronous copies and products happen, results are the same; where a wait or a barrier
is taken out of a kernel, the simulated device shows it."""

from __future__ import annotations

import pytest
from gpu_products import Product, check

from pharos.core import settings
from pharos.simt import SimulationFault
from pharos.targets.common.contractions import gpu_kernel
from pharos.targets.nvidia.async_copies import CpAsync
from pharos.targets.nvidia.warpgroups import instructions
from pharos.targets.nvidia.warpgroups import kernel as warpgroup_kernel

COPIED = Product(32, 40, 200, "f16", "f32", "b")
BROUGHT = Product(64, 64, 328, "bf16", "f32", "b")
TILES = {"block_m": 32, "block_n": 32, "block_k": 32, "sub_m": 16, "sub_n": 16, "stages": 3}
COPIED_ON = ("nvidia:sm_80:sim", {f"contraction.{name}": value for name, value in TILES.items()})
BROUGHT_ON = ("nvidia:sm_90a:sim", {"contraction.specialised": 1, "contraction.stages": 2})


@pytest.fixture(autouse=True)
def cache(tmp_path):
    """A cache of its own: kernels are made wrong here."""
    with settings.scope(CACHE=tmp_path):
        yield


def run(one, on):
    target, parameters = on
    check(one, target, **parameters)


@pytest.mark.parametrize("effects", ["latest", "earliest"])
@pytest.mark.parametrize("order", ["backward", "shuffled"])
@pytest.mark.parametrize(("one", "on"), [(COPIED, COPIED_ON), (BROUGHT, BROUGHT_ON)])
@pytest.mark.slow
def test_no_result_depends_on_when_or_in_which_order(one, on, effects, order):
    with settings.scope(SIM_EFFECTS=effects, SIM_ORDER=order):
        run(one, on)


def test_the_earliest_moment_is_fine_too():
    with settings.scope(SIM_EFFECTS="earliest"):
        run(COPIED, COPIED_ON)


def shown(one, on):
    """Whether a fault is raised, or the result is wrong."""
    try:
        run(one, on)
    except (SimulationFault, AssertionError):
        return True
    return False


def test_a_copy_that_is_not_waited_for_is_found(monkeypatch):
    wait = CpAsync.wait
    monkeypatch.setattr(CpAsync, "wait", lambda self, pending: wait(self, pending + 1))
    assert shown(COPIED, COPIED_ON)


def test_a_barrier_that_is_missing_is_found(monkeypatch):
    monkeypatch.setattr(gpu_kernel, "_meet", lambda: None)
    assert shown(COPIED, COPIED_ON)


@pytest.mark.slow
def test_a_tile_that_is_used_before_it_is_full_is_found(monkeypatch):
    wait = instructions.barrier_wait

    def only_empty(address, parity):
        if "subi" in str(parity.owner):  # the producer's wait
            wait(address, parity)

    monkeypatch.setattr(warpgroup_kernel.asm, "barrier_wait", only_empty)
    assert shown(BROUGHT, BROUGHT_ON)


@pytest.mark.slow
def test_a_tile_that_is_overwritten_before_it_was_used_is_found(monkeypatch):
    wait = instructions.barrier_wait

    def only_full(address, parity):
        if "subi" not in str(parity.owner):
            wait(address, parity)

    monkeypatch.setattr(warpgroup_kernel.asm, "barrier_wait", only_full)
    with settings.scope(SIM_EFFECTS="earliest"):
        assert shown(BROUGHT, BROUGHT_ON)


@pytest.mark.slow
def test_products_that_are_not_waited_for_are_found(monkeypatch):
    monkeypatch.setattr(warpgroup_kernel.asm, "wait", lambda pending: None)
    assert shown(BROUGHT, BROUGHT_ON)
