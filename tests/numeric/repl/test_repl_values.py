"""Values at the prompt: how each kind is shown, kept, and used by later lines."""

from __future__ import annotations

import pytest

SHOWN = [
    ("(arith.addi (: 1 i32) (: 2 i32))", "3 : i32"),
    ("(arith.subi (: 1 i8) (: 2 i8))", "-1 : i8"),
    ("(arith.muli (: 1000000007 i128) (: 1000000007 i128))", "1000000014000000049 : i128"),
    ("(arith.trunci {:result i7} (: 65 i32))", "-63 : i7"),
    ("(: 7 index)", "7 : index"),
    ("5", "5 : i64"),
    ("2.5", "2.5 : f64"),
    ('(arith.cmpi {:predicate "slt"} (: 1 i32) (: 2 i32))', "true : i1"),
    ("(arith.divf (: 1.0 f32) (: 3.0 f32))", "0.33333334 : f32"),
    ("(arith.divf (: 1.0 f64) (: 0.0 f64))", "inf : f64"),
    ("(: 1.5 bf16)", "1.5 : bf16"),
    ("(: 0.1 f16)", "0.1 : f16"),
    ("(llvm.mlir.zero {:result !llvm.ptr})", "null : !llvm.ptr"),
    ("(complex.create {:result complex<f32>} (: 1.5 f32) (: -2.0 f32))", "1.5 - 2i : complex<f32>"),
    ("(vector.broadcast {:result vector<3xf32>} (: 1.5 f32))", "[1.5 1.5 1.5] : vector<3xf32>"),
    ("(: 1 vector<2x3xi16>)", "[[1 1 1]\n [1 1 1]] : vector<2x3xi16>"),
    ("(: 1 vector<5xi1>)", "[ True  True  True  True  True] : vector<5xi1>"),
    (
        "(tensor.from_elements {:result tensor<2x2xi64>} (: 1 i64) (: 2 i64) (: 3 i64) (: 4 i64))",
        "[[1 2]\n [3 4]] : tensor<2x2xi64>",
    ),
    (
        "(llvm.insertvalue {:position array<i64: 0>} "
        '(llvm.mlir.zero {:result "!llvm.struct<(i32, array<2 x f32>)>"}) (: 9 i32))',
        "{9, [0, 0]} : !llvm.struct<(i32, array<2 x f32>)>",
    ),
]


@pytest.mark.parametrize(("line", "shown"), SHOWN, ids=[shown for _, shown in SHOWN])
def test_value_is_shown_with_its_type(talk, line, shown):
    assert talk(line) == [shown]


@pytest.mark.parametrize(("line", "shown"), SHOWN, ids=[shown for _, shown in SHOWN])
def test_value_is_kept(talk, line, shown):
    text = shown.replace("\n", "\n       ")
    assert talk(f"(def kept {line})") == [f"kept = {text}"]
    assert talk("kept") == [shown]


def test_all_results_of_an_operation(talk):
    line = "(arith.mului_extended (: -1 i32) (: 3 i32))"
    assert talk(line) == ["-3 : i32", "2 : i32"]
    assert talk(f"(def [low high] {line})") == ["low = -3 : i32", "high = 2 : i32"]
    assert talk("(arith.addi low high)") == ["-1 : i32"]


def test_operation_without_a_value_shows_nothing(talk):
    talk("(def m0 (memref.alloc {:result memref<2xi32>}))")
    assert talk("(memref.store (: 3 i32) m0 (: 0 index))") == []


def test_memref_keeps_its_memory(talk):
    assert talk("(def m (memref.alloc {:result memref<2x3xf32>}))") == ["m : memref<2x3xf32>"]
    talk("(linalg.fill (: 1.5 f32) m)")
    talk("(memref.store (: 7.0 f32) m (: 1 index) (: 2 index))")
    assert talk("m") == ["[[1.5 1.5 1.5]\n [1.5 1.5 7. ]] : memref<2x3xf32>"]


def test_view_shares_memory(talk):
    talk("(def whole (memref.alloc {:result memref<2x3xi32>}))")
    talk("(linalg.fill (: 0 i32) whole)")
    talk(
        "(def part (memref.subview {:static_offsets array<i64: 0, 1> :static_sizes array<i64: 2, 2>"
        ' :static_strides array<i64: 1, 1> :result "memref<2x2xi32, strided<[3, 1], offset: 1>>"}'
        " whole))"
    )
    talk("(memref.store (: 4 i32) part (: 1 index) (: 1 index))")
    assert talk("whole") == ["[[0 0 0]\n [0 0 4]] : memref<2x3xi32>"]
    assert talk("part") == ["[[0 0]\n [0 4]] : memref<2x2xi32, strided<[3, 1], offset: 1>>"]


def test_memory_of_the_line_outlives_it(talk):
    talk("(def stack (memref.alloca {:result memref<2xi32>}))")
    talk("(linalg.fill (: 5 i32) stack)")
    assert talk("stack") == ["[5 5] : memref<2xi32>"]


def test_constants_of_a_line_outlive_it(talk, capfd):
    talk("(extern-fn strlen (-> [!llvm.ptr] [i64]))")
    talk('(def text (c-string "constants"))')
    for number in range(3):
        talk(f"(: {number} i32)")
    assert talk("(call i64 strlen text)") == ["9 : i64"]


def test_dynamic_sizes(talk):
    talk('(def d (memref.alloc {:result "memref<?x?xi64>"} (: 2 index) (: 1 index)))')
    talk("(linalg.fill (: 8 i64) d)")
    assert talk("d") == ["[[8]\n [8]] : memref<?x?xi64>"]
    assert talk("(memref.dim d (: 0 index))") == ["2 : index"]


def test_freed_memory_has_no_name(fresh_talk):
    fresh_talk("(def gone (memref.alloc {:result memref<2xi32>}))")
    assert fresh_talk("(memref.dealloc gone)") == []
    assert "undefined symbol: gone" in fresh_talk("gone")[0]


def test_tensor_is_a_value(talk):
    talk("(def t (tensor.from_elements {:result tensor<3xi32>} (: 1 i32) (: 2 i32) (: 3 i32)))")
    changed = talk("(tensor.insert (: 9 i32) t (: 0 index))")
    assert changed == ["[9 2 3] : tensor<3xi32>"]
    assert talk("t") == ["[1 2 3] : tensor<3xi32>"]
    assert talk("(arith.addi t t)") == ["[2 4 6] : tensor<3xi32>"]


def test_last_values(talk):
    talk("(: 1 i32)")
    talk("(: 2 i32)")
    assert talk("(arith.subi *1 *2)") == ["1 : i32"]
    assert talk("*3") == ["1 : i32"]


def test_def_again_replaces(talk):
    talk("(def x (: 5 i32))")
    talk("(def x (arith.extsi {:result i64} x))")
    assert talk("(arith.muli x x)") == ["25 : i64"]


def test_value_without_a_form_in_memory(fresh_talk):
    line = "(memref.cast {:result memref<*xf32>} (memref.alloc {:result memref<2xf32>}))"
    assert fresh_talk(line) == ["... : memref<*xf32>"]
    (error,) = fresh_talk(f"(def u {line})")
    assert error.startswith(
        "<repl:2>:1:1: error: 'u' cannot be kept: a value of type memref<*xf32>"
    )


def test_pointer_into_the_stack_is_refused(fresh_talk):
    (error,) = fresh_talk("(def p (llvm.alloca {:elem_type i32 :result !llvm.ptr} (: 1 i64)))")
    assert error.startswith("<repl:1>:1:8: error: memory of llvm.alloca is gone")
    assert "malloc" in error
