"""Built folders: run without the compiler, refused when they are not what they were."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.runtime import Runner
from pharos.toolchain import Request
from pharos.tools.launching import building, launch, manifest, zipped
from pharos.tools.launching.weights import refer

ADD = """
func.func @main(%a: tensor<8x24xf32>, %b: tensor<8x24xf32>) -> tensor<8x24xf32> {
  %e = tensor.empty() : tensor<8x24xf32>
  %c = linalg.add ins(%a, %b : tensor<8x24xf32>, tensor<8x24xf32>)
                  outs(%e : tensor<8x24xf32>) -> tensor<8x24xf32>
  return %c : tensor<8x24xf32>
}
"""
# What runs anywhere: a constant array, bf16 in and out.
SCALED = """
func.func @main(%a: tensor<4x6xbf16>) -> tensor<4x6xbf16> {
  %s = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xbf16>
  %e = tensor.empty() : tensor<4x6xbf16>
  %c = linalg.generic {
    indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                     affine_map<(i, j) -> (i, j)>],
    iterator_types = ["parallel", "parallel"]}
    ins(%a, %s : tensor<4x6xbf16>, tensor<6xbf16>) outs(%e : tensor<4x6xbf16>) {
  ^bb0(%x: bf16, %y: bf16, %o: bf16):
    %t = arith.mulf %x, %y : bf16
    linalg.yield %t : bf16
  } -> tensor<4x6xbf16>
  return %c : tensor<4x6xbf16>
}
"""
# cuda.h, as far as the launcher goes, for one device: memory is the host's, and every kernel adds
# the arrays that its first two parameters point to into the third.
LIBCUDA = r"""
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
typedef uint64_t A; typedef void *P;
#define OK(name, ...) int name(__VA_ARGS__) { return 0; }
OK(cuInit, unsigned f) OK(cuCtxSetCurrent, P c) OK(cuModuleUnload, P m)
OK(cuFuncSetAttribute, P f, int a, int v) OK(cuStreamDestroy_v2, P s)
OK(cuStreamSynchronize, P s) OK(cuStreamWaitEvent, P s, P e, unsigned f)
OK(cuEventRecord, P e, P s) OK(cuEventSynchronize, P e) OK(cuEventDestroy_v2, P e)
OK(cuStreamBeginCapture_v2, P s, int m) OK(cuGraphLaunch, P g, P s)
OK(cuGraphDestroy, P g) OK(cuGraphExecDestroy, P g) OK(cuMemHostUnregister, P p)
OK(cuMemHostRegister_v2, P p, size_t n, unsigned f)
#define MAKES(name, ...) int name(P *out, ##__VA_ARGS__) { *out = (P)16; return 0; }
MAKES(cuDevicePrimaryCtxRetain, int d) MAKES(cuStreamCreate, unsigned f)
MAKES(cuEventCreate, unsigned f) MAKES(cuModuleGetFunction, P m, const char *n)
MAKES(cuModuleLoadDataEx, const char *i, unsigned n, P o, P v)
MAKES(cuGraphInstantiateWithFlags, P g, unsigned long long f)
MAKES(cuMemHostGetDevicePointer_v2, P p, unsigned f)
int cuStreamEndCapture(P s, P *out) { *out = (P)16; return 0; }
int cuDeviceGetCount(int *n) { *n = 1; return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceGetName(char *s, int n, int d) { strcpy(s, "Pretended GPU"); return 0; }
int cuDriverGetVersion(int *v) { *v = 12080; return 0; }
int cuDeviceGetAttribute(int *v, int which, int d) { *v = which == 75 ? 9 : 0; return 0; }
int cuGetErrorName(int code, const char **s) { return 1; }
int cuMemGetInfo_v2(size_t *f, size_t *t) { *f = *t = 1; return 0; }
int cuMemAlloc_v2(A *p, size_t n) { *p = (A)aligned_alloc(256, (n + 255) / 256 * 256); return 0; }
int cuMemFree_v2(A p) { free((P)p); return 0; }
int cuMemcpyHtoDAsync_v2(A d, P s, size_t n, P q) { memcpy((P)d, s, n); return 0; }
int cuMemcpyDtoHAsync_v2(P d, A s, size_t n, P q) { memcpy(d, (P)s, n); return 0; }
int cuMemcpyDtoDAsync_v2(A d, A s, size_t n, P q) { memcpy((P)d, (P)s, n); return 0; }
int cuMemsetD8Async(A d, unsigned char v, size_t n, P q) { return 1; }
int cuMemsetD16Async(A d, unsigned short v, size_t n, P q) { return 1; }
int cuMemsetD32Async(A d, unsigned v, size_t n, P q) { return 1; }
int cuEventElapsedTime(float *ms, P a, P b) { *ms = 0.25f; return 0; }
int cuLaunchKernel(P f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, P stream, P *parameters, P extra) {
  float *a = **(float ***)parameters, *b = **(float ***)(parameters + 1);
  float *c = **(float ***)(parameters + 2);
  for (int i = 0; i < 8 * 24; i++) c[i] = a[i] + b[i];
  return 0;
}
"""
# Runs a zip with nothing to import but the standard library and what is in a folder.
ALONE = """
import os, runpy, sys
allowed, archive, *arguments = sys.argv[1:]
sys.path[:] = [p for p in sys.path if "site-packages" not in p and p != os.getcwd()] + [allowed]
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in repr(f).lower()]
sys.argv[:] = [archive, *arguments]
try:
    runpy.run_path(archive, run_name="__main__")
