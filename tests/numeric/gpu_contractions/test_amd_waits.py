"""A kernel for AMD GPUs whose barrier is missing is found out by the simulated device."""

from __future__ import annotations

import pytest
from gpu_products import Product, check

from pharos.core import settings
from pharos.simt import SimulationFault
from pharos.targets.common.contractions import gpu_kernel

TILES = {"block_m": 32, "block_n": 32, "block_k": 16, "sub_m": 16, "sub_n": 16, "stages": 2}
PARAMETERS = {f"contraction.{name}": value for name, value in TILES.items()}
ONE = Product(32, 32, 64, "f16", "f32", "b")


@pytest.fixture(autouse=True)
def cache(tmp_path):
    """A cache of its own: kernels are made wrong here."""
    with settings.scope(CACHE=tmp_path):
        yield


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_no_result_depends_on_the_order_of_lanes(order):
    with settings.scope(SIM_ORDER=order):
        check(ONE, "amd:gfx1100:sim", **PARAMETERS)


@pytest.mark.parametrize("chip", ["gfx1100", "gfx942"])
def test_a_barrier_that_is_missing_is_found(chip, monkeypatch):
    monkeypatch.setattr(gpu_kernel, "_meet", lambda: None)
    with pytest.raises((SimulationFault, AssertionError)):
        check(ONE, f"amd:{chip}:sim", **PARAMETERS)
