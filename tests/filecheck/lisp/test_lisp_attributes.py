"""Attributes and operand segments: sections 6.3 and 6.4 of the language reference."""

from __future__ import annotations

import pytest
from lisp_lowering import assert_lines, body_of, ir_of, lowered


def attribute(written: str) -> str:
    """How MLIR prints what ``written`` becomes as a discardable attribute."""
    head = ':sym_name "g" :global_type i32 :linkage 0'
    module = lowered(f"(llvm.mlir.global {{{head} :foo.x {written}}})")
    operation = next(iter(module.body.operations)).operation
    return str(operation.attributes["foo.x"])


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ('"@name"', "@name"),
        ("@name", "@name"),
        ('"@a::@b"', "@a::@b"),
        ('"text"', '"text"'),
        ('""', '""'),
        ('"a\\0b"', '"a\\00b"'),
        ('"# title\\0"', '"# title\\00"'),
        ('"@name\\0"', '"@name\\00"'),
        ('"array<i32: 1>\\0"', '"array<i32: 1>\\00"'),
        ('"#linalg.iterator_type<parallel>"', "#linalg.iterator_type<parallel>"),
        ('"array<i32: 1, 2>"', "array<i32: 1, 2>"),
        ('"dense<[1, 2]> : tensor<2xi32>"', "dense<[1, 2]> : tensor<2xi32>"),
        ('"affine_map<(d0) -> (d0)>"', "affine_map<(d0) -> (d0)>"),
        ("array<i64: -9223372036854775808, 0>", "array<i64: -9223372036854775808, 0>"),
        ("array<i32: 0 1 1>", "array<i32: 0, 1, 1>"),
        ('"array<i32: 0 -1>"', "array<i32: 0, -1>"),
        ("array<i32>", "array<i32>"),
        ("affine_map<(d0, d1) -> (d1, d0 * 4 + 1)>", "affine_map<(d0, d1) -> (d1, d0 * 4 + 1)>"),
        ("affine_set<(d0) : (d0 - 2 >= 0)>", "affine_set<(d0) : (d0 - 2 >= 0)>"),
        ("memref<4xf32>", "memref<4xf32>"),
        ("i32", "i32"),
        ("!llvm.ptr", "!llvm.ptr"),
        ("!llvm.func<i32 (ptr, ...)>", "!llvm.func<i32 (ptr, ...)>"),
        ("42", "42 : i64"),
        ("-9223372036854775808", "-9223372036854775808 : i64"),
        ("2.0", "2 : i64"),
        ("2.5", "2.500000e+00 : f64"),
        ("true", "true"),
        ("false", "false"),
        ("(: 7 i32)", "7 : i32"),
        ("(: 7 f32)", "7.000000e+00 : f32"),
        ("(: true i1)", "true"),
        ("(: dense<[1, 2]> tensor<2xi32>)", "dense<[1, 2]> : tensor<2xi32>"),
        ('"dense<[1 2]> : tensor<2xi32>"', "dense<[1, 2]> : tensor<2xi32>"),
        ("(-> [i64 !llvm.ptr] [i32])", "(i64, !llvm.ptr) -> i32"),
        ("(-> [] [i32 f64])", "() -> (i32, f64)"),
        ("(-> [!llvm.ptr ...] [i32])", "!llvm.func<i32 (ptr, ...)>"),
        ("(-> [i32 ...] [])", "!llvm.func<void (i32, ...)>"),
        ('[1 "a" i32 [true]]', '[1, "a", i32, [true]]'),
        ("[]", "[]"),
    ],
)
def test_conversions(written: str, printed: str) -> None:
    assert attribute(written) == printed


@pytest.mark.parametrize(
    ("form", "line"),
    [
        *[
            (f'(arith.cmpi {{:predicate "{name}"}} x x)', f"arith.cmpi {name}, %arg0")
            for name in ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
        ],
        ("(arith.cmpi {:predicate 2} x x)", "arith.cmpi slt"),
        ("(arith.cmpi {:predicate (: 9 i64)} x x)", "arith.cmpi uge"),
        ('(arith.cmpf {:predicate "olt"} y y)', "arith.cmpf olt"),
        ('(arith.cmpf {:predicate "true"} y y)', "arith.cmpf true"),
        ("(arith.cmpf {:predicate 1} y y)", "arith.cmpf oeq"),
        ('(llvm.icmp {:predicate "ult"} x x)', 'llvm.icmp "ult"'),
        ('(index.cmp {:pred "slt"} i i)', "index.cmp slt(%arg2, %arg2)"),
        ('(index.cmp {:pred "#index<cmp_predicate ugt>"} i i)', "index.cmp ugt(%arg2, %arg2)"),
        ("(arith.constant {:value 42 :result i32})", "arith.constant 42 : i32"),
        ("(arith.constant {:value 42 :result f32})", "arith.constant 4.200000e+01 : f32"),
        ("(arith.constant {:value true})", "arith.constant true"),
        ("(arith.constant {:value (: 3 index)})", "arith.constant 3 : index"),
        ("(index.constant {:value 42})", "index.constant 42"),
        (
            "(llvm.mlir.constant {:value 50256 :result i32})",
            "llvm.mlir.constant(50256 : i64) : i32",
        ),
        ('(gpu.thread_id {:dimension "x"})', "gpu.thread_id x"),
        ('(gpu.shuffle {:mode "xor"} y (: 1 i32) (: 32 i32))', "gpu.shuffle xor %arg1"),
        ("(vector.extract {:position [0 1]} w)", "vector.extract %arg4[0, 1]"),
        ('(arith.addf {:fastmath "fast"} y y)', "arith.addf %arg1, %arg1 fastmath<fast> : f32"),
        ('(arith.addi {:overflowFlags "nsw"} x x)', "arith.addi %arg0, %arg0 overflow<nsw> : i32"),
        ('(vector.reduction {:kind "add" :result f32} v)', "vector.reduction <add>, %arg3"),
        ("(llvm.load {:volatile_ true :result i32} p)", "llvm.load volatile %arg5"),
        ("(llvm.load {:volatile_ false :result i32} p)", "llvm.load %arg5"),
        ("(memref.alloc {:alignment 64 :result memref<4xf32>})", "{alignment = 64 : i64}"),
    ],
)
def test_conversions_by_operation(form: str, line: str) -> None:
    parameters = (
        "(: x i32) (: y f32) (: i index) (: v vector<4xf32>) (: w vector<2x4xf32>) (: p !llvm.ptr)"
    )
    assert_lines(body_of(parameters, form), line)


