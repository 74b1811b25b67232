"""pharos run on Lisp programs: main, its arguments, its result."""

from __future__ import annotations

import json
import signal

import pytest

# Section 16 of the language reference.
TRIANGLE = r"""
(require-dialect arith func scf memref llvm)
(link-library :c)
(extern-fn printf (-> [!llvm.ptr ...] [i32]))

(defn triangle [(: n index)] -> i64
  (def sum (scf.for {:result i64} (: 1 index) (arith.addi n (: 1 index)) (: 1 index) (: 0 i64)
    (region (block [(: i index) (: acc i64)]
      (def v (arith.index_cast {:result i64} i))
      (scf.yield (arith.addi acc v))))))
  (func.return sum))

(defn main [] -> i32
  (def t (call i64 triangle (: 12 index)))
  (print "triangle %ld\n" t)
  (def big (>i t 70))
  (def code (if {:result i32} big (: 1 i32) (do (print "small\n") (: 0 i32))))
  (func.return code))
"""

ARGUMENTS = r"""
(require-dialect arith func scf llvm)
(link-library :c)
(extern-fn printf (-> [!llvm.ptr ...] [i32]))
(defn main [(: argc i32) (: argv !llvm.ptr)] -> i32
  (def n (arith.index_cast {:result index} argc))
  (scf.for (: 0 index) n (: 1 index)
    (region (block [(: i index)]
      (def k (arith.index_cast {:result i64} i))
      (print "[%s]" (ptr-load !llvm.ptr (ptr-at !llvm.ptr argv k)))
      (scf.yield))))
  (func.return argc))
"""


def returning(kind: str, value: str) -> str:
    return f"""
(require-dialect arith func)
(defn main [] -> {kind}
  (def x (: {value} {kind}))
  (func.return x))
"""


def test_the_example_of_the_language_reference(process, file):
    # A process of its own, its stdout a pipe: C's printf must still come before the result.
    out, err = process("run", file("triangle.lisp", TRIANGLE)).communicate(timeout=120)
    assert (out, err) == ("triangle 78\n1\n", "")


def test_a_second_run_comes_from_the_cache(pharos, file):
    path = file("triangle.lisp", TRIANGLE)
    pharos("run", path)
    found = pharos("run", path, "--json")
    assert json.loads(found.out)["cached"] is True


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ([], "0"),
        (["a", "b c", ""], "[a][b c][]3"),
        (["a", "--", "-b", "--json", "--"], "[a][-b][--json][--]4"),
        (["--", "-1"], "[-1]1"),
        (["ä€"], "[ä€]1"),
    ],
)
def test_arguments_reach_main_untouched(pharos, file, given, seen):
    found = pharos("run", file("args.lisp", ARGUMENTS), *given)
    assert (found.status, found.out, found.err) == (0, f"{seen}\n", "")


@pytest.mark.parametrize(
    ("kind", "value", "printed"),
    [
        ("i32", "-5", "-5"),
        ("i64", "-4000000000", "-4000000000"),
        ("f32", "0.1", "0.1"),
        ("f64", "0.1", "0.1"),
        ("f64", "3.0", "3"),
        ("f64", "1e21", "1000000000000000000000"),
    ],
)
def test_the_result_is_printed_in_its_own_format(pharos, file, kind, value, printed):
    found = pharos("run", file("value.lisp", returning(kind, value)))
    assert (found.status, found.out) == (0, f"{printed}\n")


def test_no_result_prints_nothing(pharos, file):
    text = "(require-dialect func)\n(defn main [] (func.return))"
    found = pharos("run", file("none.lisp", text))
    assert (found.status, found.out, found.err) == (0, "", "")


def test_another_type_of_result_is_a_warning(pharos, file):
    found = pharos("run", file("flag.lisp", returning("i1", "1")))
    assert (found.status, found.out) == (0, "")
    assert found.err.startswith("warning: main returns i1; only results of i32, i64, f32, f64")


def test_json_keeps_what_the_program_prints_out_of_the_document(pharos, file):
    found = pharos("run", file("args.lisp", ARGUMENTS), "x", "--json")
    data = json.loads(found.out)
    assert (data["result"], data["dtype"], data["entry"]) == (1, "i32", "main")
    assert found.err == "[x]"


def test_json_says_what_json_cannot(pharos, file):
    text = """
(require-dialect arith func)
(defn main [] -> f64
  (def x (arith.divf (: 1.0 f64) (: 0.0 f64)))
  (func.return x))
"""
    assert json.loads(pharos("run", file("inf.lisp", text), "--json").out)["result"] == "inf"


