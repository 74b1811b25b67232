"""Functions, calls, and C functions: sections 6.8, 7.5, 7.7 and 9 of the language reference."""

from __future__ import annotations

from pathlib import Path

import pytest
from lisp_lowering import assert_lines, body_of, context, ir_of

from pharos import ir
from pharos.core.errors import UserError
from pharos.lisp import load, load_text, lower

TWICE = """
(func.func {:sym_name "twice" :function_type (-> [i64] [i64])}
  (region (block [(: n i64)] (func.return (arith.addi n n)))))
"""


@pytest.mark.parametrize(
    "call",
    [
        "(call i64 twice x)",
        "(func.call {:callee @twice :result i64} x)",
        '(func.call {:callee "@twice" :result i64} x)',
        '(func.call {:callee "twice" :result i64} x)',
        '(func.call {:result i64} "twice" x)',
        '(func.call {:result i64} "@twice" x)',
        "(llvm.call {:callee @twice :result i64} x)",
    ],
)
def test_every_spelling_of_a_callee(call: str) -> None:
    text = ir_of(f"(defn f [(: x i64)] {call} (func.return)) {TWICE}")
    assert_lines(text, "func.func @f", "call @twice(%arg0) : (i64) -> i64", "func.func @twice")


def test_a_function_may_call_itself_and_have_several_results() -> None:
    text = ir_of(
        """
        (func.func {:sym_name "g" :function_type (-> [i32] [i32 i64])}
          (region (block [(: x i32)]
            (def [a b] (call [i32 i64] g x))
            (func.return a b))))
        """
    )
    assert_lines(text, "%0:2 = call @g(%arg0) : (i32) -> (i32, i64)", "return %0#0, %0#1")


VARIADIC = "(extern-fn printf (-> [!llvm.ptr ...] [i32]))"


@pytest.mark.parametrize(
    "call",
    [
        "(call i32 printf p x)",
        "(func.call {:callee @printf :result i32} p x)",
        '(func.call {:result i32} "printf" p x)',
        "(llvm.call {:callee @printf :vararg (-> [!llvm.ptr ...] [i32]) :result i32} p x)",
        "(llvm.call {:callee @printf :var_callee_type !llvm.func<i32 (ptr, ...)> :result i32} p x)",
        "(vararg-call i32 printf (-> [!llvm.ptr ...] [i32]) p x)",
        "(llvm.call {:callee @printf :result i32 :operandSegmentSizes array<i32: 9, 9>"
        ' :op_bundle_sizes "array<i32>"} p x)',
    ],
)
def test_calls_of_a_variadic_function(call: str) -> None:
    text = ir_of(f"{VARIADIC} (defn f [(: p !llvm.ptr) (: x i64)] {call} (func.return))")
    assert_lines(
        text,
        "llvm.func @printf(!llvm.ptr, ...) -> i32",
        "llvm.call @printf(%arg0, %arg1) vararg(!llvm.func<i32 (ptr, ...)>)"
        " : (!llvm.ptr, i64) -> i32",
    )


def test_what_is_passed_for_dots_is_widened_as_in_c() -> None:
    text = body_of(
        "(: a f32) (: b bf16) (: c i1) (: d i8) (: e i16) (: f index) (: g i32) (: h f64)",
        '(print "%f %f %d %d %d %ld %d %f" a b c d e f g h)',
    )
    assert_lines(
        text,
        "arith.extf %arg0 : f32 to f64",
        "arith.extf %arg1 : bf16 to f64",
        "arith.extui %arg2 : i1 to i32",
        "arith.extsi %arg3 : i8 to i32",
        "arith.extsi %arg4 : i16 to i32",
        "arith.index_cast %arg5 : index to i64",
        "llvm.call @printf(%0, %1, %2, %3, %4, %5, %6, %arg6, %arg7)",
    )


def test_named_arguments_of_a_variadic_function_are_not_widened() -> None:
    text = ir_of(
        "(extern-fn g (-> [f32 i8 ...] []))"
        "(defn f [(: a f32) (: b i8)] (call! g a b a) (func.return))"
    )
    assert_lines(text, "arith.extf %arg0", "llvm.call @g(%arg0, %arg1, %0)")


def test_calls_of_an_llvm_function() -> None:
    text = ir_of(
        """
        (llvm.func {:sym_name "g" :function_type (-> [i32] [i32]) :linkage 0} (region))
        (defn f [(: x i32)] -> i32 (func.return (call i32 g x)))
        """
    )
    assert_lines(text, "llvm.func @g(i32) -> i32", "llvm.call @g(%arg0) : (i32) -> i32")


