"""Malformed programs: what is said, where, and what to do (section 14 of the reference)."""

from __future__ import annotations

import pytest
from lisp_lowering import lowered

from pharos.core.errors import ErrorList, UserError


def failure(text: str) -> UserError:
    with pytest.raises(UserError) as caught:
        lowered(text)
    return caught.value


def place(error: UserError) -> str:
    """Line and column; the first line of the program is line 2."""
    assert error.span is not None
    assert error.span.file == "t.lisp"
    return f"{error.span.line}:{error.span.column}"


# The form stands in a function with these parameters, in column 1 of line 3.
PARAMETERS = (
    "(: x i32) (: y i64) (: b f32) (: n index) (: c i1) (: m memref<4xf32>) (: k memref<4xi32>)"
    " (: v vector<4xf32>)"
)
MAPS = "[affine_map<(d0) -> (d0)> affine_map<(d0) -> (d0)>]"

IN_A_FUNCTION = [
    ("(addi x x)", "3:2", "unknown operation or macro 'addi'", "did you mean 'arith.addi'?"),
    ("(arith.adi x x)", "3:2", "unknown operation 'arith.adi'", "did you mean 'arith.andi'?"),
    ("(whne c)", "3:2", "unknown operation or macro 'whne'", "did you mean 'when'?"),
    ("(f x)", "3:2", "unknown operation 'f'", "to call the function, write (call TYPE f ...)"),
    ("(u/g x)", "3:2", "unknown operation or macro 'u/g'", None),
    ("((g) x)", "3:2", "expected symbol at the head of a form", None),
    ("(5 x)", "3:2", "expected symbol at the head of a form", None),
    ("(arith.addi x z)", "3:15", "undefined symbol: z", None),
    (
        "(let [value x] (arith.addi x valeu))",
        "3:30",
        "undefined symbol: valeu",
        "did you mean 'value'?",
    ),
    ("z", "3:1", "undefined symbol: z", None),
    (
        "(arith.addi x (memref.store b m n))",
        "3:15",
        "operation memref.store returned no value but was used as operand",
        "an operation with a value that is not inferred needs :result TYPE",
    ),
    (
        "(def z (memref.store b m n))",
        "3:8",
        "'z' would have no value: list (memref.store b m n)",
        None,
    ),
    (
        '(arith.addi x "a")',
        "3:15",
        'an operand of arith.addi must be a name, a number or a form, got string "a"',
        None,
    ),
    (
        "(arith.addi x :a)",
        "3:15",
        "an operand of arith.addi must be a name, a number or a form",
        None,
    ),
    (
        "(arith.addi x {:a 1})",
        "3:15",
        "an operand of arith.addi must be a name",
        "attributes stand",
    ),
    ("(arith.addi x ^b)", "3:15", "arith.addi takes no block label, got ^b", None),
    ("(def z)", "3:1", "def: wrong number of arguments, expected 2, got 1", None),
    ("(def z x x)", "3:1", "def: wrong number of arguments, expected 2, got 3", None),
    ("(def 5 x)", "3:6", "def: expected a symbol or a vector of names, got number 5", None),
    ("(def [z 5] x)", "3:9", "def: expected a symbol, got number 5", None),
    ("(def [z w] x)", "3:12", "result/binding count mismatch: 2 names for 1 results", None),
    ("(let [z] z)", "3:6", "let: expected pairs of a name and a value, got 1 forms", None),
    ("(let (z x) z)", "3:6", "let: expected a vector, got list (z x)", None),
    ("(let [z x])", "3:1", "let: wrong number of arguments, expected at least 2, got 1", None),
    ("(let [5 x] x)", "3:7", "let: expected a symbol or a vector of names, got number 5", None),
    ('(: 5 "i32")', "3:6", "invalid type annotation: the type must be a symbol", "write i32"),
    ("(: 5)", "3:1", "invalid type annotation: wrong number of arguments", None),
    ("(: 5 i33x)", "3:6", "type parse error: 'i33x' is not a type", None),
    ("(: 5 f33)", "3:6", "type parse error: 'f33' is not a type", "did you mean 'f32'?"),
    ("(: 5 memref)", "3:6", "type parse error: 'memref' is not a type", "write what is in it"),
    ("(: 5 vector<4xf3>)", "3:6", "type parse error: 'vector<4xf3>' is not a type", "MLIR says: "),
    ("(: 300 i8)", "3:1", "300 does not fit i8", "i8 holds -128 to 255"),
    ("(: -129 i8)", "3:1", "-129 does not fit i8", None),
    ("(: 2 i1)", "3:1", "2 does not fit i1", "an i1 is 0 or 1, false or true"),
    ("(: 18446744073709551616 i64)", "3:1", "18446744073709551616 does not fit i64", None),
    ("(: 1e999 i64)", "3:1", "inf does not fit i64", None),
    ("(: 1e39 f32)", "3:1", "1e+39 does not fit f32", None),
    ("(: 1 memref<4xf32>)", "3:1", "a number cannot have the type memref<4xf32>", "numbers have"),
    ("(: 1 tensor<?xf32>)", "3:1", "a constant needs a static shape, got tensor<?xf32>", None),
    ("(arith.addi x 4294967296)", "3:15", "4294967296 does not fit i32", None),
    ("(do x)", "3:1", "'do' cannot stand here: a region stands only as an argument", None),
    ("(block [] x)", "3:1", "'block' cannot stand here: a block stands only in a region", None),
    ("(module)", "3:1", "'module' cannot stand here: a module stands only at the top level", None),
    (
        "(-> [] [])",
        "3:1",
        "'->' cannot stand here: a function type stands only in attributes",
        None,
    ),
    ("(link-library :c)", "3:1", "'link-library' must stand at the top level of a file", None),
    ("(defstruct P [x i64])", "3:1", "'defstruct' must stand at the top level of a file", None),
    (
        '(arith.cmpi {:predicate "less"} x x)',
        "3:25",
        "unknown predicate 'less' of arith.cmpi: expected one of eq, ne",
        None,
    ),
    (
        '(arith.cmpf {:predicate "slt"} b b)',
        "3:25",
        "unknown predicate 'slt' of arith.cmpf",
        "did you mean",
    ),
    (
        "(call i64 g x)",
        "3:11",
        "unknown function 'g'",
        "a C function must be declared: (extern-fn g",
    ),
    ("(call i64 trinagle x)", "3:11", "unknown function 'trinagle'", "did you mean 'triangle'?"),
    ("(func.call {:result i64} x)", "3:1", "func.call needs the function's name as :callee", None),
    ("(llvm.load x)", "3:1", "'llvm.load' op requires one result", "say its type: :result T"),
    (
        "(arith.addi x y)",
        "3:1",
        "'arith.addi' op requires the same type",
        "convert one of the values",
    ),
    ("(arith.addi x)", "3:1", "'arith.addi' op expected 2 operands, but found 1", None),
    ("(arith.addf x x)", "3:1", "'arith.addf' op operand #0 must be floating-point-like", None),
    (
        "(arith.constant {:result i32})",
        "3:1",
        "'arith.constant' op requires attribute 'value'",
        "write :value",
    ),
    (
        "(memref.load x 0)",
        "3:1",
        "memref.load expects a memref as its first operand, got i32",
        None,
    ),
    (
        "(memref.load)",
        "3:1",
        "memref.load expects a memref as its first operand, got no operand",
        None,
    ),
    ("(memref.load m)", "3:1", "'memref.load' op invalid number of indices", None),
    (
        "(memref.alloc {:result memref<?xf32>})",
        "3:1",
        "'memref.alloc' op incorrect number of dynamic",
        None,
    ),
    (
        "(gpu.launch n n n n n (region (block [] (gpu.terminator))))",
        "3:1",
        "gpu.launch has several groups of operands, and it is not clear which of its 5 operands",
        "write one vector",
    ),
    (
        "(scf.parallel {:operandSegmentSizes array<i32: 1, 1, 1, 1>} n n n)",
        "3:16",
        ":operandSegmentSizes of scf.parallel must add up to its 3 operands, got [1, 1, 1, 1]",
        None,
    ),
    (
        "(scf.parallel {:operandSegmentSizes array<i32: 1, 1, 1>} n n n)",
        "3:16",
        ":operandSegmentSizes of scf.parallel must have 4 entries, got 3",
        None,
    ),
    (
        '(scf.parallel {:operandSegmentSizes "x"} n n n)',
        "3:37",
        ':operandSegmentSizes must be array<i32: ...>, got "x"',
        None,
    ),
    (
        "(scf.for n n n (region (block [(: i index)])))",
        "3:1",
        "'scf.for' op expects a non-empty block",
        "end the block",
    ),
    (
        "(scf.for n n n (region (block [(: i index)] (arith.addi i i))))",
        "3:45",
        "block with no terminator",
        "end the block",
    ),
    (
        "(scf.for n n n (region (block [i] (scf.yield))))",
        "3:32",
        "missing type for block argument: i",
        "write (: i TYPE)",
    ),
    (
        "(scf.if n (region (block [] (scf.yield))))",
        "3:1",
        "'scf.if' op operand #0 must be 1-bit",
        None,
    ),
    (
        '(gpu.thread_id {:dimension "w"})',
        "3:28",
        'gpu.thread_id does not take string "w" for :dimension',
        "an attribute in",
    ),
    (
        "(vector.extract {:position [0 1]} v)",
        "3:1",
        "vector.extract: 2 positions in a vector of rank 1",
        None,
    ),
    ("(vector.extract v)", "3:1", "vector.extract needs :static_position array<i64: ...>", None),
    (
        "(linalg.add {:ins 1 :outs 1} m m m)",
        "3:1",
        "linalg.add: :ins 1 and :outs 1 need 2 operands, got 3",
        None,
    ),
    ("(linalg.add {:ins 2} m m m)", "3:1", "linalg.add: missing :outs", None),
    (
        '(linalg.add {:ins "x" :outs 1} m m m)',
        "3:19",
        'linalg.add: :ins must be a number of operands, got string "x"',
        None,
    ),
    ("(linalg.add m m)", "3:1", "linalg.add has 2 inputs and 1 output, got 1 and 1", None),
    ("(linalg.add)", "3:1", "linalg.add needs an output operand", None),
    ("(linalg.add m m m (region) (region))", "3:1", "linalg.add takes one region, got 2", None),
    (
        "(linalg.exp k k)",
        "3:1",
        "linalg.exp works on floats, got i32, i32",
        "give it a body",
    ),
    (
        "(linalg.add m k m)",
        "3:1",
        "linalg.add works on floats, or on integers, got f32, i32, f32",
        "give it a body",
    ),
    ("(linalg.exp x x)", "3:1", "linalg.exp works on memrefs and tensors, got i32", None),
    (
        f'(linalg.generic {{:indexing_maps {MAPS} :iterator_types ["parallel"]}} m m)',
        "3:1",
        "linalg.generic needs its body: missing region",
        None,
    ),
    (
        f'(linalg.generic {{:indexing_maps {MAPS} :iterator_types ["paralel"]}} m m (region))',
        "3:102",
        "unknown iterator type 'paralel'",
        None,
    ),
]


