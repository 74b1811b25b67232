"""The vendors' drivers, from an artifact for a real chip to the arrays that come back.

The vendor's library is a stand-in that runs launches on the simulator
(``simulating_libraries.py``); all else is what a real device would be driven with.
"""

import ctypes
import gc
import mmap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from simulating_level_zero import FakeLevelZero
from simulating_libraries import FakeCuda, FakeHip

from pharos import toolchain
from pharos.core import settings
from pharos.core.errors import UserError
from pharos.runtime import Runner
from pharos.targets.amd.driver import HipDriver
from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.device import GpuDevice
from pharos.targets.nvidia import driver_choice
from pharos.targets.nvidia.driver import CudaDriver
from pharos.targets.xegpu import level_zero
from pharos.targets.xegpu.driver import LevelZeroDriver
from pharos.toolchain import Request

SOFTENED = """
func.func @main(%a: tensor<24x40xf32>, %b: tensor<24x40xf32>, %s: f32) -> tensor<24x40xf32> {
  %e = tensor.empty() : tensor<24x40xf32>
  %c = linalg.generic {
    indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                     affine_map<(i, j) -> (i, j)>],
    iterator_types = ["parallel", "parallel"]}
    ins(%a, %b : tensor<24x40xf32>, tensor<24x40xf32>) outs(%e : tensor<24x40xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %t = arith.mulf %y, %s : f32
    %u = arith.addf %x, %t : f32
    linalg.yield %u : f32
  } -> tensor<24x40xf32>
  return %c : tensor<24x40xf32>
}
"""
MATMUL = """
func.func @main(%a: tensor<64x64xbf16>, %b: tensor<64x64xbf16>) -> tensor<64x64xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = linalg.matmul ins(%a, %b : tensor<64x64xbf16>, tensor<64x64xbf16>)
                     outs(%f : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}
"""
# By target: stand-in, driver, and its functions that make memory, launch, wait and load.
VENDORS = {
    "nvidia:sm_90a": (
        FakeCuda,
        CudaDriver,
        ("cuMemAlloc_v2", "cuLaunchKernel", "cuStreamSynchronize", "cuModuleLoadDataEx"),
        (2, 701, 700, 222),
    ),
    "amd:gfx1100": (
        FakeHip,
        HipDriver,
        ("hipMalloc", "hipModuleLaunchKernel", "hipStreamSynchronize", "hipModuleLoadData"),
        (2, 701, 700, 222),
    ),
    "xegpu:bmg": (
        FakeLevelZero,
        LevelZeroDriver,
        (
            "zeMemAllocDevice",
            "zeKernelSetGroupSize",
            "zeCommandListHostSynchronize",
            "zeModuleCreate",
        ),
        (0x70000003, 0x78000013, 0x70000001, 0x78000002),
    ),
}
VENDORS["nvidia:sm_80"] = VENDORS["nvidia:sm_90a"]
TARGETS = ["nvidia:sm_90a", "amd:gfx1100", "xegpu:bmg"]


def compiled(text, target):
    return toolchain.build(toolchain.mlir_payload(text), Request(target=target)).artifact


def opened(target, *artifacts, missing=(), **changes):
    """A device of ``target`` over the stand-in, and the stand-in."""
    fake_kind, driver_kind, *_ = VENDORS[target]
    chosen = toolchain.target(target)
    fake = fake_kind(chosen.kind, chosen.facts(), artifacts)
    for name, value in changes.items():
        setattr(fake, name, value)
    driver = driver_kind(target.partition(":")[2], opener=fake.opener(missing))
    return GpuDevice(target, driver), fake


@pytest.fixture(scope="module", params=TARGETS)
def artifact(request):
    return compiled(SOFTENED, request.param)


def arrays(count=2):
    random = np.random.default_rng(5)
    return [random.standard_normal((24, 40), np.float32) for _ in range(count)]


def test_a_call_with_arrays_of_the_host(artifact):
    device, fake = opened(artifact.target, artifact)
    a, b = arrays()
    runner = Runner(device, artifact)
    np.testing.assert_array_equal(runner.call("main", a, b, 0.5), a + b * np.float32(0.5))
    step = artifact.metadata["launches"]["main"]["steps"][0]
    assert fake.launched == [
        (step["kernel"], tuple(step["grid"]), tuple(step["block"]), step["shared"])
    ]
    assert fake.fault is None


