"""Payloads on a simulated GPU, from the front end to the arrays that come back."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from pharos import toolchain
from pharos.core.artifact import Artifact
from pharos.core.errors import InternalError, UserError
from pharos.runtime import ArtifactStore, Runner
from pharos.targets.common.gpu import archive, generating
from pharos.targets.common.gpu.kind import Generated
from pharos.toolchain import Request

TARGET = "nvidia:sim"
ADD = """
func.func @main(%a: tensor<2x150xf32>, %b: tensor<2x150xf32>) -> tensor<2x150xf32> {
  %e = tensor.empty() : tensor<2x150xf32>
  %c = linalg.add ins(%a, %b : tensor<2x150xf32>, tensor<2x150xf32>)
                  outs(%e : tensor<2x150xf32>) -> tensor<2x150xf32>
  return %c : tensor<2x150xf32>
}
"""
# Two rows are doubled one after the other, by a loop of the host, in the caller's memory.
ROWS = """
func.func @main(%a: memref<3x40xf32>, %times: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  scf.for %i = %c1 to %c3 step %c1 {
    %row = memref.subview %a[%i, 0] [1, 40] [1, 1]
      : memref<3x40xf32> to memref<40xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      outs(%row : memref<40xf32, strided<[1], offset: ?>>) {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %times : f32
      linalg.yield %y : f32
    }
  }
  return
}
"""


def compiled(text, target=TARGET):
    return toolchain.build(
        toolchain.mlir_payload(text), Request(target=target), fresh=True
    ).artifact


@pytest.fixture(scope="module")
def addition():
    return compiled(ADD)


@pytest.fixture
def arrays():
    random = np.random.default_rng(3)
    return [random.standard_normal((2, 150), np.float32) for _ in range(2)]


def test_a_vector_addition(addition, arrays):
    a, b = arrays
    np.testing.assert_array_equal(toolchain.load(addition).call("main", a, b), a + b)


def test_arrays_of_any_strides_are_copied(addition, arrays):
    a, b = arrays
    wide = np.full((300, 4), np.nan, np.float32)
    wide[::2, ::3] = a.T
    found = toolchain.load(addition).call("main", wide[::2, ::3].T, b)
    np.testing.assert_array_equal(found, a + b)


def test_a_loop_of_the_host_writes_to_the_callers_memory():
    memory = np.arange(240, dtype=np.float32).reshape(6, 40)
    before = memory.copy()
    toolchain.load(compiled(ROWS)).call("main", memory[::2], 3.0)
    before[2], before[4] = 3 * before[2], 3 * before[4]
    np.testing.assert_array_equal(memory, before)


def test_buffers_of_the_device_are_used_where_they_are():
    artifact = compiled(ROWS)
    runner = toolchain.load(artifact)
    array = np.arange(120, dtype=np.float32).reshape(3, 40)
    buffer = runner.device.upload(array)
    with runner.bind("main", buffer, 2.0) as bound:
        bound()
        bound.set(1, 5.0)
        bound()
    array[1:] *= 10
    np.testing.assert_array_equal(runner.device.download(buffer), array)


def test_what_was_never_written_is_not_a_number():
    runner = toolchain.load(compiled(ROWS))
    assert np.isnan(runner.device.download(runner.device.allocate((3, 40), "f32"))).all()


def test_an_artifact_keeps_its_launches_on_disk(addition, arrays, tmp_path):
    store = ArtifactStore(tmp_path)
    store.put("0" * 64, addition)
    read = store.get("0" * 64)
    assert isinstance(read, Artifact) and read.format == "llvm-ir"
    a, b = arrays
    np.testing.assert_array_equal(toolchain.load(read).call("main", a, b), a + b)


def test_the_same_payload_makes_the_same_bytes(addition):
    assert compiled(ADD).code == addition.code


def test_code_for_the_chip_runs_on_its_simulation_too(arrays):
    artifact = compiled(ADD, "nvidia:sm_80")
    files = archive.unpack(artifact)
    assert artifact.format == "ptx" and b".target sm_80" in files["kernels.ptx"]
    device = toolchain.target("nvidia:sm_80:sim").open_device()
    a, b = arrays
    np.testing.assert_array_equal(Runner(device, artifact).call("main", a, b), a + b)
    with pytest.raises(UserError, match="runs code for nvidia:sm_90a, real or simulated"):
        toolchain.target("nvidia:sm_90a:sim").open_device().load(artifact)


def test_a_real_device_is_refused_with_the_simulated_one_as_remedy():
    with pytest.raises(UserError, match="the driver of AMD GPUs was not found") as caught:
        toolchain.target("amd").open_device()
    assert "amd:gfx1100:sim" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nvidia:sm_70", "expected a chip among sm_80, sm_90a, found 'sm_70'"),
        ("nvidia:sm_80:fast", "expected a target, NAME:CHIP"),
        ("cpu:sim", "has no chips"),
        ("gpu", "expected a target among cpu"),
    ],
)
def test_targets_that_there_are_not(name, message):
    with pytest.raises(UserError, match=message):
        toolchain.target(name)


def test_open_sizes_are_refused_at_their_place():
    text = "func.func @main(%a: tensor<?xf32>) -> tensor<?xf32> { return %a : tensor<?xf32> }"
    with pytest.raises(UserError, match="static shape, found tensor<\\?xf32>") as caught:
        compiled(text)
    assert caught.value.span.line == 1


def test_functions_that_no_device_has_are_refused_at_their_place():
    text = "func.func @main(%a: tensor<8xf64>) -> tensor<8xf64> {\n"
    text += "  %b = math.erf %a : tensor<8xf64>\n  return %b : tensor<8xf64>\n}"
    with pytest.raises(UserError, match="a kernel calls '__nv_erf'") as caught:
        compiled(text)
    assert caught.value.span.line == 2


def test_programs_are_refused_with_the_remedy():
    artifact = compiled(ADD)
    with pytest.raises(UserError, match="not programs with a main"):
        toolchain.run_main(artifact)


class Dying:
    """A kind of GPU whose code generator ends its process."""

    name = "dying"

    @staticmethod
    def generate(text, facts):
        sys.stderr.write("LLVM ERROR: Cannot select: t5\n")
        sys.stderr.flush()
        os.abort()
        return Generated(b"")


def test_a_code_generator_that_dies_is_one_error_with_a_reproducer(tmp_path, monkeypatch):
    monkeypatch.setenv("PHAROS_REPRODUCERS", str(tmp_path))
    facts = toolchain.target("nvidia").facts()
    with pytest.raises(InternalError, match="Cannot select: t5") as caught:
        generating.generate("define void @k() { ret void }\n", Dying, facts)
    assert (tmp_path / caught.value.reproducer / "kernels.ll").read_text().startswith("define")


def test_a_damaged_archive_is_refused(addition):
    with pytest.raises(UserError, match="is damaged"):
        toolchain.load(replace(addition, code=addition.code[:-30]))


def test_loading_needs_no_mlir():
    code = (
        "import sys; from pharos.toolchain.tables import target; "
        "target('nvidia:sim').open_device(); "
        "import pharos.targets.common.gpu.engine, pharos.targets.nvidia.meanings.table; "
        "sys.exit('torch_mlir' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