# -- printf ----------------------------------------------------------------------------------------

PRINT = '(defn main [] (print "x") (func.return))'
DECLARED = "llvm.func @printf(!llvm.ptr, ...) -> i32"


@pytest.mark.parametrize(
    "declaration",
    [
        "",
        VARIADIC,
        "(extern-fn printf (-> [!llvm.ptr] [i32]))",
        '(func.func {:sym_name "printf" :function_type (-> [!llvm.ptr i32] [i32])'
        ' :sym_visibility "private"} (region))',
        VARIADIC + VARIADIC,
    ],
)
def test_printf_is_declared_once_however_the_program_says_it(declaration: str) -> None:
    text = ir_of(declaration + PRINT)
    assert text.count("@printf(") == 2
    assert_lines(text, DECLARED, "llvm.call @printf(")


def test_a_program_without_print_declares_nothing() -> None:
    assert "printf" not in ir_of("(defn main [] (func.return))")


def test_malloc_is_declared_when_new_needs_it() -> None:
    struct = "(defstruct P [x i64])"
    text = ir_of(f"{struct} (defn f [] (new P) (func.return))")
    assert_lines(text, "func.func private @malloc(i64) -> !llvm.ptr", "call @malloc(%c8_i64)")
    text = ir_of(
        f"{struct} (extern-fn malloc (-> [i64] [!llvm.ptr])) (defn f [] (new P) (func.return))"
    )
    assert text.count("@malloc(") == 2


# -- several files ---------------------------------------------------------------------------------


def test_functions_of_a_required_file(tmp_path: Path) -> None:
    (tmp_path / "u.lisp").write_text(
        "(require-dialect arith func) (extern-fn malloc (-> [i64] [!llvm.ptr]))"
        "(defn helper [(: x i64)] -> i64 (func.return (arith.addi x x)))"
        '(defn quiet [] (print "u") (func.return))'
    )
    main = tmp_path / "main.lisp"
    main.write_text(
        """
        (require ["u.lisp" :as u])
        (require-dialect func)
        (extern-fn malloc (-> [i64] [!llvm.ptr]))
        (defn main [] -> i64
          (u/quiet)
          (print "main")
          (def a (call i64 u/helper (: 1 i64)))
          (def b (call i64 u.helper a))
          (func.return (u/helper b)))
        """
    )
    text = ir.to_text(lower(load(main), context()))
    assert_lines(
        text,
        "@_print_str_0()",
        "@malloc",
        "func.func @helper",
        "@_print_str_1()",
        "func.func @main",
        "call @quiet() : () -> ()",
        "call @helper(%c1_i64)",
        "call @helper",
        "call @helper",
    )
    assert text.count("@malloc") == 1


def test_functions_of_two_files_with_one_name_clash(tmp_path: Path) -> None:
    text = "(require-dialect func) (defn f [] (func.return))"
    (tmp_path / "u.lisp").write_text(text)
    main = tmp_path / "main.lisp"
    main.write_text('(require ["u.lisp" :as u]) ' + text)
    with pytest.raises(UserError) as caught:
        lower(load(main), context())
    assert caught.value.message == "function 'f' is defined twice"
    assert str(caught.value.span) == f"{main}:1:57"
    assert str(caught.value.notes[0].span) == f"{tmp_path / 'u.lisp'}:1:30"


def test_an_unknown_function_of_a_file() -> None:
    with pytest.raises(UserError) as caught:
        lower(load_text("(require-dialect func) (defn f [] (u/g 1) (func.return))", "t.lisp"))
    assert caught.value.message == "unknown operation or macro 'u/g'"
    assert str(caught.value.span) == "t.lisp:1:36"


def test_calls_inside_a_gpu_module_may_mean_its_own_functions() -> None:
    text = ir_of(
        """
        (gpu.module {:sym_name "kernels"} (region (block []
          (func.func {:sym_name "inner" :function_type (-> [] [])}
            (region (block [] (func.return))))
          (gpu.func {:sym_name "k" :function_type (-> [] []) :gpu.kernel true}
            (region (block [] (call! inner) (gpu.return)))))))
        """
    )
    assert_lines(text, "gpu.module @kernels", "func.func @inner", "gpu.func @k() kernel", "@inner")