finally:
    loaded = {name.partition(".")[0] for name in sys.modules}
    print("forbidden:", sorted(loaded & {"torch_mlir", "llvmlite", "torch", "ml_dtypes", "yaml"}))
    print("compiler:", sorted(n for n in sys.modules if n.startswith("pharos.ir")))
    print("from:", sys.modules["pharos"].__file__.startswith(archive))
"""


def built(text, target, folder, **options):
    artifact = toolchain.build(toolchain.mlir_payload(text), Request(target=target)).artifact
    building.write(artifact, folder, **options)
    return folder


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return built(SCALED, "nvidia:sm_90a:sim", tmp_path_factory.mktemp("bundle") / "scaled")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return built(ADD, "nvidia:sm_90a", tmp_path_factory.mktemp("bundle") / "add")


def alone(folder, packages, *arguments, environment=None):
    """Run the launcher in ``folder`` in a process that can import only ``packages``."""
    allowed = folder.parent / ("allowed-" + "-".join(packages))
    allowed.mkdir(exist_ok=True)
    for name in packages:
        for place in (name, f"{name}.libs"):
            source = Path(np.__file__).parents[1] / place
            if source.exists() and not (allowed / place).exists():
                (allowed / place).symlink_to(source)
    archive = folder / building.LAUNCHER
    command = [sys.executable, "-E", "-s", "-c", ALONE, str(allowed), str(archive), str(folder)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, cwd=folder, env=environment,
        check=False,
    )  # fmt: skip


def test_with_numpy_and_a_driver_alone(real, tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (tmp_path / "cuda.c").write_text(LIBCUDA)
    library = tmp_path / "libcuda.so.1"
    subprocess.run(
        [compiler, "-w", "-shared", "-fPIC", "-o", library, tmp_path / "cuda.c"], check=True
    )
    a = np.arange(192, dtype=np.float32).reshape(8, 24)
    np.save(tmp_path / "a.npy", a)
    environment = {"LD_LIBRARY_PATH": str(tmp_path)}
    inputs = f"@{tmp_path / 'a.npy'},8x24xf32x0.5"
    ran = alone(real, ["numpy"], "--input", inputs, "--print", "3", environment=environment)
    assert ran.returncode == 0, ran.stderr
    assert "result 0: f32[8, 24] (min 0.5, max 191.5, mean 96) 0.5 1.5 2.5 ..." in ran.stdout
    assert "forbidden: []" in ran.stdout and "compiler: []" in ran.stdout
    assert "from: True" in ran.stdout
    timed = alone(
        real, ["numpy"], "--input", inputs, "--benchmark", "--json", environment=environment
    )
    document = json.loads(timed.stdout[: timed.stdout.rindex("}") + 1])
    assert document["seconds"]["min"] == pytest.approx(0.25e-3)
    assert document["device"] == "Pretended GPU, sm_90, CUDA 12.8, by ctypes"


def test_without_a_driver_the_launcher_says_so(real):
    ran = alone(real, ["numpy"], "--input", "8x24xf32xrnd,8x24xf32xrnd", environment={})
    if ran.returncode == 0:
        pytest.skip("a real GPU is here")
    assert ran.returncode == 1
    assert "NVIDIA GPUs" in ran.stderr and "hint: " in ran.stderr


@pytest.mark.slow
def test_a_simulated_device_needs_llvmlite_and_no_more(simulated):
    given = ("--input", "4x6xbf16x1.5", "--print", "6")
    ran = alone(simulated, ["numpy", "llvmlite", "ml_dtypes", "greenlet"], *given)
    assert ran.returncode == 0, ran.stderr
    assert "1.5 3 4.5 6 7.5 9" in ran.stdout
    assert "compiler: []" in ran.stdout and "torch_mlir" not in ran.stdout
    refused = alone(simulated, ["numpy"], *given)
    assert refused.returncode == 1
    assert "needs llvmlite" in refused.stderr and "pip install llvmlite" in refused.stderr


def test_the_same_folder_in_this_process(simulated):
    read = manifest.Manifest.read(simulated)
    runner = Runner(launch.open_device(read.target), read.load(simulated))
    a = np.arange(24, dtype=np.float32).reshape(4, 6).astype(ml_dtypes.bfloat16)
    expected = (a.astype(np.float32) * np.arange(1, 7)).astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(runner.call("main", a), expected)
    assert (simulated / "weights" / "constant-0.bin").stat().st_size == 12


def test_the_launcher_has_no_compiler_in_it():
    names = zipped.modules()
    assert "pharos.simt.simulator" in names and "pharos.targets.nvidia.driver" in names
    parts = {tuple(name.split(".")[1:2]) for name in names}
    assert not parts & {("ir",), ("lisp",), ("pipeline",), ("toolchain",), ("ingress",)}, parts


@pytest.mark.parametrize("place", ["kernels.ll", "weights/constant-0.bin"])
def test_damaged_files_are_refused(simulated, tmp_path, place):
    folder = shutil.copytree(simulated, tmp_path / "copy")
    raw = bytearray((folder / place).read_bytes())
    raw[3] ^= 1
    (folder / place).write_bytes(raw)
    with pytest.raises(UserError, match=f"{place} is not what .* was built with"):
        manifest.Manifest.read(folder).load(folder)
    (folder / place).unlink()
    with pytest.raises(UserError, match="cannot read"):
        manifest.Manifest.read(folder).load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "manifest.json is damaged"),
        (lambda text: text.replace('"pharos": 1', '"pharos": 2'), "has format 2"),
        (lambda text: text.replace('"entries"', '"exits"'), "manifest.json is damaged"),
        (lambda text: "[]", "manifest.json is damaged"),
    ],
)
def test_damaged_manifests_are_refused(simulated, tmp_path, change, message):
    folder = shutil.copytree(simulated, tmp_path / "copy")
    path = folder / manifest.NAME
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=message):
        manifest.Manifest.read(folder).load(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "nvidia:sm_80"}, "built for nvidia:sm_90a:sim, expected nvidia:sm_80"),
        ({"inputs": "4x7xbf16xrnd"}, r"expected bf16\[4, 6\], found bf16\[4, 7\]"),
        ({"inputs": "4x6xf32xrnd"}, r"expected bf16\[4, 6\], found f32\[4, 6\]"),
        ({"inputs": "4x6xbf16x1,f32x1"}, "takes 1 argument"),
        ({}, "found no --input"),
        ({"inputs": "4x6xbf16x1", "entry": "mian"}, "no entry point 'mian'"),
    ],
)
def test_wrong_uses_are_refused(simulated, options, message):
    with pytest.raises(UserError, match=message):
        launch.launch(launch.Wanted(simulated, **options))


def test_a_folder_for_another_chip_is_refused(simulated):
    read = manifest.Manifest.read(simulated)
    with pytest.raises(UserError, match=r"runs code for nvidia:sm_80.*found code for nvidia:sm_90"):
        launch.open_device("nvidia:sm_80:sim").load(read.load(simulated))


def test_weights_stay_where_they_are(tmp_path, capsys):
    b = np.linspace(0, 1, 192, dtype=np.float32).reshape(8, 24)
    np.save(tmp_path / "b.npy", b)
    folder = built(
        ADD, "nvidia:sim", tmp_path / "add", arguments={"main": {1: str(tmp_path / "b.npy")}}
    )
    assert not (folder / "weights").exists()
    launch.launch(launch.Wanted(folder, "8x24xf32x1", count=192, as_json=True))
    found = json.loads(capsys.readouterr().out)["outputs"][0]
    np.testing.assert_allclose(found["values"], 1 + b.ravel())
    np.save(tmp_path / "b.npy", b + 1)
    with pytest.raises(UserError, match=r"b.npy is not what .* was built with"):
        launch.launch(launch.Wanted(folder, "8x24xf32x1"))
    with pytest.raises(UserError, match=r"argument 1 is f32\[8, 24\], found f32\[24, 8\]"):
        np.save(tmp_path / "b.npy", b.T.copy())
        built(ADD, "nvidia:sim", folder, arguments={"main": {1: str(tmp_path / "b.npy")}})
    assert (folder / manifest.NAME).is_file(), "what was there stays when a build fails"


def test_tensors_of_safetensors_files(tmp_path):
    data = np.arange(12, dtype=np.float32)
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [3, 2], "data_offsets": [24, 48]}, "__metadata__": {}}
    ).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + data.tobytes())
    found = refer(f"{path}:w")
    np.testing.assert_array_equal(found.array(tmp_path), data[6:].reshape(3, 2))
    with pytest.raises(UserError, match="no tensor 'v'"):
        refer(f"{path}:v")
    with pytest.raises(UserError, match=r"expected FILE\.npy or"):
        refer("m.bin")


def test_a_program_for_the_cpu_is_no_folder(tmp_path):
    with pytest.raises(UserError, match="found a program for cpu with code for the CPU"):
        built(ADD, "cpu", tmp_path / "add")
    assert not list(tmp_path.iterdir())


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        built(ADD, "nvidia:sim", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
