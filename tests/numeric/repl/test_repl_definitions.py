"""Definitions at the prompt: they stay, may use each other, and may be replaced."""

from __future__ import annotations

SQUARE = "(defn square [(: a i32)] -> i32 (func.return (arith.muli a a)))"
POWER4 = "(defn power4 [(: a i32)] -> i32 (func.return (call i32 square (call i32 square a))))"


def test_function_is_called_by_later_lines(talk):
    assert talk(SQUARE) == ["square : (i32) -> i32"]
    assert talk("(call i32 square (: 7 i32))") == ["49 : i32"]
    assert talk(POWER4) == ["power4 : (i32) -> i32"]
    assert talk("(call i32 power4 (: 3 i32))") == ["81 : i32"]


def test_redefinition_reaches_earlier_functions(talk):
    talk(SQUARE)
    talk(POWER4)
    assert talk("(call i32 power4 (: 3 i32))") == ["81 : i32"]
    talk("(defn square [(: a i32)] -> i32 (func.return (arith.addi a a)))")
    assert talk("(call i32 power4 (: 3 i32))") == ["12 : i32"]


def test_redefinition_with_another_type_names_who_breaks(fresh_talk):
    fresh_talk(SQUARE)
    fresh_talk(POWER4)
    made, warning = fresh_talk("(defn square [(: a i64)] -> i64 (func.return a))")
    assert made == "square : (i64) -> i64"
    assert warning.startswith("'power4' does not fit any more:\n<repl:2>:1:")
    (error,) = fresh_talk("(call i32 power4 (: 3 i32))")
    assert error.startswith("<repl:2>:1:")


def test_functions_of_one_line_may_use_each_other(talk):
    line = """
    (defn even [(: n i64)] -> i1
      (func.return (if {:result i1} (=i n 0) (: 1 i1) (call i1 odd (-i n 1)))))
    (defn odd [(: n i64)] -> i1
      (func.return (if {:result i1} (=i n 0) (: 0 i1) (call i1 even (-i n 1)))))
    (call i1 odd (: 7 i64))
    """
    assert talk(line) == ["even : (i64) -> i1", "odd : (i64) -> i1", "true : i1"]


def test_declaration_first_definition_later(talk):
    talk("(extern-fn later (-> [i64] [i64]))")
    talk("(defn early [(: n i64)] -> i64 (func.return (call i64 later n)))")
    talk("(defn later [(: n i64)] -> i64 (func.return (+i n 100)))")
    assert talk("(call i64 early (: 1 i64))") == ["101 : i64"]
    assert talk("(extern-fn later (-> [i64] [i64]))") == []
    assert talk("(call i64 early (: 2 i64))") == ["102 : i64"]


def test_function_on_memrefs(talk):
    talk(
        "(defn first [(: m memref<?xf32>)] -> f32 (func.return (memref.load m (: 0 index))))"
        "(def big (memref.alloc {:result memref<?xf32>} (: 4 index)))"
        "(linalg.fill (: 2.5 f32) big)"
    )
    assert talk("(call f32 first big)") == ["2.5 : f32"]
    talk(
        "(defn make [] -> memref<2xi32> (def m (memref.alloc {:result memref<2xi32>}))"
        " (linalg.fill (: 3 i32) m) (func.return m))"
    )
    assert talk("(call memref<2xi32> make)") == ["[3 3] : memref<2xi32>"]


def test_function_on_tensors(talk):
    talk("(defn twice [(: t tensor<2xi32>)] -> tensor<2xi32> (func.return (arith.addi t t)))")
    talk("(def t (tensor.from_elements {:result tensor<2xi32>} (: 1 i32) (: 2 i32)))")
    assert talk("(call tensor<2xi32> twice (call tensor<2xi32> twice t))") == [
        "[4 8] : tensor<2xi32>"
    ]


def test_global_keeps_its_memory(talk):
    talk(
        '(memref.global {:sym_name "count" :type memref<i32> :sym_visibility "private"'
        ' :initial_value "dense<5> : tensor<i32>"})'
    )
    talk(
        "(defn tick [] -> i32 (def c (memref.get_global {:name @count :result memref<i32>}))"
        " (def n (arith.addi (memref.load c) 1)) (memref.store n c) (func.return n))"
    )
    assert talk("(call i32 tick)") == ["6 : i32"]
    talk("(defn tock [] -> i32 (func.return (call i32 tick)))")
    assert talk("(call i32 tock)") == ["7 : i32"]
    assert talk("(memref.get_global {:name @count :result memref<i32>})") == ["7 : memref<i32>"]


