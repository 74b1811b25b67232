"""lispier run: results, arguments, options, mistakes."""

from __future__ import annotations

import pytest


def program(result: str, value: str) -> str:
    return f"(require-dialect func)\n(defn main [] -> {result} (func.return (: {value} {result})))"


@pytest.mark.parametrize(
    ("result", "value", "printed"),
    [
        ("i32", "-7", "-7"),
        ("i64", "9007199254740993", "9007199254740993"),
        ("f32", "0.1", "0.1"),
        ("f64", "3.0", "3"),
        ("f64", "1e21", "1000000000000000000000"),
        ("f64", "-0.0", "-0"),
        ("f64", "-1e999", "-inf"),
    ],
)
def test_the_result_of_main_is_printed(lispier, file, result, value, printed):
    found = lispier("run", file("m.lisp", program(result, value)))
    assert (found.status, found.out, found.err) == (0, f"{printed}\n", "")


def test_output_comes_before_the_result(lispier, file):
    text = '(require-dialect func)\n(defn main [] -> i64 (print "one\\n") (func.return (: 2 i64)))'
    assert lispier("run", file("m.lisp", text)).out == "one\n2\n"


def test_no_result_prints_nothing(lispier, file):
    found = lispier("run", file("m.lisp", "(require-dialect func) (defn main [] (func.return))"))
    assert (found.status, found.out, found.err) == (0, "", "")


def test_another_result_is_a_warning(lispier, file):
    found = lispier("run", file("m.lisp", program("index", "3")))
    assert (found.status, found.out) == (0, "")
    assert found.err.startswith("warning: main returns index; only results of i32")


ECHO = """(require-dialect func scf arith)
(defn main [(: count i64) (: texts !llvm.ptr)] -> i64
  (scf.for (: 0 i64) count (: 1 i64)
    (region (block [(: i i64)]
      (print "[%s]" (ptr-load !llvm.ptr (ptr-at !llvm.ptr texts i)))
      (scf.yield))))
  (func.return count))
"""


def test_arguments_of_the_program_may_look_like_options(lispier, file):
    path = file("m.lisp", ECHO)
    found = lispier("run", path, "a", "--time", "-h", "", "--", "ü")
    assert (found.status, found.out) == (0, "[a][--time][-h][][--][ü]6\n")
    assert lispier("run", path).out == "0\n"


def test_standard_input(lispier):
    assert lispier("run", "-", stdin=program("i32", "5")).out == "5\n"


def test_the_ending_of_the_file_does_not_matter(lispier, file):
    assert lispier("run", file("program.txt", program("i32", "5"))).out == "5\n"


def test_required_files_are_found_beside_the_file(lispier, file):
    file("lib/util.lisp", "(require-dialect func) (defn five [] -> i32 (func.return (: 5 i32)))")
    text = '(require-dialect func) (require ["./lib/util.lisp" :as u])\n'
    path = file("m.lisp", text + "(defn main [] -> i32 (func.return (call i32 u/five)))")
    assert lispier("run", path).out == "5\n"


def test_pipelines(lispier, file):
    path = file("m.lisp", program("i32", "6"))
    for pipeline in ("default", "optimize"):
        assert lispier("run", "--pipeline", pipeline, path).out == "6\n"
    found = lispier("run", "--pipeline", "nonsense", path)
    assert found.status == 1 and "nonsense" in found.err


def test_time_prints_the_steps(lispier, file):
    found = lispier("run", "--time", file("m.lisp", program("i32", "8")))
    assert found.out == "8\n"
    assert "front end" in found.err and "code generation" in found.err and "total" in found.err


def test_an_unknown_target(lispier, file):
    found = lispier("run", "--target", "cpo", file("m.lisp", program("i32", "8")))
    assert found.status == 1
    assert found.err == (
        "error: expected a target among cpu, nvidia, amd, xegpu, found 'cpo'\n"
        "hint: did you mean 'cpu'?\n"
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(require-dialect func) (defn f [] (func.return))", "expected a function main, found f"),
        ("", "a function"),
        (
            "(require-dialect func) (defn main [(: m memref<2xvector<2xf32>>)] (func.return))",
            "m.lisp: main cannot be called: argument 0",
        ),
        (
            "(require-dialect func) (defn main [(: n i64)] (func.return))",
            "main takes nothing, or (i32 or i64, !llvm.ptr)",
        ),
        (
            "(require-dialect func arith)\n(defn main [] -> i64 (func.return (arith.addi x 1)))",
            "m.lisp:2:47: error: undefined symbol: x",
        ),
        (
            "(require-dialect func)\n(extern-fn nowhere (-> [] [i64]))\n"
            "(defn main [] -> i64 (func.return (call i64 nowhere)))",
            "m.lisp:3:35: error: the function 'nowhere' is called but exists nowhere",
        ),
    ],
)
def test_mistakes(lispier, file, text, error):
    file("m.lisp", text)
    found = lispier("run", "m.lisp")
    assert found.status == 1 and found.out == ""
    assert error in found.err and "Traceback" not in found.err


def test_all_mistakes_of_a_program_are_told(lispier, file):
    file("m.lisp", "(require-dialect func)\n(defn f [] (x))\n(defn main [] -> i64 (func.return y))")
    found = lispier("run", "m.lisp")
    assert found.status == 1
    assert "m.lisp:2:13: error: unknown operation or macro 'x'" in found.err
    assert "m.lisp:3:35: error: undefined symbol: y" in found.err


def test_a_named_pipeline_in_place_of_a_compilation_block_leaves_the_result(lispier, file):
    path = file(
        "a.lisp",
        "(require-dialect func)\n(compilation-cpu (passes (pass cse)))\n"
        "(defn main [] -> i64 (func.return (: 5 i64)))",
    )
    assert lispier("run", path).out == ""
    assert lispier("run", "--pipeline", "default", path).out == "5\n"
