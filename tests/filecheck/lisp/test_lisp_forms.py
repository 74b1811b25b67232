"""Special forms, operands, results, regions and successors: sections 5, 6.1, 6.2 and 6.5."""

from __future__ import annotations

import pytest
from lisp_lowering import assert_lines, body_of, ir_of

# -- operands and numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("(arith.addi x 3)", ["constant 3 : i32", "arith.addi %arg0, %c3_i32 : i32"]),
        ("(arith.addi 3 x)", ["constant 3 : i32"]),
        ("(arith.addi (arith.muli x x) 3)", ["arith.muli", "constant 3 : i32", "arith.addi %0"]),
        ("(arith.addi 1 2)", ["constant 1 : i64", "constant 2 : i64"]),
        ("(arith.addf 1.5 2.5)", ["constant 1.500000e+00 : f64"]),
        ("(arith.addf y 2)", ["constant 2.000000e+00 : f32"]),
        ("(arith.addi [x 4])", ["constant 4 : i32", "arith.addi %arg0, %c4_i32"]),
        ("(arith.addi [x (arith.muli x x)])", ["arith.muli", "arith.addi %arg0, %0"]),
        ("(arith.select b x (: 7 i32))", ["constant 7 : i32", "arith.select %arg2, %arg0, %c7"]),
        ("(arith.mulf v 2.0)", ["constant dense<2.000000e+00> : vector<4xf32>"]),
        ("(memref.load m 2)", ["constant 2 : index", "memref.load %arg4[%c2]"]),
        ("(memref.store 1.0 m 0)", ["constant 1.0", "constant 0 : index", "memref.store %cst"]),
        ("(memref.store y m 0)", ["constant 0 : index", "memref.store %arg1, %arg4[%c0]"]),
        ("(linalg.fill 0.0 m)", ["constant 0.0", "linalg.fill ins(%cst : f32)"]),
        ("(arith.addi x (let [z (: 5 i32)] (arith.muli z z)))", ["arith.muli", "arith.addi %arg0"]),
        ("(def [q] (arith.addi x x)) (arith.addi q q)", ["arith.addi %0, %0"]),
        ("(def n 5) (arith.addi n n)", ["constant 5 : i64"]),
        ("(def n 5.5) (arith.addf n n)", ["constant 5.500000e+00 : f64"]),
        ("(def n x) (def n (arith.addi n n)) (arith.addi n n)", ["arith.addi %0, %0"]),
        (
            "(def [a b] (arith.addui_extended {:result [i32 i1]} x x)) (arith.addi a a)",
            ["%sum, %overflow ="],
        ),
        (
            "(def a (arith.addui_extended {:result [i32 i1]} x x)) (arith.addi a a)",
            ["arith.addi %sum, %sum"],
        ),
        (
            "(let [a x [c d] (arith.addui_extended {:result [i32 i1]} a a)] (arith.addi c c))",
            ["addi %sum, %sum"],
        ),
        ("() x 5 nil", ["return"]),
    ],
)
def test_operands(form: str, lines: list[str]) -> None:
    text = body_of("(: x i32) (: y f32) (: b i1) (: v vector<4xf32>) (: m memref<8xf32>)", form)
    assert_lines(text, *lines)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("(: 42 i32)", "arith.constant 42 : i32"),
        ("(: -1e-5 f32)", "arith.constant -9.99999974E-6 : f32"),
        ("(: 0 index)", "arith.constant 0 : index"),
        ("(: 2.9 i32)", "arith.constant 2 : i32"),
        ("(: -2.9 i32)", "arith.constant -2 : i32"),
        ("(: 4294967295 i32)", "arith.constant -1 : i32"),
        ("(: 18446744073709551615 i64)", "arith.constant -1 : i64"),
        ("(: -9223372036854775808 i64)", "arith.constant -9223372036854775808 : i64"),
        ("(: 9007199254740993 i64)", "arith.constant 9007199254740993 : i64"),
        ("(: 170141183460469231731687303715884105727 i128)", "1687303715884105727 : i128"),
        ("(: 1.5 bf16)", "arith.constant 1.500000e+00 : bf16"),
        ("(: 1.5 f16)", "arith.constant 1.500000e+00 : f16"),
        ("(: true i1)", "arith.constant true"),
        ("(: 0 i1)", "arith.constant false"),
        ("(: 1 vector<2x4xf32>)", "arith.constant dense<1.000000e+00> : vector<2x4xf32>"),
        ("(: 7 tensor<4xi8>)", "arith.constant dense<7> : tensor<4xi8>"),
        ("(: 1e999 f32)", "arith.constant 0x7F800000 : f32"),
    ],
)
def test_typed_values(form: str, line: str) -> None:
    assert_lines(body_of("", form), line)


