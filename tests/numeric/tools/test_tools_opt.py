"""pharos opt: modules before, between and after stages."""

from __future__ import annotations

import io
import sys

import pytest

TEXT = """func.func @f(%a: i32) -> i32 {
  %0 = arith.constant 1 : i32
  %1 = arith.constant 1 : i32
  %2 = arith.addi %0, %1 : i32
  %3 = arith.addi %a, %2 : i32
  return %3 : i32
}
"""
LISP = "(require-dialect func)\n(defn main [] (func.return))"
DESCRIPTOR = """
name: mine
parameters:
  deep: {type: int, default: 3, min: 1}
stages:
  - pass: canonicalize{max-iterations=$deep}
  - pass: cse
"""


def stdin(text: str | bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def test_stdin_that_is_no_text(pharos, monkeypatch):
    monkeypatch.setattr(sys, "stdin", stdin(b"module {}\xff"))
    found = pharos("opt", "-")
    assert found.status == 1
    assert "<stdin>: expected MLIR as UTF-8 text, found byte 0xff at offset 9" in found.err


def test_without_stages_a_module_is_printed(pharos, file):
    found = pharos("opt", file("a.mlir", TEXT))
    assert found.status == 0 and found.err == ""
    assert found.out.count("arith.addi") == 2 and found.out.endswith("}\n")


def test_a_lisp_program_is_printed_as_a_module(pharos, file):
    assert "func.func @main()" in pharos("opt", file("a.lisp", LISP)).out


def test_stages_run_in_order(pharos, file):
    found = pharos("opt", file("a.mlir", TEXT), "--stage", "canonicalize", "--stage", "cse")
    assert found.out.count("arith.addi") == 1 and "arith.constant 2" in found.out


def test_stdin(pharos, monkeypatch):
    monkeypatch.setattr(sys, "stdin", stdin(TEXT))
    assert "arith.constant 2" in pharos("opt", "-", "--stage", "canonicalize").out


def test_a_mistake_on_stdin_has_a_place_and_a_line(pharos, monkeypatch):
    monkeypatch.setattr(sys, "stdin", stdin("module {\n  nonsense\n}"))
    found = pharos("opt", "-")
    assert found.status == 1
    assert found.err.startswith("<stdin>:2:3: error: ") and "\n    nonsense\n    ^" in found.err


def test_what_comes_out_goes_in_again(pharos, file):
    lowered = pharos("opt", file("a.mlir", TEXT), "--pipeline", "default").out
    assert "llvm.func @f" in lowered
    assert pharos("opt", file("b.mlir", lowered)).out == lowered


def test_output_to_a_file(pharos, file, environment):
    path = file("a.mlir", TEXT)
    found = pharos("opt", path, "-o", "out/b.mlir")
    assert (found.out, found.err) == ("", "wrote out/b.mlir\n")
    assert (environment / "out/b.mlir").read_text() == pharos("opt", path, "-o", "-").out


def test_output_that_cannot_be_written(pharos, file):
    file("taken", "")
    found = pharos("opt", file("a.mlir", TEXT), "-o", "taken/b.mlir")
    assert found.status == 1 and found.err.startswith("error: cannot write taken/b.mlir: ")


def test_a_descriptor_of_the_users_with_a_parameter(pharos, file):
    mine = file("mine.yaml", DESCRIPTOR)
    options = ("--pipeline", mine, "--parameter", "deep=5")
    assert "arith.constant 2" in pharos("opt", file("a.mlir", TEXT), *options).out
    explained = pharos("opt", "--explain", *options)
    assert explained.out.startswith("pipeline mine: 2 stages\n  deep = 5 (caller)")
    assert "max-iterations: $deep = 5" in explained.out and "mine.yaml:6:5" in explained.out


def test_explain_shows_the_packaged_pipeline(pharos):
    found = pharos("opt", "--explain", "--pipeline", "default")
    assert found.status == 0 and "convert-scf-to-cf" in found.out


def test_dumps_and_times(pharos, file, environment):
    options = ("--stage", "canonicalize,func.func(sccp)", "--stage", "cse", "--time")
    dumping = ("--dump-after", "cse", "--dump-after", "canonicalize+sccp", "--dump-dir", "d")
    found = pharos("opt", file("a.mlir", TEXT), *options, *dumping)
    assert [line.split()[0] for line in found.err.splitlines()] == [
        "step", "canonicalize+sccp", "canonicalize", "sccp", "cse", "total", "wrote", "wrote",
    ]  # fmt: skip
    assert {path.name for path in (environment / "d").iterdir()} == {
        "01-canonicalize+sccp.mlir",
        "02-cse.mlir",
    }
    assert "func.func" in found.out


def test_start_stop_and_replace(pharos, file):
    path = file("a.mlir", TEXT)
    stages = ("--stage", "canonicalize", "--stage", "cse")
    only_cse = pharos("opt", path, *stages, "--start-at", "cse").out
    assert only_cse.count("arith.constant 1") == 1 and only_cse.count("arith.addi") == 2
    stopped = pharos("opt", path, *stages, "--stop-after", "canonicalize").out
    assert stopped.count("arith.addi") == 1
    other = file("other.mlir", "module { func.func private @other() }")
    assert "@other" in pharos("opt", path, *stages, "--replace", f"canonicalize={other}").out


ERRORS = [
    ([], "expected a FILE, found none"),
    (["missing.mlir"], "no such file: missing.mlir"),
    (["a.mlir", "--stop-after", "cse"], "expected --pipeline or --stage"),
    (["a.mlir", "--dump-after", "all"], "expected --pipeline or --stage"),
    (["a.mlir", "--parameter", "x=1"], "expected --pipeline or --stage"),
    (["a.mlir", "--stage", "cse{"], ":1:5: error: expected"),
    (["a.mlir", "--stage", ""], ":1:1: error: expected the name of a pass"),
    (["a.mlir", "--stage", "canonicalize{nosuch=1}"], "nosuch"),
    (["a.mlir", "--stage", "canonicalize", "--stage", "csee"], "did you mean 'cse'"),
    (["a.mlir", "--stage", "cse", "--start-at", "canonicalize"], "cannot start at stage"),
    (["a.mlir", "--stage", "cse", "--replace", "=x"], "expected STAGE=FILE, found '=x'"),
    (["a.mlir", "--pipeline", "bad.yaml"], "bad.yaml:1:1: error: unknown key 'stage'"),
    (["a.mlir", "--pipeline", "missing.yaml"], "expected a file 'missing.yaml'"),
    (["a.mlir", "--stage", "cse", "--dump-dir", "d"], "--dump-dir: expected --dump-after beside"),
    (["a.mlir", "--stage", "cse", *["--replace", "cse=a.mlir"] * 2], "'cse' is given twice"),
    (["--explain", "--target", "gpuu"], "expected a target among"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS)
def test_mistakes_are_named(pharos, file, arguments, message):
    file("a.mlir", TEXT)
    file("bad.yaml", "stage: []\n")
    found = pharos("opt", *arguments)
    assert found.status == 1 and found.out == ""
    assert message in found.err and "Traceback" not in found.err


def test_a_reader_that_had_enough(process, file):
    program = process("opt", file("a.mlir", TEXT))
    assert program.stdout is not None and program.stderr is not None
    program.stdout.close()
    assert program.stderr.read() == ""
    assert program.wait(timeout=60) == 1
