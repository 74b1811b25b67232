"""pharos run on functions of modules: inputs, results, measuring, steering the stages."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest

MODULE = """
func.func @mm(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>) -> tensor<4x4xf32> {
  %0 = tensor.empty() : tensor<4x4xf32>
  %z = arith.constant 0.0 : f32
  %1 = linalg.fill ins(%z : f32) outs(%0 : tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>)
                     outs(%1 : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}
func.func @add(%a: i32, %b: i32) -> i32 {
  %0 = arith.addi %a, %b : i32
  return %0 : i32
}
func.func @twice(%m: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    outs(%m : memref<?xf32>) {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      linalg.yield %y : f32
  }
  return
}
func.func @several(%c: i1, %i: index) -> (i1, index, f64) {
  %f = arith.constant 0.1 : f64
  return %c, %i, %f : i1, index, f64
}
func.func @nothing() { return }
"""
ADD = "func.func @add(%a: i32, %b: i32) -> i32 { %0 = arith.addi %a, %b : i32 return %0 : i32 }"
PIPELINE = ("--pipeline", "default")


@pytest.fixture
def module(file):
    return file("module.mlir", MODULE)


@pytest.fixture
def call(pharos, module):
    """``call("add", "i32x1,i32x2")``: run one function of the module."""

    def run(entry: str, inputs: str, *more: object):
        return pharos("run", module, *PIPELINE, "--entry", entry, "--input", inputs, *more)

    return run


def test_a_lone_number_stands_alone(call):
    assert call("add", "i32x40,i32x2").out == "42\n"


def test_several_results_are_named(call):
    out = call("several", "i1x1,indexx7").out
    assert out == "result 0: i1 1\nresult 1: index 7\nresult 2: f64 0.1\n"


def test_arrays_are_computed_from_the_described_inputs(call):
    out = call("mm", "4x8xf32x1,8x4xf32x0.5", "--print", 16).out
    assert out == f"result 0: f32[4, 4] {' '.join(['4'] * 16)}\n"


def test_arrays_from_files(call, environment):
    a = np.arange(32, dtype=np.float32).reshape(4, 8)
    b = np.arange(32, dtype=np.float32).reshape(8, 4)
    np.save("a.npy", a)
    np.save("b.npy", b)
    found = json.loads(call("mm", "@a.npy,@b.npy", "--print", 16, "--json").out)
    assert found["outputs"][0]["values"] == (a @ b).reshape(-1).tolist()
    assert found["outputs"][0]["shape"] == [4, 4]


def test_long_arrays_are_cut_and_summarised(call):
    out = call("twice", "100xf32x1.5", "--print", 3).out
    assert out == "argument 0: f32[100] (min 3, max 3, mean 3) 3 3 3 ...\n"
    assert call("twice", "100xf32x1.5", "--print", 0).out == (
        "argument 0: f32[100] (min 3, max 3, mean 3)\n"
    )


def test_an_array_without_elements(call):
    assert call("twice", "0xf32x1").out == "argument 0: f32[0]\n"


def test_the_seed_decides_random_inputs(call):
    inputs = "4x8xf32xrnd,8x4xf32xrnd"
    first, again, other = (call("mm", inputs, "--seed", seed).out for seed in (1, 1, 2))
    assert first == again != other


def test_a_function_without_arguments_and_results(pharos, module):
    found = pharos("run", module, *PIPELINE, "--entry", "nothing")
    assert (found.status, found.out, found.err) == (0, "", "")


def test_the_only_function_is_the_default(pharos, file):
    found = pharos("run", file("add.mlir", ADD), *PIPELINE, "--input", "i32x1,i32x2")
    assert found.out == "3\n"


def test_main_is_the_default(pharos, file):
    text = ADD + "\nfunc.func @main() -> i32 { %0 = arith.constant 9 : i32 return %0 : i32 }"
    assert pharos("run", file("both.mlir", text), *PIPELINE).out == "9\n"


def test_a_main_of_a_module_may_take_program_arguments(pharos, file):
    text = """
func.func @main(%argc: i64, %argv: !llvm.ptr) -> f64 {
  %0 = arith.sitofp %argc : i64 to f64
  return %0 : f64
}"""
    assert pharos("run", file("args.mlir", text), *PIPELINE, "a", "--", "-b").out == "2\n"


ERRORS = [
    ([], "expected a function main, found mm, add, twice, several, nothing"),
    (["--entry", "ad"], "no entry point 'ad'; there are: mm, add, twice, several, nothing"),
    (["--entry", "mm"], "'mm' takes f32[4, 8], f32[8, 4]; found no --input"),
    (["--entry", "mm"], "hint: for instance --input 4x8xf32xrnd,8x4xf32xrnd"),
    (["--entry", "add", "--input", "i32x1"], "'add' takes 2 argument(s) (i32, i32), found 1"),
    (["--entry", "add", "--input", "i32x1,i64x1"], "--input:1:7: error: item 1: expected i32"),
    (["--entry", "add", "--input", "i32x1,q"], "--input:1:7: error: item 1: expected a size or"),
    (["--entry", "add", "--input", "i32x1,i32x2", "x"], "found the program arguments x"),
    (["--entry", "nothing", "--input", "i32x1"], "'nothing' takes 0 argument(s)"),
    (["--target", "cpuu"], "expected a target among cpu, nvidia, amd, xegpu, found 'cpuu'"),
    (["--pipeline", "nosuch"], "expected a file 'nosuch'"),
    (["--stage", "cse", "--pipeline", "default"], "expected --pipeline or --stage, found both"),
    (["--pipeline", "default", "--parameter", "x"], "expected '=' and a value after 'x'"),
    (["--pipeline", "default", "--parameter", "x=1"], "'x', which is no parameter of 'default'"),
    (["--pipeline", "optimize", "--parameter", "threads=0"], "threads"),
    (["--stage", "nosuchpass"], "MLIR has no pass 'nosuchpass'"),
    (["--stage", "cse"], "was not lowered to the LLVM dialect"),
    (["--pipeline", "optimize", *["--parameter", "grain=1"] * 2], "'grain' is given twice"),
    (["--entry", "add", "--input", "i32x1,i32x2", "--runs", 5], "--runs: expected --benchmark"),
    (["--entry", "nothing", "--warmup", 5], "--warmup: expected --benchmark beside it"),
    (["--pipeline", "default", "--start-at", "x"], "cannot start at stage 'x'"),
    (["--pipeline", "default", "--stop-after", "x"], "cannot stop after stage 'x'"),
    (["--pipeline", "default", "--dump-after", "x"], "cannot dump after stage 'x'"),
    (["--pipeline", "default", "--replace", "x"], "--replace: expected STAGE=FILE, found 'x'"),
    (["--pipeline", "default", "--replace", "x=y"], "--replace: no such file: y"),
]


@pytest.mark.parametrize(("options", "message"), ERRORS)
def test_mistakes_are_named(pharos, module, options, message):
    named = "--pipeline" in options or "--stage" in options
    found = pharos("run", module, *(() if named else PIPELINE), *options)
    assert found.status == 1 and found.out == ""
    assert message in found.err and "Traceback" not in found.err


def test_a_function_that_cannot_be_called_says_why(pharos, file):
    path = file("struct.mlir", "func.func @f(%a: !llvm.struct<(i32)>) { return }")
    found = pharos("run", path, *PIPELINE)
    assert found.status == 1 and "expected a function to call, found none" in found.err
    assert "'f' cannot be called: argument 0 has type !llvm.struct<(i32)>" in found.err
    assert "cannot be called from outside" in pharos("run", path, *PIPELINE, "--entry", "f").err


def test_benchmark(call):
    out = call("add", "i32x1,i32x2", "--benchmark", "--runs", 5, "--warmup", 1).out
    assert out.startswith("add: ") and "median" in out and "iqr, n=" in out


def test_benchmark_as_json(call):
    found = json.loads(call("twice", "8xf32x1", "--benchmark", "--json", "--runs", 5).out)
    seconds = found["seconds"]
    assert 0 < seconds["min"] <= seconds["median"] and seconds["n"] >= 5
    assert found["entry"] == "twice" and found["target"] == "cpu"


def test_times_of_all_steps_on_stderr(pharos, file):
    path = file("add.mlir", ADD)
    found = pharos("run", path, *PIPELINE, "--input", "i32x1,i32x2", "--time")
    steps = [line.split()[0] for line in found.err.splitlines()]
    assert found.out == "3\n"
    assert steps[:2] == ["step", "front"] and steps[-2:] == ["code", "total"]
    assert "convert-scf-to-cf" in steps and "cse" in found.err


def test_times_in_the_json_document(pharos, file):
    path = file("add.mlir", ADD)
    found = pharos("run", path, *PIPELINE, "--input", "i32x1,i32x2", "--time", "--json")
    steps = json.loads(found.out)["steps"]
    assert found.err == ""
    assert [steps[0]["step"], steps[-1]["step"]] == ["front end", "code generation"]
    assert all(step["seconds"] >= 0 for step in steps)


class TestSteering:
    def test_every_stage_is_written(self, pharos, file, environment):
        path = file("add.mlir", ADD)
        found = pharos(
            "run", path, *PIPELINE, "--input", "i32x1,i32x2", "--dump-after", "all",
            "--dump-dir", "out",
        )  # fmt: skip
        written = sorted(path.name for path in (environment / "out").iterdir())
        assert found.out == "3\n"
        assert found.err.splitlines() == [f"wrote out/{name}" for name in written]
        assert "llvm.func" in (environment / "out" / written[-1]).read_text()

    def test_one_stage_is_written_to_the_default_folder(self, pharos, file, environment):
        path = file("add.mlir", ADD)
        options = ("--dump-after", "convert-scf-to-cf", "--input", "i32x1,i32x2")
        pharos("run", path, *PIPELINE, *options)
        (written,) = (environment / "pharos-dumps").iterdir()
        assert written.name.endswith("-convert-scf-to-cf.mlir")
        assert "func.func @add" in written.read_text()

    def test_stop_after_prints_the_module_instead_of_running(self, pharos, file):
        path = file("add.mlir", ADD)
        found = pharos("run", path, *PIPELINE, "--stop-after", "convert-scf-to-cf")
        assert found.status == 0 and "arith.addi" in found.out and found.out.endswith("}\n")
        options = ("--stop-after", "convert-scf-to-cf", "--json")
        data = json.loads(pharos("run", path, *PIPELINE, *options).out)
        assert data["module"] == found.out and data["steps"][-1]["step"] == "convert-scf-to-cf"

    def test_a_module_on_stdin(self, pharos, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ADD.encode())))
        assert pharos("run", "-", *PIPELINE, "--input", "i32x1,i32x2").out == "3\n"

    def test_start_where_another_run_stopped(self, pharos, file):
        path = file("add.mlir", ADD)
        stopped = pharos("run", path, *PIPELINE, "--stop-after", "convert-scf-to-cf").out
        half = file("half.mlir", stopped.replace("arith.addi", "arith.muli"))
        options = ("--start-at", "convert-scf-to-cf", "--input", "i32x6,i32x7")
        assert pharos("run", half, *PIPELINE, *options).out == "42\n"

    def test_replace_what_a_stage_makes(self, pharos, file):
        path = file("add.mlir", ADD)
        other = file("other.mlir", ADD.replace("addi", "subi"))
        options = ("--replace", f"convert-scf-to-cf={other}", "--input", "i32x6,i32x7")
        found = pharos("run", path, *PIPELINE, *options)
        assert found.out == "-1\n"
        # What was steered must not be what the cache gives the next time.
        assert pharos("run", path, *PIPELINE, "--input", "i32x6,i32x7").out == "13\n"
