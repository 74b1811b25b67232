"""GPT-2 through the vendors' drivers, whose libraries are stand-ins that run on the simulator."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pharos import toolchain
from pharos.ingress.checkpoints import Config, open_checkpoint, write_checkpoint
from pharos.models.gpt2.device_model import DeviceGpt2
from pharos.models.gpt2.device_payload import decoding, reading
from pharos.targets.amd.driver import HipDriver
from pharos.targets.common.gpu.host.device import GpuDevice
from pharos.targets.nvidia.driver import CudaDriver
from pharos.targets.xegpu.driver import LevelZeroDriver

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("checkpoints", "gpu")]
import numpy_gpt2
from simulating_level_zero import FakeLevelZero
from simulating_libraries import FakeCuda, FakeHip

VENDORS = {
    "nvidia:sm_90a": (FakeCuda, CudaDriver),
    "amd:gfx1100": (FakeHip, HipDriver),
    "xegpu:bmg": (FakeLevelZero, LevelZeroDriver),
}
TINY = Config(max_sequence=24, vocabulary=50, layers=2, heads=2, channels=16, padded_vocabulary=64)


@pytest.fixture
def path(tmp_path):
    """A checkpoint of random weights."""
    rng = np.random.default_rng(2)
    weights = {n: (rng.standard_normal(s) * 0.3).astype(np.float32) for n, s in TINY.shapes.items()}
    write_checkpoint(tmp_path / "model.bin", TINY, weights)
    return tmp_path / "model.bin"


@pytest.mark.slow
@pytest.mark.parametrize("target", VENDORS)
def test_a_text_through_the_driver(path, target, monkeypatch):
    fake_kind, driver_kind = VENDORS[target]
    payloads = (decoding(TINY, "f32", 32), reading(TINY, "f32", 32, 8))
    artifacts = [toolchain.compile(one, toolchain.Request(target)) for one in payloads]
    chosen = toolchain.target(target)
    fake = fake_kind(chosen.kind, chosen.facts(), artifacts)
    driver = driver_kind(target.partition(":")[2], opener=fake.opener(()))
    monkeypatch.setattr(chosen, "open_device", lambda: GpuDevice(target, driver))
    model = DeviceGpt2.load(path, target=target, prompt=5)
    ids = [3, 7, 11, 49, 0]
    logits = model.prefill(ids)
    for _ in range(3):
        expected = numpy_gpt2.logits(open_checkpoint(path), np.array(ids))[-1]
        assert np.abs(np.asarray(logits) - expected).max() < 1e-4
        ids.append(logits.argmax())
        assert ids[-1] == expected.argmax()
        before = len(fake.calls)
        logits = model.step(ids[-1])
        if "xegpu" not in target:
            assert len(fake.calls) == before + 1, "a token is one call of the driver"
    assert fake.fault is None
