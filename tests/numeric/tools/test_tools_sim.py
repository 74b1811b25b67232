"""pharos sim: launches, results, one thread's trace, and faults with the line of the file."""

from __future__ import annotations

import json

import pytest

ADD = """func.func @main(%a: tensor<2x150xf32>, %b: tensor<2x150xf32>) -> tensor<2x150xf32> {
  %e = tensor.empty() : tensor<2x150xf32>
  %c = linalg.add ins(%a, %b : tensor<2x150xf32>, tensor<2x150xf32>)
                  outs(%e : tensor<2x150xf32>) -> tensor<2x150xf32>
  return %c : tensor<2x150xf32>
}
"""
GATHER = """#all = affine_map<(d0) -> (d0)>
func.func @main(%at: memref<8xi32>, %table: memref<4xf32>, %out: memref<8xf32>) {
  linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]}
      ins(%at : memref<8xi32>) outs(%out : memref<8xf32>) {
  ^bb0(%n: i32, %old: f32):
    %i = arith.index_cast %n : i32 to index
    %x = memref.load %table[%i] : memref<4xf32>
    linalg.yield %x : f32
  }
  return
}
"""
INPUT = ("--input", "2x150xf32x2,2x150xf32x0.5")


def test_launches_and_results(pharos, file):
    found = pharos("sim", file("add.mlir", ADD), "--target", "nvidia:sim", *INPUT)
    assert found.status == 0, found.err
    head, launch, result = found.out.splitlines()
    assert head.split()[:2] == ["kernel", "blocks"]
    assert launch.split()[0] == "elementwise_0" and "add.mlir:3:8" in launch
    assert result.startswith("result 0: f32[2, 150] (min 2.5, max 2.5, mean 2.5)")


def test_json(pharos, file):
    path = file("add.mlir", ADD)
    arguments = ("--order", "backward", "--effects", "earliest", "--no-checks", "--json")
    data = json.loads(pharos("sim", path, "--target", "amd:gfx942:sim", *INPUT, *arguments).out)
    assert data["target"] == "amd:gfx942:sim"
    (launch,) = data["launches"]
    assert launch["kernel"] == "elementwise_0" and launch["milliseconds"] > 0
    assert data["outputs"][0]["dtype"] == "f32"


def test_a_trace_of_one_thread(pharos, file, tmp_path):
    out = tmp_path / "trace.txt"
    path = file("add.mlir", ADD)
    found = pharos("sim", path, "--target", "nvidia:sim", *INPUT, "--trace", out, "--thread", "5")
    assert found.status == 0, found.err
    steps = out.read_text().splitlines()
    assert any("sreg.tid.x()  = 5" in step for step in steps)
    assert any("fadd" in step and "= [2.5, 2.5, 2.5, 2.5]" in step for step in steps)
    assert all("add.mlir:" in step for step in steps) and steps[-1].endswith("ret void")


def test_a_fault_names_the_line_and_its_trace_is_kept(pharos, file, tmp_path, monkeypatch):
    out = tmp_path / "trace.txt"
    arguments = ("--input", "8xi32x4,4xf32x0,8xf32x0", "--trace", out)
    found = pharos("sim", file("gather.mlir", GATHER), "--target", "nvidia:sim", *arguments)
    assert found.status == 1
    assert "gather.mlir:7:10: error: global out of bounds" in found.err
    assert "%x = memref.load %table[%i]" in found.err
    assert "thread (0, 0, 0)" in found.err and out.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "cpu"), "expected a simulated target, found 'cpu'"),
        (("--target", "nvidia"), "expected a simulated target, found 'nvidia'"),
        (("--order", "sideways"), "expected forward, backward or shuffled, found 'sideways'"),
        (("--trace", "-", "--kernel", "other"), "no kernel 'other' was launched"),
        (("--trace", "-", "--thread", "1,x"), "--thread: expected one to three numbers"),
        (("--trace", "-", "--thread", "999"), "no thread (999, 0, 0)"),
    ],
)
def test_mistakes(pharos, file, arguments, message):
    found = pharos("sim", file("add.mlir", ADD), *INPUT, *arguments)
    assert found.status == 1 and message in found.err and "Traceback" not in found.err