@pytest.mark.parametrize(
    ("form", "where", "message", "hint"), IN_A_FUNCTION, ids=[case[0] for case in IN_A_FUNCTION]
)
def test_mistakes_in_a_function(form: str, where: str, message: str, hint: str | None) -> None:
    text = f"(defn f [{PARAMETERS}]\n{form}\n(func.return))\n(defn triangle [] (func.return))"
    error = failure(text)
    assert not isinstance(error, ErrorList), str(error)
    assert error.message.startswith(message)
    assert place(error) == where
    assert (error.hint or "").startswith(hint or "")
    assert "see current operation" not in str(error)


GLOBAL = '(llvm.mlir.global {:sym_name "g" :linkage 0 :global_type i32\n:value %s})'

AT_THE_TOP = [
    (GLOBAL % "nil", "3:8", "nil cannot be an attribute"),
    (GLOBAL % "{:a 1}", "3:8", "map {:a 1} cannot be an attribute"),
    (GLOBAL % ":k", "3:8", "keyword :k cannot be an attribute"),
    (GLOBAL % "(f 1)", "3:8", "list (f 1) cannot be an attribute"),
    (GLOBAL % '"#foo<bar>"', "3:8", "attribute parse error: '#foo<bar>' is not an attribute"),
    (GLOBAL % "array<i33x: 1>", "3:8", "attribute parse error: 'array<i33x: 1>'"),
    (GLOBAL % '"@"', "3:8", "expected a name after '@'"),
    (GLOBAL % "(: x)", "3:8", "invalid type annotation: expected (: value type)"),
    (GLOBAL % "(: x tensor<4xi8>)", "3:8", "attribute parse error: 'x : tensor<4xi8>'"),
    (GLOBAL % "(-> [i32])", "3:8", "invalid function type: expected (-> [types...] [types...])"),
    (GLOBAL % "(-> [5] [])", "3:13", "invalid type: expected a symbol or a string, got number 5"),
    (GLOBAL % "[1 foo]", "3:11", "type parse error: 'foo' is not a type"),
    (GLOBAL % "9223372036854775808000", "3:8", "9223372036854775808000 does not fit i64"),
    (
        '(llvm.mlir.global {:sym_name "g" :linkage "intrnal" :global_type i32})',
        "2:43",
        "unknown linkage 'intrnal': expected one of external",
    ),
    (
        '(llvm.mlir.global {:sym_name "g" :linkage 0 :global_type 5})',
        "2:58",
        "llvm.mlir.global does not take number 5 for :global_type",
    ),
    ("(defn f []\n(cf.br ^nope))", "3:8", "unknown block label ^nope"),
    ("(defn f [] -> i32 (func.return))", "2:19", "'func.return' op has 0 operands, but"),
    ("(defn f [(: x i32)]\n(func.return)\n(arith.addi x x))", "4:1", "nothing can follow func.ret"),
    ("(defn f [(: x i33x)] (func.return))", "2:15", "type parse error: 'i33x' is not a type"),
    ("(arith.addi x x)", "2:13", "undefined symbol: x"),
    ("(extern-fn f (-> [i32 x] [i32]))", "2:23", "type parse error: 'x' is not a type"),
    (
        '(llvm.func {:sym_name "f" :function_type (-> [] [i32 i64])})',
        "2:54",
        "an LLVM function has",
    ),
    ("(foo)", "2:2", "unknown operation or macro 'foo'"),
]


