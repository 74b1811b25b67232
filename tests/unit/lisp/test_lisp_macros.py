"""The exact expansions of the built-in macros: section 7 of the language reference."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.lisp import expand, load_text, read, to_text
from pharos.lisp.namespaces import Namespaces


def expanded(text: str) -> list[str]:
    return [to_text(value) for value in expand(read(text, "t.lisp"))]


def same(text: str) -> str:
    """``text`` as it prints, so that tests may break lines."""
    (value,) = read(text, namespaces=Namespaces(lenient=True))
    return to_text(value)


CASES = [
    (
        "(defn f [(: a i64) (: b \"memref<4xf32>\")] -> f32 (g a) (h b))",
        """(func.func {:sym_name "f" :function_type (-> [i64 "memref<4xf32>"] [f32])
                       :llvm.emit_c_interface true}
             (do (block [(: a i64) (: b "memref<4xf32>")] (g a) (h b))))""",
    ),
    (
        "(defn f [] (g))",
        """(func.func {:sym_name "f" :function_type (-> [] []) :llvm.emit_c_interface true}
             (do (block [] (g))))""",
    ),
    ("(when c (f) (g))", "(scf.if c (region (block [] (f) (g) (scf.yield))))"),
    (
        "(if {:result i32} c a b)",
        """(scf.if {:result i32} c (region (block [] (scf.yield a)))
                                   (region (block [] (scf.yield b))))""",
    ),
    (
        "(if {:result i32} c (do (f) a) (let [x 1 [y z] (g)] (f) (h x)))",
        """(scf.if {:result i32} c
             (region (block [] (f) (scf.yield a)))
             (region (block [] (def x 1) (def [y z] (g)) (f) (scf.yield (h x)))))""",
    ),
    (
        "(if c (f) (do (g) (h)))",
        """(scf.if c (region (block [] (f) (scf.yield)))
                     (region (block [] (g) (h) (scf.yield))))""",
    ),
    (
        "(if c nil x)",
        "(scf.if c (region (block [] (scf.yield))) (region (block [] (scf.yield))))",
    ),
    (
        "(if {:foo 1} c (f) (g))",
        """(scf.if {:foo 1} c (region (block [] (f) (scf.yield)))
                              (region (block [] (g) (scf.yield))))""",
    ),
    (
        "(cond {:result i32} a 1 b (do (f) 2) :else 3)",
        """(scf.if {:result i32} a
             (region (block [] (scf.yield 1)))
             (region (block [] (scf.yield
               (scf.if {:result i32} b
                 (region (block [] (f) (scf.yield 2)))
                 (region (block [] (scf.yield 3))))))))""",
    ),
    (
        "(cond a (f) b (g) :else (h))",
        """(scf.if a
             (region (block [] (f) (scf.yield)))
             (region (block []
               (scf.if b (region (block [] (g) (scf.yield))) (region (block [] (h) (scf.yield))))
               (scf.yield))))""",
    ),
    ("(and)", "(: 1 i1)"),
    ("(or)", "(: 0 i1)"),
    ("(and (f))", "(f)"),
    ("(or (f))", "(f)"),
    (
        "(and a b)",
        """(scf.if {:result i1} a (region (block [] (scf.yield b)))
                                  (region (block [] (scf.yield (: 0 i1)))))""",
    ),
    (
        "(or a b c)",
        """(scf.if {:result i1} a (region (block [] (scf.yield (: 1 i1))))
             (region (block [] (scf.yield
               (scf.if {:result i1} b (region (block [] (scf.yield (: 1 i1))))
                                      (region (block [] (scf.yield c))))))))""",
    ),
    (
        "(loop {:result i64} [v 1] :while (<i v 9) :do (+i v v))",
        """(scf.while {:result i64} 1
             (region (block [(: v i64)] (scf.condition (arith.cmpi {:predicate "slt"} v 9) v)))
             (region (block [(: v i64)] (scf.yield (arith.addi v v)))))""",
    ),
    *[
        (f"({name} a b)", f"(arith.{operation} a b)")
        for name, operation in {
            "+i": "addi", "-i": "subi", "*i": "muli", "/i": "divsi", "/ui": "divui",
            "+f": "addf", "-f": "subf", "*f": "mulf", "/f": "divf",
        }.items()
    ],
    *[
        (f"({name} a b)", f'(arith.cmpi {{:predicate "{predicate}"}} a b)')
        for name, predicate in {
            "<=i": "sle", "<i": "slt", ">=i": "sge", ">i": "sgt", "=i": "eq", "!=i": "ne",
        }.items()
    ],
    ("(call i64 f a 1)", "(func.call {:callee @f :result i64} a 1)"),
    ("(call [i64 f32] f)", "(func.call {:callee @f :result [i64 f32]})"),
    ("(call! f a)", "(func.call {:callee @f} a)"),
    (
        "(vararg-call i32 printf (-> [!llvm.ptr ...] [i32]) s x)",
        """(llvm.call {:callee @printf :vararg (-> [!llvm.ptr ...] [i32]) :result i32} s x)""",
    ),
    (
        "(extern-fn malloc (-> [i64] [!llvm.ptr]))",
        """(func.func {:sym_name "malloc" :function_type (-> [i64] [!llvm.ptr])
                       :sym_visibility "private"})""",
    ),
    (
        "(extern-fn printf (-> [!llvm.ptr i32 ...] [i32]))",
        """(llvm.func {:sym_name "printf" :function_type !llvm.func<i32 (ptr, i32, ...)>
                       :linkage "#llvm.linkage<external>"} (region))""",
    ),
    (
        "(extern-fn log (-> [!llvm.ptr ...] []))",
        """(llvm.func {:sym_name "log" :function_type !llvm.func<void (ptr, ...)>
                       :linkage "#llvm.linkage<external>"} (region))""",
    ),
    ("(null-ptr)", "(llvm.mlir.zero {:result !llvm.ptr})"),
    ("(null? p)", "(llvm.icmp {:predicate 0} p (llvm.mlir.zero {:result !llvm.ptr}))"),
    ("(ptr-load f32 p)", "(llvm.load {:result f32} p)"),
    ("(ptr-store! v p)", "(llvm.store v p)"),
    (
        "(ptr-offset !llvm.ptr p 16)",
        """(llvm.getelementptr {:result !llvm.ptr :rawConstantIndices array<i32: 16>
                                :elem_type i8} p)""",
    ),
    (
        "(ptr-offset !llvm.ptr p (: -8 i64))",
        """(llvm.getelementptr {:result !llvm.ptr :rawConstantIndices array<i32: -8>
                                :elem_type i8} p)""",
    ),
    (
        "(ptr-at f32 p (f i))",
        """(llvm.getelementptr {:result !llvm.ptr :rawConstantIndices array<i32: -2147483648>
                                :elem_type f32} p (f i))""",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expansion"), CASES, ids=[text for text, _ in CASES])
def test_expansions(text: str, expansion: str) -> None:
    assert expanded(f"(require-dialect llvm) {text}")[1:] == [same(expansion)]


def test_alias_of_a_file_is_dropped_from_function_names() -> None:
    text = '(require ["u.lisp" :as u]) (call i64 u/f x) (call! u.g)'
    assert expanded(text)[1:] == [
        "(func.call {:callee @f :result i64} x)",
        "(func.call {:callee @g})",
    ]


def test_macros_of_a_dialect_operation_do_not_clash() -> None:
    assert expanded("(require-dialect scf arith) (scf.if c) (arith.and x)")[1:] == [
        "(scf.if c)",
        "(arith.and x)",
    ]


def test_vectors_are_expanded_and_maps_are_not() -> None:
    assert expanded("(f {:a (+i 1 2)} [(+i 1 2)])") == ["(f {:a (+i 1 2)} [(arith.addi 1 2)])"]


# -- print -----------------------------------------------------------------------------------------

GLOBAL = """
    (llvm.mlir.global {:sym_name "_print_str_%d" :linkage "#llvm.linkage<internal>"
                       :global_type !llvm.array<%d x i8> :constant true}
      (region (block [] (def _str_val (llvm.mlir.constant {:value "%s\\0"
                                                           :result !llvm.array<%d x i8>}))
                        (llvm.return _str_val))))