def test_another_function_of_a_program(pharos, file):
    path = file("triangle.lisp", TRIANGLE)
    found = pharos("run", path, "--entry", "triangle", "--input", "indexx4")
    assert (found.status, found.out) == (0, "10\n")


def test_without_main(pharos, file):
    text = TRIANGLE.partition("(defn main")[0]
    found = pharos("run", file("part.lisp", text))
    assert found.status == 1 and found.out == ""
    assert "part.lisp: expected a function main, found triangle" in found.err
    assert "hint: name the one to call: --entry triangle" in found.err


def test_a_main_with_other_parameters(pharos, file):
    text = "(require-dialect func)\n(defn main [(: x i32)] -> i32 (func.return x))"
    path = file("other.lisp", text)
    found = pharos("run", path)
    assert found.status == 1
    assert "main takes nothing, or (i32 or i64, !llvm.ptr)" in found.err
    assert pharos("run", path, "--input", "i32x9").out == "9\n"


def test_the_exit_status_is_the_programs_when_it_exits_itself(process, file):
    text = r"""
(require-dialect func llvm)
(link-library :c)
(extern-fn printf (-> [!llvm.ptr ...] [i32]))
(extern-fn exit (-> [i32] []))
(defn main [] -> i32
  (print "leaving\n")
  (call! exit (: 7 i32))
  (func.return (: 0 i32)))
"""
    program = process("run", file("exit.lisp", text))
    out, err = program.communicate(timeout=120)
    assert (program.returncode, out, err) == (7, "leaving\n", "")


def test_ctrl_c_ends_a_program_that_does_not_end(process, file):
    text = r"""
(require-dialect arith func scf llvm)
(link-library :c)
(extern-fn puts (-> [!llvm.ptr] [i32]))
(extern-fn fflush (-> [!llvm.ptr] [i32]))
(extern-fn printf (-> [!llvm.ptr ...] [i32]))
(extern-fn sleep (-> [i32] [i32]))
(defn main []
  (print "started\n")
  (def flushed (call i32 fflush (null-ptr)))
  (def slept (call i32 sleep (: 100 i32)))
  (func.return))
"""
    program = process("run", file("sleep.lisp", text))
    assert program.stdout is not None
    assert program.stdout.readline() == "started\n"
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=60)
    assert (program.returncode, out, err) == (130, "", "")


MALFORMED = [
    ("a.lisp", "(", "a.lisp:1:1: error: unclosed '('"),
    ("a.lisp", "(nosuch 1)", "a.lisp:1:"),
    ("a.lisp", "", "expected a function that can be called, found none"),
    ("a.lisp", "(require-dialect func)\n(defn main [] -> i32 (func.return y))", "a.lisp:2:"),
    ("a.lisp", "(require-dialect func)\n(defn main [] -> i32 (func.return))", "a.lisp:2:"),
    (
        "a.lisp",
        "(require-dialect func)\n(extern-fn nosuchfn (-> [] [i32]))\n"
        "(defn main [] -> i32 (func.return (call i32 nosuchfn)))",
        "the function 'nosuchfn' is called but exists nowhere",
    ),
    ("a.mlir", "nonsense", "a.mlir:1:1: error: custom op 'nonsense' is unknown"),
    ("a.mlir", "func.func @f() -> i32 { return }", "a.mlir:1:"),
    ("a.mlir", "func.func private @f()", "expected a function that can be called, found none"),
    ("a.txt", "", "expected a file that ends in .lisp, .lsp, .mlir, .py, found '"),
]


@pytest.mark.parametrize(("name", "text", "message"), MALFORMED)
def test_malformed_programs(pharos, file, name, text, message):
    file(name, text)
    found = pharos("run", name)
    assert found.status == 1 and found.out == ""
    assert message in found.err and "error: " in found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize("name", ["missing.lisp", "missing.mlir"])
def test_a_missing_file(pharos, name):
    found = pharos("run", name)
    assert (found.status, found.err) == (1, f"error: no such file: {name}\n")


@pytest.mark.parametrize("name", ["bytes.lisp", "bytes.mlir"])
def test_a_file_that_is_no_text(pharos, environment, name):
    (environment / name).write_bytes(b"\x00\xff\xfe")
    found = pharos("run", name)
    assert found.status == 1 and "UTF-8 text" in found.err


def test_a_file_that_may_not_be_read(pharos, file, monkeypatch):
    path = file("secret.mlir", "")

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    found = pharos("run", path)
    assert (found.status, found.err) == (1, f"error: {path}: Permission denied\n")