def in_blocks(blocks: str) -> str:
    return f'(func.func {{:sym_name "f" :function_type (-> [] [])}} (region\n{blocks}))'


AT_THE_TOP += [
    (
        in_blocks("(block ^a [] (cf.br ^nope)) (block ^b [] (func.return))"),
        "3:21",
        "unknown block label ^nope",
    ),
    (
        in_blocks("(block ^a [] (cf.br ^b (: 1 i32))) (block ^b [] (func.return))"),
        "3:21",
        "block ^b takes 0 arguments, got 1",
    ),
    (in_blocks("(block ^a [] (cf.br))"), "3:14", "cf.br needs 1 block label, got 0"),
    (
        in_blocks("(block ^a [] (cf.cond_br (: 1 i1) ^a))"),
        "3:14",
        "cf.cond_br needs 2 block labels, got 1",
    ),
    (
        in_blocks("(block ^a [] (func.return)) (block ^a [] (func.return))"),
        "3:29",
        "block label ^a is used twice in one region",
    ),
    (in_blocks("(block [(: x)] (func.return))"), "3:9", "invalid block argument: expected (: name"),
    (in_blocks("(block [5] (func.return))"), "3:9", "invalid block argument: expected (: name"),
    (in_blocks("(block [(: 5 i32)] (func.return))"), "3:12", "invalid block argument: expected a"),
]