def test_the_type_of_a_typed_name_is_ignored() -> None:
    assert_lines(body_of("(: x i32)", "(arith.addi (: x i64) x)"), "arith.addi %arg0, %arg0 : i32")


# -- bare numbers where the position decides -------------------------------------------------------


def test_numbers_of_returns_and_yields() -> None:
    text = ir_of(
        """
        (defn f [(: c i1)] -> f32
          (def a (if {:result i8} c 1 2))
          (def b (scf.for {:result f32} (: 0 index) (: 4 index) 1 0.0
                   (region (block [(: i index) (: s f32)] (scf.yield 2.0)))))
          (def w (loop {:result i32} [v 0] :while (<i v 10) :do (+i v 1)))
          (func.return 3))
        """
    )
    assert_lines(
        text,
        "constant 1 : i8",
        "constant 2 : i8",
        "constant 1 : index",
        "constant 0.000000e+00 : f32",
        "constant 2.000000e+00 : f32",
        "constant 0 : i32",
        "constant 10 : i32",
        "constant 1 : i32",
        "constant 3.000000e+00 : f32",
    )


def test_numbers_passed_to_functions_have_the_type_of_the_parameter() -> None:
    text = ir_of("(extern-fn g (-> [i32 f32] [])) (defn f [] (call! g 1 2) (func.return))")
    assert_lines(text, "constant 1 : i32", "constant 2.000000e+00 : f32", "call @g")


# -- results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("(arith.index_cast {:result i64} i)", "arith.index_cast %arg0 : index to i64"),
        ('(memref.alloc {:result "memref<4xf32>"})', "memref.alloc() : memref<4xf32>"),
        ("(arith.addui_extended {:result [i32 i1]} x x)", "arith.addui_extended %arg1, %arg1"),
        ("(arith.addi x x)", "arith.addi %arg1, %arg1 : i32"),
        ("(memref.dim m 0)", "memref.dim %arg2"),
        ('(gpu.thread_id {:dimension "#gpu<dim y>"})', "gpu.thread_id y"),
        ("(affine.apply {:map affine_map<(d0) -> (d0 * 2)>} i)", "affine.apply #map(%arg0)"),
        ("(tensor.extract t i)", "tensor.extract %arg3[%arg0] : tensor<4xf32>"),
        ("(llvm.icmp {:predicate 0} x x)", 'llvm.icmp "eq" %arg1, %arg1 : i32'),
        ("(math.sqrt (tensor.extract t i))", "math.sqrt"),
        ("(complex.re c)", "complex.re %arg4"),
    ],
)
def test_results(form: str, line: str) -> None:
    parameters = "(: i index) (: x i32) (: m memref<?xf32>) (: t tensor<4xf32>) (: c complex<f32>)"
    assert_lines(body_of(parameters, form), line)


# -- regions, blocks, scopes -----------------------------------------------------------------------


def test_blocks_labels_and_arguments() -> None:
    text = ir_of(
        """
        (func.func {:sym_name "count" :function_type (-> [i32] [i32])}
          (region
            (block [(: n i32)] (cf.br ^loop 0))
            (block ^loop [(: i "i32")]
              (cf.cond_br (<i i n) ^more i ^done))
            (block ^more [(: j i32)] (let [k (+i j 1)] (cf.br ^loop k)))
            (block ^done (func.return i))))
        """
    )
    assert_lines(
        text,
        "func.func @count(%arg0: i32) -> i32",
        "cf.br ^bb1(%c0_i32 : i32)",
        "^bb1(%0: i32):",
        "cf.cond_br %1, ^bb2(%0 : i32), ^bb3",
        "^bb2(%2: i32):",
        "cf.br ^bb1(%3 : i32)",
        "^bb3:",
        "return %0 : i32",
    )


