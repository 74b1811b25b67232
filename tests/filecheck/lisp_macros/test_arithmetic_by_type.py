"""The forms whose operations follow from the types of their operands."""

from __future__ import annotations

import functools

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.lisp import load_text, lower

HEAD = "(require-dialect func arith memref complex)\n"


@functools.cache
def context():
    return ir.new_context()


def operations(form, **parameters):
    """The operations of a function whose body is ``form``, without the return."""
    listed = " ".join(f"(: {name} {type_})" for name, type_ in parameters.items())
    text = f"{HEAD}(defn f [{listed}]\n{form}\n(func.return))"
    module = lower(load_text(text, "t.lisp"), context())
    (function,) = module.body.operations
    block = function.operation.regions[0].blocks[0]
    return [str(op).split(" = ")[-1] for op in block.operations][:-1]


@pytest.mark.parametrize(
    ("form", "type_", "lines"),
    [
        ("(+ a b)", "i32", ["arith.addi %arg0, %arg1 : i32"]),
        ("(+ a)", "i32", []),
        ("(- a b)", "index", ["arith.subi %arg0, %arg1 : index"]),
        ("(* a b)", "f32", ["arith.mulf %arg0, %arg1 : f32"]),
        ("(/ a b)", "i64", ["arith.divsi %arg0, %arg1 : i64"]),
        ("(/ a b)", "bf16", ["arith.divf %arg0, %arg1 : bf16"]),
        ("(+ a b)", "vector<4xf32>", ["arith.addf %arg0, %arg1 : vector<4xf32>"]),
        ("(* a b)", "tensor<?xi8>", ["arith.muli %arg0, %arg1 : tensor<?xi8>"]),
        ("(- a b)", "complex<f32>", ["complex.sub %arg0, %arg1 : complex<f32>"]),
        ("(- a)", "f64", ["arith.negf %arg0 : f64"]),
        ("(- a)", "i32", ["arith.constant 0 : i32", "arith.subi %c0_i32, %arg0 : i32"]),
        ("(+ a 2)", "f32", ["arith.constant 2.000000e+00 : f32", "arith.addf %arg0, %cst : f32"]),
        ("(- a b 1)", "i32", ["arith.constant 1 : i32", "arith.subi %arg0, %arg1 : i32",
                              "arith.subi %0, %c1_i32 : i32"]),
        ("(< a b)", "i32", ["arith.cmpi slt, %arg0, %arg1 : i32"]),
        ("(>= a b)", "index", ["arith.cmpi sge, %arg0, %arg1 : index"]),
        ("(<= a b)", "f32", ["arith.cmpf ole, %arg0, %arg1 : f32"]),
        ("(> a b)", "f32", ["arith.cmpf ogt, %arg0, %arg1 : f32"]),
        ("(= a b)", "f64", ["arith.cmpf oeq, %arg0, %arg1 : f64"]),
        ("(!= a b)", "f64", ["arith.cmpf une, %arg0, %arg1 : f64"]),
        ("(= a b)", "i1", ["arith.cmpi eq, %arg0, %arg1 : i1"]),
        ("(!= a b)", "!llvm.ptr", ['llvm.icmp "ne" %arg0, %arg1 : !llvm.ptr']),
        ("(< a b 9)", "i32", ["arith.constant 9 : i32", "arith.cmpi slt, %arg0, %arg1 : i32",
                              "arith.cmpi slt, %arg1, %c9_i32 : i32", "arith.andi %0, %1 : i1"]),
        ("(as-index a)", "i32", ["arith.index_cast %arg0 : i32 to index"]),
        ("(as-index a)", "index", []),
        ("(as-index a)", "i1", ["arith.index_castui %arg0 : i1 to index"]),
        ("(as-index 3)", "i1", ["arith.constant 3 : index"]),
        ("(+ 1 2)", "i1", ["arith.constant 1 : i64", "arith.constant 2 : i64",
                           "arith.addi %c1_i64, %c2_i64 : i64"]),
        ("(+ 1 2.5)", "i1", ["arith.constant 1.000000e+00 : f64",
                             "arith.constant 2.500000e+00 : f64",
                             "arith.addf %cst, %cst_0 : f64"]),
    ],
)  # fmt: skip
def test_operations(form, type_, lines):
    assert operations(form, a=type_, b=type_) == lines


