"""Whole programs: main, its arguments and result, C's output, what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pharos import ir
from pharos.core.artifact import Artifact
from pharos.core.errors import ErrorList, InternalError, UserError
from pharos.ir import CompileError
from pharos.targets.cpu import codegen
from pharos.targets.cpu.program import MainResult, run_main

Build = Callable[..., Artifact]

RESULTS = [
    ("i32", "arith.constant -3 : i32", -3),
    ("i64", "arith.constant 9000000000 : i64", 9_000_000_000),
    ("f32", "arith.constant 0.1 : f32", 0.10000000149011612),
    ("f64", "arith.constant 0.1 : f64", 0.1),
    ("i1", "arith.constant true", True),
]


@pytest.mark.parametrize(("dtype", "value", "expected"), RESULTS)
def test_results_of_main(build: Build, dtype: str, value: str, expected: object) -> None:
    artifact = build(f"func.func @main() -> {dtype} {{ %0 = {value}\n return %0 : {dtype} }}")
    assert run_main(artifact) == MainResult(expected, dtype)


def test_main_without_a_result(build: Build) -> None:
    assert run_main(build("func.func @main() { return }")) == MainResult(None, "")


ARGUMENTS = """
llvm.func @strlen(!llvm.ptr) -> i64
llvm.func @strtol(!llvm.ptr, !llvm.ptr, i32) -> i64
func.func @main(%n: {N}, %v: !llvm.ptr) -> i64 {{
  %wide = {WIDEN}
  %last = llvm.getelementptr %v[%wide] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.ptr
  %end = llvm.load %last : !llvm.ptr -> !llvm.ptr
  %null = llvm.mlir.zero : !llvm.ptr
  %ends = llvm.icmp "eq" %end, %null : !llvm.ptr
  %r = scf.if %ends -> i64 {{
    %second = llvm.getelementptr %v[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %text = llvm.load %second : !llvm.ptr -> !llvm.ptr
    %size = llvm.call @strlen(%text) : (!llvm.ptr) -> i64
    %h = arith.constant 100 : i64
    %x = arith.muli %wide, %h : i64
    %y = arith.addi %x, %size : i64
    scf.yield %y : i64
  }} else {{
    %bad = arith.constant -1 : i64
    scf.yield %bad : i64
  }}
  return %r : i64
}}"""


@pytest.mark.parametrize(
    ("kind", "widen"),
    [("i32", "arith.extsi %n : i32 to i64"), ("i64", "arith.addi %n, %n overflow<none> : i64")],
)
def test_program_arguments(build: Build, kind: str, widen: str) -> None:
    if kind == "i64":
        widen = "llvm.add %n, %zero : i64"
        text = ARGUMENTS.format(N=kind, WIDEN=widen).replace(
            "%wide", "%zero = arith.constant 0 : i64\n  %wide", 1
        )
    else:
        text = ARGUMENTS.format(N=kind, WIDEN=widen)
    result = run_main(build(text), ["a", "übung", "ccc"])
    assert result == MainResult(306, "i64")


def test_a_nul_in_an_argument_is_refused(build: Build) -> None:
    artifact = build("func.func @main(%n: i32, %v: !llvm.ptr) { return }")
    with pytest.raises(UserError, match=r"cannot contain a NUL character: 'a\\x00b'"):
        run_main(artifact, ["a\0b"])


def test_a_main_of_another_shape_is_refused(build: Build) -> None:
    artifact = build("func.func @main(%n: f32) { return }")
    with pytest.raises(UserError, match=r"main takes nothing, or .*found \(f32\)"):
        run_main(artifact)


def test_a_program_without_main(build: Build) -> None:
    with pytest.raises(UserError, match="no entry point 'main'; there are: start"):
        run_main(build("func.func @start() { return }"))


PRINTING = """
llvm.func @printf(!llvm.ptr, ...) -> i32
llvm.mlir.global internal constant @text("n=%d\\0A\\00")
func.func private @printF32(f32)
func.func private @printF64(f64)
func.func private @printI64(i64)
func.func private @printNewline()
func.func private @clock_ms() -> i64
func.func private @printMemrefF32(memref<*xf32>)
func.func @main() -> i32 {
  %m = memref.alloca() : memref<2xf32>
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%m : memref<2xf32>)
  %u = memref.cast %m : memref<2xf32> to memref<*xf32>
  func.call @printMemrefF32(%u) : (memref<*xf32>) -> ()
  %p = llvm.mlir.addressof @text : !llvm.ptr
  %n = arith.constant 7 : i32
  %r = llvm.call @printf(%p, %n) vararg(!llvm.func<i32 (ptr, ...)>) : (!llvm.ptr, i32) -> i32
  %x = arith.constant 0.5 : f32
  func.call @printF32(%x) : (f32) -> ()
  func.call @printNewline() : () -> ()
  %y = arith.constant -0.25 : f64
  func.call @printF64(%y) : (f64) -> ()
  func.call @printNewline() : () -> ()
  %i = arith.constant -12 : i64
  func.call @printI64(%i) : (i64) -> ()
  func.call @printNewline() : () -> ()
  %v = arith.constant dense<[1.0, 2.5]> : vector<2xf32>
  vector.print %v : vector<2xf32>
  %t = func.call @clock_ms() : () -> i64
  return %n : i32
}"""

RUN = """
import sys
from pathlib import Path
from pharos.core.artifact import Artifact
from pharos.runtime import ArtifactStore
from pharos.targets.cpu.program import run_main
artifact = ArtifactStore(Path(sys.argv[1])).get("0" * 64)
result = run_main(artifact, sys.argv[2:])
assert not any(name.startswith("torch_mlir") for name in sys.modules), "running needs no MLIR"
print(result.value)
"""


def in_another_process(artifact: Artifact, folder: Path, *arguments: str) -> list[str]:
    from pharos.runtime import ArtifactStore

    ArtifactStore(folder).put("0" * 64, artifact)
    return [sys.executable, "-c", RUN, str(folder), *arguments]


def test_output_comes_in_the_programs_order(build: Build, tmp_path: Path) -> None:
    command = in_another_process(build(PRINTING), tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    head, _, rest = done.stdout.partition("data = \n")
    assert head.startswith("Unranked Memref base@ = 0x")
    assert head.endswith("rank = 1 offset = 0 sizes = [2] strides = [1] ")
    assert rest == "[1,  1]\nn=7\n0.5\n-0.25\n-12\n( 1, 2.5 )\n7\n"


def test_ctrl_c_ends_a_long_main(build: Build, tmp_path: Path) -> None:
    artifact = build(
        """llvm.func @puts(!llvm.ptr) -> i32
           llvm.func @write(i32, !llvm.ptr, i64) -> i64
           llvm.func @usleep(i32) -> i32
           llvm.mlir.global internal constant @begun("begun\\0A\\00")
           llvm.mlir.global internal constant @buffered("buffered\\00")
           func.func @main() {
             %p = llvm.mlir.addressof @buffered : !llvm.ptr
             %0 = llvm.call @puts(%p) : (!llvm.ptr) -> i32
             %q = llvm.mlir.addressof @begun : !llvm.ptr
             %out = arith.constant 1 : i32
             %size = arith.constant 6 : i64
             %1 = llvm.call @write(%out, %q, %size) : (i32, !llvm.ptr, i64) -> i64
             %ms = arith.constant 1000 : i32
             %yes = arith.constant true
             scf.while : () -> () { scf.condition(%yes) } do {
               %3 = llvm.call @usleep(%ms) : (i32) -> i32
               scf.yield
             }
             return }"""
    )
    command = in_another_process(artifact, tmp_path)
    # With PYTHONUNBUFFERED, Python takes the buffer of C's stdout away too.
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plain
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, error
    assert out == "buffered\n"
    assert "KeyboardInterrupt" in error


def test_a_function_that_exists_nowhere_is_named_with_its_place() -> None:
    module = ir.parse(
        "llvm.func @pharos_gone(i32)\n"
        "llvm.func @f(%x: i32) {\n"
        "  llvm.call @pharos_gone(%x) : (i32) -> ()\n"
        "  llvm.return }"
    )
    with pytest.raises(UserError, match="the function 'pharos_gone' is called but exists") as e:
        codegen.compile_object(module, entries=())
    assert e.value.span is not None and (e.value.span.line, e.value.span.column) == (3, 3)
    assert "no library is linked" in e.value.message


def test_a_misspelt_helper_gets_a_hint(build: Build) -> None:
    with pytest.raises(UserError, match="'printF33' is called") as error:
        build("""func.func private @printF33(f32)
                 func.func @f(%x: f32) { func.call @printF33(%x) : (f32) -> ()
                                         return }""")
    assert error.value.hint == "did you mean 'printF32'?"


def test_every_missing_function_is_reported_at_once(build: Build) -> None:
    with pytest.raises(ErrorList) as caught:
        build("""func.func private @gone1()
                 func.func private @gone2()
                 func.func private @unused()
                 func.func @f() { func.call @gone1() : () -> ()
                                  func.call @gone2() : () -> ()
                                  func.call @gone1() : () -> ()
                                  return }""")
    assert [error.message.split("'")[1] for error in caught.value.errors] == ["gone1", "gone2"]


def test_a_linked_library_is_searched(build: Build, tmp_path: Path) -> None:
    text = """func.func private @crc32(i64, !llvm.ptr, i32) -> i64
              func.func @main() -> i64 {
                %z = llvm.mlir.zero : !llvm.ptr
                %n = arith.constant 0 : i32
                %i = arith.constant 0 : i64
                %r = func.call @crc32(%i, %z, %n) : (i64, !llvm.ptr, i32) -> i64
                return %r : i64 }"""
    import ctypes.util

    name = ctypes.util.find_library("z")
    if name is None:
        pytest.skip("no libz")
    artifact = build(text, libraries=(name,))
    assert artifact.libraries == (name,)
    assert run_main(artifact).value == 0


def test_what_was_not_lowered_is_named() -> None:
    module = ir.parse(
        "func.func @f(%x: f32) -> f32 {\n  %y = arith.addf %x, %x : f32\n  return %y : f32 }"
    )
    with pytest.raises(ErrorList) as caught:
        codegen.compile_object(module, entries=())
    first = caught.value.errors[1]
    assert isinstance(first, CompileError) and first.operation == "arith.addf"
    assert first.message == "'arith.addf' was not lowered to the LLVM dialect"
    assert first.span is not None and first.span.line == 2


class Engine:
    """Stands for MLIR's engine and makes no file."""

    def __init__(self, module: object, **options: object) -> None: ...

    def raw_register_runtime(self, name: str, address: object) -> None: ...

    def raw_lookup(self, name: str) -> int:
        return 0

    def dump_to_object_file(self, path: str) -> None: ...


class RefusingEngine(Engine):
    def __init__(self, module: object, **options: object) -> None:
        raise RuntimeError("Failure while creating the ExecutionEngine.")


ENGINES = [(Engine, "LLVM made no object file"), (RefusingEngine, "LLVM refused the module")]


@pytest.mark.parametrize(("engine", "message"), ENGINES)
def test_llvms_refusal_is_ours_to_report(
    monkeypatch: pytest.MonkeyPatch, engine: type[Engine], message: str
) -> None:
    monkeypatch.setattr(codegen, "execution_engine", lambda: engine)
    module = ir.parse("llvm.func @f() { llvm.return }")
    with pytest.raises(InternalError, match=message):
        codegen.compile_object(module, entries=())
