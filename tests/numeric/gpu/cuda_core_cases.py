"""What only cuda-core does: run by ``test_gpu_drivers_cuda_core.py``, in its own process."""

from __future__ import annotations

import cuda.core
import numpy as np
import pytest
from simulating_cuda_core import FakeCudaCore
from test_gpu_drivers import SOFTENED, arrays, compiled

from pharos import toolchain
from pharos.core import settings
from pharos.core.errors import UserError
from pharos.runtime import Runner
from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.device import GpuDevice
from pharos.targets.nvidia import driver_choice
from pharos.targets.nvidia.driver import CudaDriver
from pharos.targets.nvidia.driver_cuda_core import CudaCoreDriver

TARGET = "nvidia:sm_90a"


def stand_in(*artifacts, **changes):
    """The driver's library, which knows the code of ``artifacts``."""
    chosen = toolchain.target(TARGET)
    fake = FakeCudaCore(chosen.kind, chosen.facts(), artifacts)
    for name, value in changes.items():
        setattr(fake, name, value)
    return fake


def test_streams_and_events_of_cuda_core():
    artifact = compiled(SOFTENED, TARGET)
    fake, device = stand_in(artifact), GpuDevice(TARGET, CudaCoreDriver("sm_90a"))
    a, b = arrays()
    bound = Runner(device, artifact).bind("main", device.upload(a), device.upload(b), 1.0)
    ours = cuda.core.Device(0).create_stream()
    event = cuda.core.Device(0).create_stream().record()
    with device.stream(ours) as stream:
        assert stream.handle.core is ours
        stream.wait(event)
        bound.enqueue(stream)
        assert stream.record().handle.is_timing_enabled
    np.testing.assert_array_equal(device.download(bound.outputs[0]), a + b)
    assert not ours.is_closed and fake.fault is None


def test_memory_of_cuda_core_is_used_where_it_is():
    fake, device = stand_in(), GpuDevice(TARGET, CudaCoreDriver("sm_90a"))
    owner = device.upload(np.arange(12, dtype=np.int8))
    theirs = cuda.core.Buffer.from_handle(owner.address, 12, owner=owner)
    ours = device.from_dlpack(theirs)
    assert ours.address == owner.address
    np.testing.assert_array_equal(device.download(ours), np.arange(12))
    assert fake.fault is None


def test_a_stream_of_cuda_core_by_ctypes():
    fake = stand_in()
    driver = CudaDriver("sm_90a")
    other = cuda.core.Device(0)
    other.set_current()
    theirs = other.create_stream()
    event = theirs.record()
    driver.wait(driver.adopted(theirs), event.handle)
    driver.synchronize(driver.adopted(theirs))
    waited = [name for name in fake.calls if name == "cuStreamWaitEvent"]
    assert waited and fake.fault is None


def test_a_driver_that_is_older_than_the_packages():
    fake = stand_in(version=12080)
    with pytest.raises(failures.DeviceError, match=r"too old .* 13, the driver knows 12.8") as old:
        CudaCoreDriver("sm_90a")
    assert old.value.kind == failures.OLD_DRIVER and "cuda-bindings 13" in old.value.message
    assert isinstance(driver_choice.open_driver("sm_90a"), CudaDriver)
    assert "ctypes; the driver knows CUDA 12.8, cuda-bindings is 13." in driver_choice.way()
    with settings.scope(CUDA="cuda-core"), pytest.raises(failures.DeviceError, match="too old"):
        driver_choice.open_driver("sm_90a")
    assert fake.fault is None


def test_which_way_is_taken():
    stand_in()
    assert isinstance(driver_choice.open_driver("sm_90a"), CudaCoreDriver)
    assert driver_choice.way() == f"cuda-core {cuda.core.__version__}"
    device = toolchain.target(TARGET).checks()["device"]()
    assert device.endswith(f"by cuda-core {cuda.core.__version__}")
    with settings.scope(CUDA="ctypes"):
        assert isinstance(driver_choice.open_driver("sm_90a"), CudaDriver)
        assert toolchain.target(TARGET).checks()["device"]().endswith("by ctypes")


def test_what_the_driver_lacks_and_what_comes_after_a_fault():
    fake = stand_in()
    driver = CudaCoreDriver("sm_90a")
    with pytest.raises(failures.DeviceError, match=r"too old .*cuCtxGetDevice is not found"):
        driver.call("cuCtxGetDevice")
    stream = driver.stream()
    fake.results["cuStreamCreateWithPriority"] = 700
    with pytest.raises(failures.DeviceError, match=r"a kernel failed .*ILLEGAL_ADDRESS .700"):
        driver.stream()
    before = len(fake.calls)
    driver.close_stream(stream)
    assert len(fake.calls) == before, "nothing more is asked of a device that failed"


def test_a_capture_that_fails_leaves_the_stream_usable():
    fake = stand_in()
    driver = CudaCoreDriver("sm_90a")
    stream = driver.stream()
    driver.begin(stream)
    fake.results["cuGraphInstantiateWithParams"] = 2
    with pytest.raises(UserError, match="out of memory: cuGraphInstantiateWithParams says"):
        driver.end(stream)
    fake.results.clear()
    driver.begin(stream)
    driver.run(driver.end(stream), stream)
    assert fake.fault is None
