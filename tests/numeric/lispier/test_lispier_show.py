"""lispier show-ast, show-ir, show-expanded."""

from __future__ import annotations

from pharos import lisp
from pharos.lisp.namespaces import Namespaces

PROGRAM = """(require-dialect func arith)
(defn twice [(: n i64)] -> i64
  (func.return (+i n n)))
(defn main [] -> i64 (func.return (call i64 twice (: 21 i64))))
"""
EXPANDED = [
    "(require-dialect func arith)",
    '(func.func {:sym_name "twice" :function_type (-> [i64] [i64]) :llvm.emit_c_interface true} '
    "(do (block [(: n i64)] (func.return (arith.addi n n)))))",
    '(func.func {:sym_name "main" :function_type (-> [] [i64]) :llvm.emit_c_interface true} '
    "(do (block [] (func.return (func.call {:callee @twice :result i64} (: 21 i64))))))",
]


def test_expanded_forms_are_one_on_a_line(lispier, file):
    found = lispier("show-expanded", file("m.lisp", PROGRAM))
    assert found.status == 0 and found.err == ""
    assert found.out.splitlines() == EXPANDED


def test_expanded_forms_can_be_read_again(lispier, file):
    text = '(require-dialect arith)\n(print "a\\n\\"b\\" %d" (: -0.5 f64)) {:a [1 nil true]}'
    out = lispier("show-expanded", "-", stdin=text).out
    forms = lisp.read(out, namespaces=Namespaces(lenient=True))
    assert [lisp.to_text(form) for form in forms] == out.splitlines()
    assert len(forms) == 4


def test_expansion_does_not_follow_requires(lispier, file):
    path = file("m.lisp", '(require ["./nowhere.lisp" :as n])\n(when c (n/f x))')
    assert lispier("show-expanded", path).out.splitlines() == [
        '(require ["./nowhere.lisp" :as n])',
        "(scf.if c (region (block [] (n/f x) (scf.yield))))",
    ]


def test_a_mistake_in_a_macro_call_has_its_place(lispier, file):
    file("m.lisp", "(f)\n  (when)")
    found = lispier("show-expanded", "m.lisp")
    assert found.status == 1 and found.out == ""
    assert found.err.startswith("m.lisp:2:3: error: macro 'when': wrong number of arguments")


def test_the_tree_has_kinds_texts_and_places(lispier, file):
    file("m.lisp", '(f {:a [1 -2.5]\n    :b "x"} nil)')
    found = lispier("show-ast", "m.lisp")
    assert found.status == 0 and found.err == ""
    assert found.out.splitlines() == [
        "list  m.lisp:1:1",
        "  symbol f  m.lisp:1:2",
        "  map  m.lisp:1:4",
        "    :a vector  m.lisp:1:8",
        "      number 1  m.lisp:1:9",
        "      number -2.5  m.lisp:1:11",
        '    :b string "x"  m.lisp:2:8',
        "  nil  m.lisp:2:13",
    ]


def test_the_tree_is_of_all_files(lispier, file):
    file("lib.lisp", "(g)")
    file("m.lisp", '(require ["./lib.lisp" :as l])\n(f)')
    lines = lispier("show-ast", "m.lisp").out.splitlines()
    assert [line for line in lines if line.startswith("list")] == [
        "list  lib.lisp:1:1",
        "list  m.lisp:2:1",
    ]


def test_ir_is_the_module_before_any_pass(lispier, file):
    found = lispier("show-ir", file("m.lisp", PROGRAM))
    assert found.status == 0 and found.err == ""
    assert found.out.startswith("module {\n") and found.out.endswith("}\n")
    assert "func.func @twice(%arg0: i64) -> i64" in found.out
    assert "arith.addi %arg0, %arg0 : i64" in found.out
    assert "call @twice(" in found.out


def test_a_module_that_does_not_verify_is_shown_with_its_errors(lispier, file):
    file(
        "m.lisp",
        "(require-dialect func arith)\n"
        "(defn f [(: x i64)] -> i32\n  (func.return x))\n"
        "(defn g [(: x i64)] -> f32\n  (func.return x))",
    )
    found = lispier("show-ir", "m.lisp")
    assert found.status == 1
    assert '"func.return"(%arg0) : (i64) -> ()' in found.out
    assert "m.lisp:3:3: error: " in found.err and "m.lisp:5:3: error: " in found.err
    assert "\n  " + "  (func.return x))" in found.err
    assert "Traceback" not in found.err


def test_a_form_that_cannot_be_lowered_gives_errors_alone(lispier, file):
    file("m.lisp", "(require-dialect func)\n(defn f [] -> i32 (func.return x))")
    found = lispier("show-ir", "m.lisp")
    assert found.status == 1 and found.out == ""
    assert found.err.startswith("m.lisp:2:32: error: undefined symbol: x\n")