@pytest.mark.parametrize(
    ("linkage", "printed"),
    [
        ("0", "external"), ("1", "available_externally"), ("2", "linkonce"), ("3", "linkonce_odr"),
        ("4", "weak"), ("5", "weak_odr"), ("7", "internal"), ("8", "private"),
        ("9", "extern_weak"), ("10", "external"), ("77", "external"), ('"internal"', "internal"),
        ('"#llvm.linkage<internal>"', "internal"),
    ],
)  # fmt: skip
def test_linkage(linkage: str, printed: str) -> None:
    module = lowered(f'(llvm.mlir.global {{:sym_name "g" :linkage {linkage} :global_type i32}})')
    operation = next(iter(module.body.operations)).operation
    assert str(operation.attributes["linkage"]) == f"#llvm.linkage<{printed}>"


def test_globals() -> None:
    text = ir_of(
        r"""
        (llvm.mlir.global {:sym_name "a" :linkage 7 :global_type i32 :constant true}
          (region (block [] (def z (llvm.mlir.constant {:value 5 :result i32})) (llvm.return z))))
        (llvm.mlir.global {:sym_name "b" :linkage 0 :global_type !llvm.ptr :constant false}
          (region (block [] (llvm.return (llvm.mlir.zero {:result !llvm.ptr})))))
        (llvm.mlir.global {:sym_name "c" :linkage 7 :global_type !llvm.array<3 x i8>
                           :value "ab\0" :addr_space 0})
        """
    )
    assert_lines(
        text,
        "llvm.mlir.global internal constant @a()",
        "llvm.mlir.constant(5 : i64) : i32",
        "llvm.mlir.global external @b()",
        'llvm.mlir.global internal @c("ab\\00")',
    )


def test_a_defn_asks_for_its_c_interface() -> None:
    assert_lines(body_of(""), "func.func @f() attributes {llvm.emit_c_interface} {")


# -- segments --------------------------------------------------------------------------------------

LAUNCH_BODY = (
    "(region (block [" + " ".join(f"(: a{n} index)" for n in range(12)) + "] (gpu.terminator)))"
)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("(memref.alloc {:result memref<?x4x?xf32>} n n)", "memref.alloc(%arg0, %arg0)"),
        ("(memref.alloca {:result memref<?xf32>} n)", "memref.alloca(%arg0)"),
        (
            '(memref.alloc {:result "memref<?xf32, affine_map<(d0)[s0] -> (d0 + s0)>>"} n n)',
            "memref.alloc(%arg0)[%arg0]",
        ),
        (
            "(memref.subview {:static_offsets array<i64: -9223372036854775808, 0>"
            " :static_sizes array<i64: 1, 4> :static_strides array<i64: 1, 1>"
            ' :result "memref<4xf32, strided<[1], offset: ?>>"} m n)',
            "memref.subview %arg1[%arg0, 0] [1, 4] [1, 1]",
        ),
        (
            "(memref.subview {:static_offsets [-9223372036854775808 0] :static_sizes [1 4]"
            " :static_strides [1 1] :operandSegmentSizes [1 1 0 0]"
            ' :result "memref<4xf32, strided<[1], offset: ?>>"} m n)',
            "memref.subview %arg1[%arg0, 0] [1, 4] [1, 1]",
        ),
        (
            "(scf.parallel [0 0] [n n] [1 1] (region (block [(: i index) (: j index)]"
            " (scf.reduce))))",
            "scf.parallel (%arg2, %arg3) = (%c0, %c0_0) to (%arg0, %arg0) step (%c1, %c1_1)",
        ),
        (
            "(scf.parallel {:operandSegmentSizes array<i32: 1 1 1 0>} 0 n 1"
            " (region (block [(: i index)] (scf.reduce))))",
            "scf.parallel (%arg2) = (%c0) to (%arg0) step (%c1)",
        ),
        (
            f'(gpu.launch {{:operandSegmentSizes "array<i32: 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0>"}}'
            f" n n n n n n {LAUNCH_BODY})",
            "gpu.launch blocks(%arg2, %arg3, %arg4)",
        ),
        (f"(gpu.launch n n n 32 1 1 {LAUNCH_BODY})", "%arg11 = %c32"),
        (
            "(affine.for {:lowerBoundMap affine_map<() -> (0)> :upperBoundMap"
            " affine_map<(d0) -> (d0)> :step (: 1 index)} [] [n] []"
            " (region (block [(: i index)] (affine.yield))))",
            "affine.for %arg2 = 0 to #map(%arg0) {",
        ),
        ("(gpu.alloc {:result memref<?xf32>} n)", "gpu.alloc  (%arg0)"),
    ],
)
def test_segments(form: str, line: str) -> None:
    assert_lines(body_of("(: n index) (: m memref<8x4xf32>)", form), line)