def test_segments_that_were_written_may_stand_at_a_branch() -> None:
    text = ir_of(
        """
        (func.func {:sym_name "f" :function_type (-> [i1 i32] [i32])}
          (region
            (block [(: c i1) (: x i32)]
              (cf.cond_br {:operandSegmentSizes array<i32: 1, 1, 0>} c ^a x ^b))
            (block ^a [(: y i32)] (func.return y))
            (block ^b [] (func.return x))))
        """
    )
    assert_lines(text, "cf.cond_br %arg0, ^bb1(%arg1 : i32), ^bb2")


def test_forms_outside_a_block_make_or_join_one() -> None:
    text = ir_of(
        """
        (func.func {:sym_name "f" :function_type (-> [] [])}
          (region (def x (: 1 i32)) (cf.br ^next) (block ^next [] (arith.addi x x)) (func.return)))
        """
    )
    assert_lines(text, "cf.br ^bb1", "^bb1:", "arith.addi", "return")


def test_names_of_a_dominating_block_are_visible_in_any_order_of_blocks() -> None:
    text = ir_of(
        """
        (func.func {:sym_name "f" :function_type (-> [i1] [i32])}
          (region
            (block [(: c i1)] (def a (: 1 i32)) (cf.cond_br c ^left ^right))
            (block ^end [] (func.return b))
            (block ^left [] (def b (arith.addi a a)) (cf.br ^end))
            (block ^right [] (func.return a))))
        """
    )
    assert_lines(text, "^bb1:", "return %0 : i32", "^bb2:", "%0 = arith.addi", "^bb3:")


def test_an_inner_region_sees_what_is_around_it() -> None:
    text = body_of(
        "(: c i1) (: x i32)",
        "(let [y (arith.addi x x)] (when c (def x y) (arith.muli x y)))",
        "(arith.subi x x)",
    )
    assert_lines(text, "%0 = arith.addi", "arith.muli %0, %0", "arith.subi %arg1, %arg1")


def test_an_empty_region_is_a_declaration() -> None:
    text = ir_of(
        """
        (func.func {:sym_name "a" :function_type (-> [] []) :sym_visibility "private"} (region))
        (func.func {:sym_name "b" :function_type (-> [] []) :sym_visibility "private"})
        (llvm.func {:sym_name "c" :function_type (-> [i32] [])})
        """
    )
    assert_lines(text, "func.func private @a()", "func.func private @b()", "llvm.func @c(i32)")


def test_a_missing_else_region() -> None:
    text = body_of("(: c i1)", "(scf.if c (region (block [] (scf.yield))))")
    assert_lines(text, "scf.if %arg0 {", "}", "return")
    text = body_of(
        "(: c i1)",
        "(scf.if c (region (block [] (scf.yield))) (region (block [] (scf.yield))))",
    )
    assert_lines(text, "scf.if %arg0 {", "} else {")


def test_a_parallel_loop_may_end_in_a_yield() -> None:
    text = body_of("(: n index)", "(scf.parallel 0 n 1 (region (block [(: i index)] (scf.yield))))")
    assert_lines(text, "scf.parallel (%arg1) = (%c0) to (%arg0) step (%c1)", "scf.reduce")


def test_the_dialect_operation_named_like_a_special_form() -> None:
    text = ir_of(
        """
        (gpu.module {:sym_name "kernels"} (region (block []
          (gpu.func {:sym_name "k" :function_type (-> [] [])} (region (block [] (gpu.return)))))))
        """
    )
    assert_lines(text, "gpu.module @kernels {", "gpu.func @k()", "gpu.return")


def test_module_at_the_top_makes_no_module() -> None:
    text = ir_of(
        """
        (module
          (require-dialect func)
          (do (defn main [] (call! helper) (func.return))))
        (defn helper [] (func.return))
        """
    )
    assert text.count("module") == 1
    assert_lines(text, "func.func @main()", "call @helper", "func.func @helper()")