def test_a_graph_over_buffers(artifact):
    device, fake = opened(artifact.target, artifact)
    runner = Runner(device, artifact)
    a, b = arrays()
    left, right = device.upload(a), device.upload(b)
    first = runner.bind("main", left, right, 2.0)
    second = runner.bind("main", first.outputs[0], right, -2.0)
    with device.capture([first, second]) as graph:
        assert fake.driver.memory and not any(c == "Launch" for c in fake.calls)
        for array in (a, -a):
            device.copy(array, left)
            before = len(fake.calls)
            graph.launch()
            if "xegpu" not in artifact.target:
                assert len(fake.calls) == before + 1, "one call of the driver"
            np.testing.assert_allclose(device.download(second.outputs[0]), array, atol=1e-6)


def test_everything_is_given_back(artifact):
    device, fake = opened(artifact.target, artifact)
    runner = Runner(device, artifact)
    a, b = arrays()
    buffers = [device.upload(array) for array in (a, b)]
    bound = runner.bind("main", *buffers, 1.0)
    graph = device.capture([bound])
    graph.launch()
    with device.stream() as stream:
        start, _ = stream.record(), bound.enqueue(stream)
        assert stream.record().since(start) >= 0
    assert fake.count("memory") and fake.count("graph") + fake.count("queue") == 1
    graph.close()
    bound.close()
    device.default.close()
    del buffers, bound, graph, start, runner, stream
    gc.collect()
    kinds = {kind for kind, _ in fake.live.values()}
    assert kinds <= {"function"}, fake.live
    assert fake.fault is None


def test_registered_memory_is_used_where_it_is(artifact):
    device, fake = opened(artifact.target, artifact)
    (a, b), runner = arrays(), Runner(device, artifact)
    shared = device.register(a)
    a[:] = 3
    got = runner.call("main", shared, b, 1.0)
    np.testing.assert_array_equal(got, b + 3)
    with pytest.raises(UserError, match=r"registered .* already"):
        device.register(a)
    shared.free()
    assert fake.count("registered") == 0
    device.register(a).free()
    assert fake.count("registered") == 0 and fake.fault is None


def test_level_zero_maps_whole_pages_each_once():
    device, fake = opened("xegpu:bmg")
    memory = np.frombuffer(mmap.mmap(-1, 3 * mmap.PAGESIZE), np.int8)
    first, rest = memory[100:200], memory[mmap.PAGESIZE - 1 :]
    buffer = device.register(first)
    assert buffer.address == first.ctypes.data
    assert fake.live[memory.ctypes.data] == ("registered", mmap.PAGESIZE)
    with pytest.raises(
        failures.DeviceError, match=r"registered .* already: a page of it is"
    ) as one:
        device.register(rest)
    assert one.value.kind == failures.REGISTERED
    buffer.free()
    buffer = device.register(rest)
    assert fake.live[memory.ctypes.data] == ("registered", 3 * mmap.PAGESIZE)
    buffer.free()
    assert fake.fault is None


def test_level_zero_without_the_extension_for_memory_of_the_host():
    device, _ = opened("xegpu:bmg", extensions=())
    with pytest.raises(UserError, match=r"cannot reach memory of the host .* no ZE_ext") as caught:
        device.register(arrays()[0])
    assert "upload" in caught.value.hint


def test_streams_of_other_libraries(artifact):
    device, fake = opened(artifact.target, artifact)
    a, b = arrays()
    if "xegpu" in artifact.target:
        with pytest.raises(UserError, match="no streams of other libraries"):
            device.stream(object())
        return
    handle = fake.new("stream", fake.driver.stream())
    runner = Runner(device, artifact)
    bound = runner.bind("main", device.upload(a), device.upload(b), 1.0)
    for other in (
        SimpleNamespace(__cuda_stream__=lambda: (0, handle)),
        SimpleNamespace(cuda_stream=handle),
    ):
        with device.stream(other) as stream:
            bound.enqueue(stream)
        np.testing.assert_array_equal(device.download(bound.outputs[0]), a + b)
    assert handle in fake.live, "it stays the other library's"
    with pytest.raises(UserError, match="expected a stream with __cuda_stream__"):
        device.stream(3)