@pytest.mark.parametrize(
    ("text", "where", "message"), AT_THE_TOP, ids=[case[0] for case in AT_THE_TOP]
)
def test_mistakes_at_the_top(text: str, where: str, message: str) -> None:
    error = failure(text)
    assert not isinstance(error, ErrorList), str(error)
    assert error.message.startswith(message)
    assert place(error) == where


def test_an_error_shows_the_line_and_the_sub_form() -> None:
    assert str(failure("(defn f [(: x i32)]\n\t(arith.addi x\n   yy)\n(func.return))")) == (
        "t.lisp:4:4: error: undefined symbol: yy\n     yy)\n     ^~"
    )


def test_labels_that_exist_are_named() -> None:
    error = failure(in_blocks("(block ^a [] (cf.br ^c)) (block ^b [] (func.return))"))
    assert error.hint == "labels here: ^a, ^b"


def test_a_name_of_another_block_is_pointed_at() -> None:
    error = failure(
        in_blocks(
            "(block [] (cf.cond_br (: 1 i1) ^a ^b))\n"
            "(block ^a [] (def z (: 1 i32)) (cf.br ^b))\n"
            "(block ^b [] (arith.addi z z) (func.return))"
        )
    )
    assert (place(error), error.message) == ("5:26", "undefined symbol: z")
    (note,) = error.notes
    assert str(note.span) == "t.lisp:4:19"
    assert error.hint == "pass it on as a block argument or as a result"