def test_llvm_global_and_its_address(talk):
    talk(
        '(llvm.mlir.global {:sym_name "word" :linkage "#llvm.linkage<internal>"'
        " :global_type i64 :value (: 7 i64)})"
    )
    talk("(def p (llvm.mlir.addressof {:global_name @word :result !llvm.ptr}))")
    talk("(llvm.store (: 8 i64) p)")
    load = "(llvm.load {:result i64} (llvm.mlir.addressof {:global_name @word :result !llvm.ptr}))"
    assert talk(load) == ["8 : i64"]


def test_structs_stay(talk):
    talk("(defstruct Point [x i32] [y f64])")
    talk("(def s (new Point))(Point/y! s (: 2.5 f64))")
    assert talk("(Point/y s)") == ["2.5 : f64"]


def test_c_functions(talk):
    talk("(extern-fn labs (-> [i64] [i64]))")
    assert talk("(call i64 labs (: -4 i64))") == ["4 : i64"]
    talk("(extern-fn nowhere_at_all (-> [i64] [i64]))")


def test_c_function_that_is_nowhere(fresh_talk):
    fresh_talk("(extern-fn nowhere_at_all (-> [i64] [i64]))")
    (error,) = fresh_talk("(call i64 nowhere_at_all (: 4 i64))")
    assert error.startswith("<repl:2>:1:1: error: the function 'nowhere_at_all'")


def test_required_file_is_read_again(talk, tmp_path):
    file = tmp_path / "lib.lisp"
    text = "(require-dialect func arith)(defn three [] -> i32 (func.return (: 3 i32)))"
    file.write_text(text)
    talk(f'(require ["{file}" :as lib])')
    assert talk("(call i32 lib/three)") == ["3 : i32"]
    file.write_text(text.replace(": 3", ": 33"))
    talk(f'(require ["{file}" :as lib])')
    assert talk("(call i32 lib/three)") == ["33 : i32"]


def test_loaded_file_may_require_beside_itself(talk, tmp_path):
    (tmp_path / "low.lisp").write_text(
        "(require-dialect func)(defn low [] -> i32 (func.return (: 4 i32)))"
    )
    high = tmp_path / "high.lisp"
    high.write_text(
        '(require-dialect func)(require ["low.lisp" :as l])'
        "(defn high [] -> i32 (func.return (call i32 l/low)))"
    )
    assert talk(str(high), do="load") == ["low : () -> i32", "high : () -> i32"]
    assert talk("(call i32 high)") == ["4 : i32"]


def test_dialect_required_later(fresh_talk):
    assert "unknown dialect 'ml_program'" in fresh_talk("(ml_program.token)")[0]


def test_dialect_alias(talk):
    talk("(require-dialect [arith :as a])")
    assert talk("(a/addi (: 1 i32) (: 1 i32))") == ["2 : i32"]


def test_macro_written_at_the_prompt(talk):
    talk(
        "(defn twofold [(: args !llvm.ptr)] -> !llvm.ptr"
        " (def x (call !llvm.ptr value_list_first args)) (func.return `(+ ~x ~x)))"
        "(defmacro twofold)"
    )
    assert talk("(twofold (: 21 i32))") == ["42 : i32"]


def test_prelude(talk):
    assert talk("(+ 1 2 3)") == ["6 : i64"]
    assert talk("(inc (: 1.5 f32))") == ["2.5 : f32"]
    assert talk("(for {:result i64} [i 0 4] [s 1] (* s 2))") == ["16 : i64"]


def test_constant_global_and_printed_string(talk, capfd):
    assert talk(
        '(memref.global {:sym_name "table" :type memref<2xi32> :constant true'
        ' :initial_value "dense<[1, 2]> : tensor<2xi32>"})'
    ) == ["table : constant"]
    assert talk("(memref.get_global {:name @table :result memref<2xi32>})") == [
        "[1 2] : memref<2xi32>"
    ]
    assert talk('(print "text\\n")') == ["5 : i32"]
    assert talk('(print "text\\n")') == ["5 : i32"]