def test_any_thread_may_use_the_device(artifact):
    device, fake = opened(artifact.target, artifact)
    (a, b), runner = arrays(), Runner(device, artifact)
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(runner.call, "main", a, b, 1.0).result()
    np.testing.assert_array_equal(got, a + b)
    made_current = {"nvidia:sm_90a": "cuCtxSetCurrent", "amd:gfx1100": "hipSetDevice"}
    if artifact.target in made_current:
        assert fake.calls.count(made_current[artifact.target]) == 2


def test_tensor_maps_are_encoded_by_the_driver():
    import ml_dtypes

    request = Request(target="nvidia:sm_90a", parameters={"contraction.specialised": 1})
    artifact = toolchain.build(toolchain.mlir_payload(MATMUL), request).artifact
    device, fake = opened("nvidia:sm_90a", artifact)
    random = np.random.default_rng(0)
    a, b = (random.integers(-4, 4, (64, 64)).astype(ml_dtypes.bfloat16) for _ in range(2))
    got = Runner(device, artifact).call("main", a, b)
    np.testing.assert_array_equal(got, a.astype(np.float32) @ b.astype(np.float32))
    assert "cuTensorMapEncodeTiled" in fake.calls
    (_, _, _, shared), *_ = fake.launched
    assert shared > 48 << 10 and "cuFuncSetAttribute" in fake.calls


# What goes wrong ------------------------------------------------------------------------------


def test_no_driver():
    def nothing(name):
        raise OSError(f"{name}: cannot open shared object file")

    with pytest.raises(UserError, match="the driver of NVIDIA GPUs was not found") as caught:
        CudaDriver("sm_90a", opener=nothing)
    assert "nvidia:sm_90a:sim" in caught.value.hint and "libcuda.so.1" in caught.value.message


def test_without_the_packages_of_the_extra_cuda_it_is_ctypes(monkeypatch):
    monkeypatch.setattr(driver_choice, "_missing", lambda: "cuda-core is not installed")
    chosen = toolchain.target("nvidia:sm_90a")
    fake = FakeCuda(chosen.kind, chosen.facts(), [])
    assert isinstance(driver_choice.open_driver("sm_90a", opener=fake.opener()), CudaDriver)
    assert driver_choice.way().startswith("ctypes; cuda-core is not installed")
    with settings.scope(CUDA="cuda-core"):
        for asked in (driver_choice.way, lambda: driver_choice.open_driver("sm_90a")):
            with pytest.raises(UserError, match=r"asks for cuda-core, but .* not inst") as caught:
                asked()
            assert "pharos[cuda]" in caught.value.hint


@pytest.mark.parametrize(
    ("target", "changes", "kind", "words"),
    [
        ("nvidia:sm_90a", {"devices": 0}, failures.NO_DEVICE, "finds no device: 0 device"),
        ("nvidia:sm_90a", {"capability": (8, 6)}, failures.OTHER_CHIP, "Simulated GPU .sm_86. ca"),
        ("nvidia:sm_90a", {"capability": (10, 0)}, failures.OTHER_CHIP, "cannot run code for"),
        ("nvidia:sm_80", {"capability": (7, 5)}, failures.OTHER_CHIP, "cannot run code for"),
        ("nvidia:sm_90a", {"results": {"cuInit": 100}}, failures.NO_DEVICE, "NO_DEVICE .100"),
        ("nvidia:sm_90a", {"missing": ("cuGraphLaunch",)}, failures.OLD_DRIVER, "cuGraphLaunch"),
        ("amd:gfx1100", {"architecture": b"gfx942"}, failures.OTHER_CHIP, "gfx942. cannot run"),
        ("amd:gfx1100", {"devices": 0}, failures.NO_DEVICE, "AMD GPUs is here"),
        ("xegpu:bmg", {"gpus": 0}, failures.NO_DEVICE, "Intel GPUs is here"),
        ("xegpu:bmg", {"chip": "pvc"}, failures.OTHER_CHIP, "Simulated Arc cannot run"),
        ("xegpu:bmg", {"results": {"zeInit": 0x78000001}}, failures.NO_DEVICE, "0x78000001"),
    ],
)
def test_devices_that_cannot_be_used(target, changes, kind, words):
    with pytest.raises(failures.DeviceError, match=words) as caught:
        opened(target, **changes)
    assert caught.value.kind == kind and caught.value.hint