def test_a_name_of_an_inner_form_is_pointed_at() -> None:
    error = failure(
        "(defn f [(: c i1)] (when c (def z (: 1 i32)))\n (arith.addi z z) (func.return))"
    )
    assert place(error) == "3:14"
    assert str(error.notes[0].span) == "t.lisp:2:33"


def test_a_function_defined_twice_shows_both() -> None:
    error = failure("(defn f [] (func.return))\n(defn f [] (func.return))")
    assert (place(error), error.message) == ("3:7", "function 'f' is defined twice")
    assert str(error.notes[0].span) == "t.lisp:2:7"


def test_a_function_declared_in_two_ways() -> None:
    error = failure("(extern-fn f (-> [i32] []))\n(extern-fn f (-> [i64] []))")
    assert (place(error), error.message) == ("3:12", "function 'f' is declared differently twice")


def test_independent_mistakes_are_reported_together_and_consequences_are_not() -> None:
    error = failure(
        """(defn f [(: x i32)]
             (def a (nope 1))
             (def [b c] (nope2 a))
             (arith.addi a b) (arith.addi c d)
             (func.return))
           (defn g [] (nope3) (func.return))"""
    )
    assert isinstance(error, ErrorList)
    assert [(place(one), one.message) for one in error.errors] == [
        ("3:22", "unknown operation or macro 'nope'"),
        ("4:26", "unknown operation or macro 'nope2'"),
        ("7:24", "unknown operation or macro 'nope3'"),
    ]


def test_the_verifier_reports_every_function() -> None:
    error = failure(
        "(defn f [(: x i32)] (arith.addf x x) (func.return))\n"
        "(defn g [] -> i32 (func.return))\n"
        "(defn h [] (func.return))"
    )
    assert isinstance(error, ErrorList)
    assert [place(one) for one in error.errors] == ["2:21", "3:19"]


def test_a_mistake_in_an_expansion_is_at_the_call() -> None:
    error = failure(
        "(defn f [(: x i32)]\n  (when (arith.addi x x)\n    (print-i64 x))\n(func.return))"
    )
    assert place(error) == "3:3"
    assert error.message.startswith("'scf.if' op operand #0 must be 1-bit signless integer")