"""
PRINT = """
    (let [_print_ptr_%d (llvm.mlir.addressof {:global_name @_print_str_%d :result !llvm.ptr})]
      (llvm.call {:callee @printf :var_callee_type !llvm.func<i32 (ptr, ...)> :result i32
                  :op_bundle_sizes "array<i32>"} _print_ptr_%d%s))
"""


def global_(number: int, length: int, text: str) -> str:
    return same(GLOBAL % (number, length, text, length))


def print_(call: int, string: int, values: str = "") -> str:
    return same(PRINT % (call, string, call, values))


def test_print_shares_globals_of_equal_strings_and_puts_them_first() -> None:
    text = '(g) (print "hé\\n" x 1) (println) (println "hé") (print-i64 n)'
    assert expanded(text) == [
        global_(0, 5, "hé\\n"),
        global_(1, 2, "\\n"),
        global_(2, 4, "%ld"),
        "(g)",
        print_(0, 0, " x 1"),
        print_(1, 1),
        print_(2, 0),
        print_(3, 2, " n"),
    ]


def test_print_inside_print() -> None:
    outer, inner = expanded('(f (print "a" (print "b")))')[0:2]
    assert (outer, inner) == (global_(0, 2, "a"), global_(1, 2, "b"))


# -- structs ---------------------------------------------------------------------------------------

POINT = "(defstruct Point [x i64] [y f64])"
FIELD = """(llvm.getelementptr {:elem_type !llvm.struct<(i64, f64)>
                                :rawConstantIndices array<i32: 0, %d> :result !llvm.ptr} p)"""


def test_struct_accessors() -> None:
    assert expanded(f"{POINT} (Point/y p) (Point/x! p 3)") == [
        same(f"(llvm.load {{:elem_type f64 :result f64}} {FIELD % 1})"),
        same(f"(llvm.store 3 {FIELD % 0})"),
    ]


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ("[x i64]", 8),
        ("[x i64] [y f64]", 16),
        ("[a i8]", 1),
        ("[a i8] [b i32] [c i8]", 12),
        ("[a i8] [p !llvm.ptr] [b i16]", 24),
        ("[a i1] [b bf16] [c f32]", 8),
    ],
)
def test_new_allocates_the_real_size(fields: str, size: int) -> None:
    assert expanded(f"(defstruct S {fields}) (new S)") == [
        f"(func.call {{:callee @malloc :result !llvm.ptr}} (: {size} i64))"
    ]


def test_new_of_other_types_asks_the_target_for_the_size() -> None:
    (made,) = expanded("(defstruct S [a !llvm.array<3 x i8>] [b vector<4xf32>]) (new S)")
    assert "llvm.ptrtoint" in made
    assert ":elem_type !llvm.struct<(!llvm.array<3 x i8>, vector<4xf32>)>" in made


def test_structs_are_known_inside_module_and_do() -> None:
    assert expanded(f"(module (do {POINT} (new Point)))") == [
        "(func.call {:callee @malloc :result !llvm.ptr} (: 16 i64))"
    ]


# -- deftype ---------------------------------------------------------------------------------------


def test_deftype_names_a_type_from_there_on() -> None:
    text = """(f Row) (deftype Row memref<?xf32>) (deftype Also Row)
              (defn g [(: x Row)] -> Also (h {:result Row} x))"""
    assert expanded(text) == [
        "(f Row)",
        same("""(func.func {:sym_name "g" :function_type (-> [memref<?xf32>] [memref<?xf32>])
                            :llvm.emit_c_interface true}
                  (do (block [(: x memref<?xf32>)] (h {:result memref<?xf32>} x))))"""),
    ]


# -- top level -------------------------------------------------------------------------------------


def test_module_and_do_are_opened_and_empty_lists_dropped() -> None:
    assert expanded("() (module (do (f) (do (g) (module (h)))) (k))") == [
        "(f)", "(g)", "(h)", "(k)",
    ]  # fmt: skip


def test_expansion_keeps_the_places_of_the_parts() -> None:
    (when,) = expand(read("\n (when\n  c\n  (f x))", "t.lisp"))
    assert str(when.span) == "t.lisp:2:2"
    condition, region = when.items[1:]  # type: ignore[union-attr]
    assert str(condition.span) == "t.lisp:3:3"
    assert str(region.span) == "t.lisp:2:2"
    block = region.items[1]
    assert str(block.items[2].span) == "t.lisp:4:3"


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("(+i 1)", "1:1", "macro '+i': wrong number of arguments, expected 2, got 1"),
        ("(f (-i 1 2 3))", "1:4", "macro '-i': wrong number of arguments, expected 2, got 3"),
        ("(when c)", "1:1", "macro 'when': wrong number of arguments, expected at least 2, got 1"),
        ("(if c 1)", "1:1", "macro 'if': wrong number of arguments, expected 3 to 4, got 2"),
        ("(if 1 2 3 4)", "1:5", "macro 'if': expected an attribute map, got number 1"),
        ("(if {:result i32} c (do) 1)", "1:21", "macro 'if': a branch of an 'if' with :result"),
        ("(cond)", "1:1", "macro 'cond': expected :else and a result at the end"),
        ("(cond a)", "1:1", "macro 'cond': expected pairs of a condition and a result"),
        ("(cond a 1 b 2)", "1:1", "macro 'cond': expected :else and a result at the end"),
        ("(cond :else 2)", "1:7", "macro 'cond': expected at least one condition before :else"),
        ("(cond :else 1 :else 2)", "1:7", "macro 'cond': expected :else as the last clause only"),
        ("(loop {:result i64} [v 1] :while c)", "1:1", "macro 'loop': wrong number of arguments"),
        (
            "(loop {:result i64} [v 1] :until c :do d)",
            "1:27",
            "macro 'loop': expected :while, got keyword :until",
        ),
        ("(loop {} [v 1] :while c :do d)", "1:7", "macro 'loop': expected the type of the"),
        (
            "(loop {:result i64} [v] :while c :do d)",
            "1:21",
            "macro 'loop': expected a vector [name start]",
        ),
        ("(defn f [])", "1:1", "macro 'defn': wrong number of arguments, expected at least 3"),
        ('(defn "f" [] (g))', "1:7", "macro 'defn': expected a symbol, got string \"f\""),
        ("(defn f (a) (g))", "1:9", "macro 'defn': expected a vector, got list (a)"),
        (
            "(defn f [x] (g))",
            "1:10",
            "macro 'defn': expected a parameter (: name type), got symbol x",
        ),
        ("(defn f [] -> i64)", "1:1", "macro 'defn': expected at least one form in the body"),
        ("(defn f [] -> [i64] (g))", "1:15", "macro 'defn': expected one result type after '->'"),
        ("(call i64)", "1:1", "macro 'call': wrong number of arguments, expected at least 2"),
        ("(call 5 f)", "1:7", "macro 'call': expected a type or a vector, got number 5"),
        ('(call! "f")', "1:8", "macro 'call!': expected a symbol"),
        ("(extern-fn f i64)", "1:14", "macro 'extern-fn': expected a function type"),
        ("(extern-fn f (-> [i64]))", "1:14", "macro 'extern-fn': expected a function type"),
        (
            "(extern-fn f (-> [...] [i32 i32]))",
            "1:29",
            "macro 'extern-fn': expected at most one result",
        ),
        ("(ptr-offset p q r)", "1:17", "macro 'ptr-offset': expected a number or (: number type)"),
        ("(ptr-offset i8 p 1.5)", "1:18", "macro 'ptr-offset': expected a whole number of bytes"),
        (
            "(ptr-offset i8 p 2147483648)",
            "1:18",
            "macro 'ptr-offset': expected an offset that fits",
        ),
        ("(print x)", "1:8", "macro 'print': expected a string, got symbol x"),
        ("(println x)", "1:10", "macro 'println': expected a format string"),
        ("(print-i64)", "1:1", "macro 'print-i64': wrong number of arguments, expected 1, got 0"),
        ("(new Point)", "1:6", "macro 'new': unknown struct 'Point'"),
        ("(defstruct P)", "1:1", "defstruct: wrong number of arguments, expected at least 2"),
        ("(defstruct P x)", "1:14", "defstruct: expected a field [name type], got symbol x"),
        ("(defstruct P [x i64] [x i64])", "1:23", "defstruct: field 'x' is defined twice"),
        ("(deftype 5 i64)", "1:10", "deftype: expected a symbol, got number 5"),
        ("(deftype A)", "1:1", "deftype: wrong number of arguments, expected 2, got 1"),
    ],
)
def test_errors(text: str, place: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        expand(read(text, "t.lisp"))
    assert caught.value.message.startswith(message)
    assert str(caught.value.span) == f"t.lisp:{place}"


def test_accessors_check_their_arguments() -> None:
    with pytest.raises(UserError) as caught:
        expanded(f"{POINT} (Point/x)")
    assert caught.value.message == ("macro 'Point/x': wrong number of arguments, expected 1, got 0")


def test_an_unknown_struct_gets_the_nearest_name() -> None:
    with pytest.raises(UserError) as caught:
        expanded(f"{POINT} (new Piont)")
    assert caught.value.hint == "did you mean 'Point'?"


def test_several_forms_are_reported_together() -> None:
    with pytest.raises(UserError) as caught:
        load_text("(+i 1)\n(f)\n(print x)", "t.lisp")
    assert [str(error.span) for error in caught.value.errors] == ["t.lisp:1:1", "t.lisp:3:8"]  # type: ignore[attr-defined]


def test_very_deep_expansions_are_refused() -> None:
    text = "(and " + " ".join(["c"] * 3000) + ")"
    with pytest.raises(UserError) as caught:
        load_text(text, "t.lisp")
    assert caught.value.message == "forms are nested too deeply after macro expansion"