def test_code_of_an_older_chip_runs_on_a_newer_one():
    device, _ = opened("nvidia:sm_80", capability=(9, 0))
    assert device.driver.summary().startswith("Simulated GPU, sm_90, CUDA 1")


def failing(device, fake, what):
    """Let one of the functions of ``VENDORS`` fail."""
    _, _, names, codes = VENDORS[device.name]
    fake.results[names[what]] = codes[what]


def test_a_driver_too_old_for_the_code(artifact):
    device, fake = opened(artifact.target, artifact)
    failing(device, fake, 3)
    with pytest.raises(failures.DeviceError, match="too old") as caught:
        device.load(artifact)
    assert caught.value.kind == failures.OLD_DRIVER and "update" in caught.value.hint


def test_code_that_is_refused_comes_with_what_the_driver_says(artifact):
    device, fake = opened(artifact.target)
    fake.log = b"line 7: syntax error"
    with pytest.raises(failures.DeviceError, match="refused the code") as caught:
        device.load(artifact)
    if "amd" not in artifact.target:
        assert "line 7: syntax error" in caught.value.message


def test_out_of_memory(artifact):
    device, fake = opened(artifact.target, artifact)
    failing(device, fake, 0)
    with pytest.raises(failures.DeviceError, match="is out of memory: 12") as error:
        device.allocate((3 << 20,), "f32")
    if "xegpu" not in artifact.target:
        assert "1.0 MiB of 8192.0 MiB are free" in error.value.message


def test_a_launch_that_is_refused_names_the_kernel(artifact):
    device, fake = opened(artifact.target, artifact)
    failing(device, fake, 1)
    with pytest.raises(failures.DeviceError, match="could not be launched") as caught:
        Runner(device, artifact).call("main", *arrays(), 1.0)
    kernel = artifact.metadata["launches"]["main"]["steps"][0]["kernel"]
    assert f"kernel {kernel}, gr" in caught.value.message


def test_a_kernel_that_does_wrong():
    text = (Path(__file__).parents[3] / "examples" / "gpu" / "wrong_index.mlir").read_text()
    artifact = compiled(text, "nvidia:sm_90a")
    device, fake = opened("nvidia:sm_90a", artifact)
    runner = Runner(device, artifact)
    indices, table = np.full(8, 3, np.int32), np.arange(4, dtype=np.float32)
    runner.call("main", indices, table)
    indices[5] = 1 << 20
    with pytest.raises(failures.DeviceError, match="a kernel failed on nvidia:sm_90a") as caught:
        runner.call("main", indices, table)
    assert caught.value.kind == failures.FAULT and "elementwise_0" in caught.value.message
    assert "global out of bounds" in str(fake.fault)


def test_after_a_fault_nothing_more_is_asked_of_the_device(artifact):
    device, fake = opened(artifact.target, artifact)
    runner = Runner(device, artifact)
    buffer = device.upload(arrays()[0])
    failing(device, fake, 2)
    with pytest.raises(failures.DeviceError, match="a kernel failed") as caught:
        runner.call("main", *arrays(), 1.0)
    assert "launched last was" in caught.value.message and ":sim" in caught.value.hint
    calls = len(fake.calls)
    buffer.free()
    assert len(fake.calls) == calls


def test_level_zeros_records_are_laid_out_as_in_its_header():
    sizes = {
        level_zero.DeviceProperties: 368,
        level_zero.Module: 56,
        level_zero.Kernel: 32,
        level_zero.Queue: 40,
        level_zero.List: 24,
        level_zero.Flags: 24,
        level_zero.DeviceMemory: 24,
        level_zero.SystemMemory: 32,
        level_zero.Extension: 260,
        level_zero.Pool: 24,
        level_zero.Event: 32,
        level_zero.IpVersion: 24,
    }
    for record, size in sizes.items():
        assert ctypes.sizeof(record) == size, record
    found = level_zero.DeviceProperties
    assert (found.resolution.offset, found.bits.offset, found.name.offset) == (80, 88, 112)
