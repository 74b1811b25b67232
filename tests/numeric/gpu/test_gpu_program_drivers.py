"""Whole programs through the vendors' drivers, whose libraries are stand-ins on the simulator."""

import ctypes

import pytest
from simulating_libraries import FakeCuda, FakeHip

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.targets.amd.driver import HipDriver
from pharos.targets.common.gpu.host.device import GpuDevice
from pharos.targets.nvidia.driver import CudaDriver

PROGRAM = """
(require-dialect func gpu memref arith)
(defn main []
  (def n (: 8 index))
  (def one (: 1 index))
  (def x (memref.alloc {:result memref<?xf32>} n))
  (for [i 0 n] (memref.store (: 1.5 f32) x i))
  (gpu.host_register (memref.cast {:result "memref<*xf32>"} x))
  (def d (gpu.alloc {:result memref<?xf32>} n))
  (gpu.memcpy d x)
  (gpu.launch (: 2 index) one one (: 4 index) one one
    (region (block [(: bx index) (: by index) (: bz index) (: tx index) (: ty index) (: tz index)
                    (: gx index) (: gy index) (: gz index) (: sx index) (: sy index) (: sz index)]
      (def i (+ (* bx sx) tx))
      (memref.store (+ (memref.load d i) (memref.load x i)) x i)
      (gpu.terminator))))
  (gpu.memset d (: 0.25 f32))
  (println "%g" (arith.extf {:result f64} (memref.load x 7)))
  (gpu.memcpy x d)
  (println "%g" (arith.extf {:result f64} (memref.load x 7)))
  (gpu.dealloc d)
  (func.return))
"""
VENDORS = {"nvidia:sm_90a": (FakeCuda, CudaDriver), "amd:gfx1100": (FakeHip, HipDriver)}


@pytest.fixture(params=VENDORS)
def opened(request, monkeypatch):
    """An artifact, and the stand-in that its target's device is opened on."""
    fake_kind, driver_kind = VENDORS[request.param]
    name = toolchain.for_program(request.param)
    artifact = toolchain.build(
        toolchain.lisp_payload(PROGRAM), toolchain.Request(name), fresh=True
    ).artifact
    chosen = toolchain.target(request.param)
    fake = fake_kind(chosen.kind, chosen.facts(), [artifact])
    driver = driver_kind(chosen.facts().chip, opener=fake.opener(()))
    monkeypatch.setattr(
        toolchain.target(name), "open_device", lambda: GpuDevice(request.param, driver)
    )
    return artifact, fake


def test_a_program_runs_and_gives_everything_back(opened, capfd):
    artifact, fake = opened
    ctypes.CDLL(None).fflush(None)
    capfd.readouterr()
    toolchain.run_main(artifact)
    assert capfd.readouterr().out == "3\n0.25\n"
    assert fake.launched == [("main_kernel", (2, 1, 1), (4, 1, 1), 0)]
    assert fake.fault is None
    # Functions go with their module.
    assert [what for what, *_ in fake.live.values() if what != "function"] == []


@pytest.mark.slow
def test_a_launch_that_the_driver_refuses_ends_the_program_at_its_place(opened):
    artifact, fake = opened
    name = "cuLaunchKernel" if "nvidia" in artifact.target else "hipModuleLaunchKernel"
    fake.results[name] = 701
    with pytest.raises(UserError) as caught:
        toolchain.run_main(artifact)
    assert caught.value.span is not None
    assert caught.value.span.line == PROGRAM[: PROGRAM.index("(gpu.launch")].count("\n") + 1