@pytest.mark.parametrize(
    ("form", "place", "message"),
    [
        ("(+)", "3:1", "'+' takes at least 1 operand, got 0"),
        ("(/ a)", "3:1", "'/' takes at least 2 operands, got 1"),
        ("(< a)", "3:1", "'<' takes at least 2 operands, got 1"),
        ("(!= a a a)", "3:1", "'!=' takes 2 operands, got 3"),
        ("(+ a b)", "3:6", "the operands of '+' must have one type, got i32 and f32"),
        ("(* a 0.5)", "3:6", "the operands of '*' have type i32, got 0.5"),
        ("(+ m m)", "3:1", "'+' does not work on memref<2xf32>"),
        ("(+ c c)", "3:1", "'+' does not work on i1"),
        ("(- c)", "3:1", "'-' does not work on i1"),
        ("(< c c)", "3:1", "'<' does not work on i1"),
        ("(< p p)", "3:1", "'<' does not work on !llvm.ptr"),
        ("(= z z)", "3:1", "'=' does not work on complex<f32>"),
        ("(+ {:x 1} a)", "3:1", "'+' takes operands only"),
        ("(+ a x)", "3:6", "undefined symbol: x"),
        ("(as-index b)", "3:11", "expected an integer or an index, got f32"),
        ("(as-index 0.5)", "3:11", "expected an integer or an index, got 0.5"),
        ("(as-index a a)", "3:1", "'as-index' takes 1 operand, got 2"),
        ("(as-index)", "3:1", "'as-index' takes 1 operand, got 0"),
    ],
)
def test_mistakes(form, place, message):
    kinds = {"a": "i32", "b": "f32", "c": "i1", "m": "memref<2xf32>", "p": "!llvm.ptr",
             "z": "complex<f32>"}  # fmt: skip
    with pytest.raises(UserError) as caught:
        operations(form, **kinds)
    assert caught.value.message == message
    assert str(caught.value.span) == f"t.lisp:{place}"


def test_operands_are_made_once_and_in_order():
    lines = operations("(< (+ a 1) (* a 2) (- a 3))", a="i32")
    names = [line.split(" ")[0] for line in lines if "constant" not in line]
    assert names == [
        "arith.addi", "arith.muli", "arith.subi", "arith.cmpi", "arith.cmpi", "arith.andi",
    ]  # fmt: skip


def test_value_functions_are_declared_where_they_are_used():
    text = f"""{HEAD}(defn f [] (call! value_list_push (call !llvm.ptr value_list_new) `x)
                      (func.return))"""
    module = ir.to_text(lower(load_text(text, "t.lisp"), context()))
    assert "func.func private @value_list_push(!llvm.ptr, !llvm.ptr)" in module
    assert module.count("func.func private @value_list_new() -> !llvm.ptr") == 1
    assert "@value_symbol_new(!llvm.ptr) -> !llvm.ptr" in module
    assert "value_list_len" not in module


def test_mistakes_in_an_expansion_show_the_macro():
    text = f"""{HEAD}
(defn m [(: args !llvm.ptr)] -> !llvm.ptr (func.return `(arith.addi (: 1 i32) (: 1 i64))))
(defmacro m)
(defn f []
  (m)
  (func.return))"""
    with pytest.raises(UserError) as caught:
        lower(load_text(text, "t.lisp"), context())
    assert str(caught.value.span) == "t.lisp:6:3"
    (note,) = caught.value.notes
    assert (note.message, str(note.span)) == (
        "in the expansion of macro 'm', written here",
        "t.lisp:3:7",
    )
