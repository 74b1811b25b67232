"""lispier eval: values with their types, several forms, programs, mistakes."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("(arith.addi (: 40 i64) 2)", "42 : i64"),
        ("(: 0.1 f32)", "0.1 : f32"),
        ("(<i (: 1 i32) (: 2 i32))", "true : i1"),
        ("(: 7 index)", "7 : index"),
        ("(if {:result i32} (: 1 i1) (: 3 i32) (: 4 i32))", "3 : i32"),
        ("(let [a (: 2 i64) b (+i a a)] (*i a b))", "8 : i64"),
        ("(def x (: 5 i64)) (arith.muli x x)", "25 : i64"),
        ("(: 1 i64) (: 2.5 f64)", "1 : i64\n2.5 : f64"),
        ('(arith.constant {:value "dense<[1, 2]> : tensor<2xi32>"})', "[1 2] : tensor<2xi32>"),
        ("(defn f [(: n i64)] -> i64 (func.return (+i n n))) (call i64 f (: 4 i64))", "8 : i64"),
        ("(defn f [] (func.return))", ""),
        ("", ""),
    ],
)
def test_values_are_printed_with_their_types(lispier, text, printed):
    found = lispier("eval", text)
    assert (found.status, found.err) == (0, "")
    assert found.out == (printed + "\n" if printed else "")


def test_expressions_as_options(lispier):
    found = lispier("eval", "-e", "(def x (: 5 i64))", "-e", "(arith.addi x x)")
    assert (found.status, found.out, found.err) == (0, "10 : i64\n", "")


def test_what_forms_print_comes_in_order(lispier):
    found = lispier("eval", '(print "one\\n") (: 2 i64) (print "three\\n")')
    assert found.out == "one\n4 : i32\n2 : i64\nthree\n6 : i32\n"


def test_a_main_is_run_as_a_program(lispier):
    text = '(defn main [] -> i64 (print "hi\\n") (func.return (arith.addi (: 1 i64) 2)))'
    assert lispier("eval", text).out == "hi\n3\n"
    assert lispier("eval", f"(module (do {text}))").out == "hi\n3\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(arith.addi x 1)", "<eval>:1:13: error: undefined symbol: x\n"),
        ("(f\n", "<eval>:1:1: error: unclosed '('"),
        ("(arit.addi (: 1 i64) 2)", "<eval>:1:2: error: unknown dialect 'arit'"),
        ("(arith.addi (: 1 i64) (: 2 i32))", "<eval>:1:1: error: "),
        ("(defn main [] -> i64 (func.return x))", "<eval>:1:35: error: undefined symbol: x"),
        ("(when)", "<eval>:1:1: error: macro 'when': wrong number of arguments"),
    ],
)
def test_mistakes(lispier, text, error):
    found = lispier("eval", text)
    assert found.status == 1 and found.out == ""
    assert found.err.startswith(error)
    assert f"\n  {text.strip()}\n" in found.err and "Traceback" not in found.err


def test_the_second_expression_has_its_place(lispier):
    found = lispier("eval", "-e", "(: 1 i64)", "-e", "(arith.addi (: 1 i64) y)")
    assert found.status == 1
    assert found.err.startswith("<eval>:2:23: error: undefined symbol: y\n")


def test_no_expression(lispier):
    found = lispier("eval")
    assert (found.status, found.out) == (1, "")
    assert found.err.startswith("error: expected an expression, found none\nhint: ")


def test_a_crash_of_the_program_is_one_error(lispier):
    found = lispier("eval", "(extern-fn abort (-> [] [])) (: 1 i64) (call! abort)")
    assert (found.status, found.out) == (1, "1 : i64\n")
    assert found.err == "error: <eval>: the program ended by signal SIGABRT (Aborted)\n"


def test_exit_gives_the_status(lispier):
    text = '(extern-fn exit (-> [i32] [])) (print "bye\\n") (call! exit (: 3 i32))'
    found = lispier("eval", text)
    assert (found.status, found.out, found.err) == (3, "bye\n4 : i32\n", "")
