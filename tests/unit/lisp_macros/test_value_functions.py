"""The value functions, on values and through C pointers."""

from __future__ import annotations

import ctypes

import pytest

from pharos.core.errors import UserError
from pharos.lisp import read, to_text
from pharos.lisp.expansions import State
from pharos.lisp.value_functions import MAX_DEPTH, VALUE_FUNCTIONS, check_size, placed
from pharos.lisp.value_pointers import HEAP, address
from pharos.lisp.values import Bool, Keyword, List, Map, Nil, Number, String, Symbol, Vector

REFERENCE = """
value_list_new value_vector_new value_nil_new value_symbol_new value_string_new value_keyword_new
value_number_new value_bool_new value_list_push value_list_first value_list_rest value_list_len
value_list_get value_is_list value_is_vector value_is_symbol value_is_string value_is_number
value_is_keyword value_is_nil value_symbol_name value_number_get value_symbol_arith_addi
value_symbol_arith_subi value_symbol_arith_muli value_symbol_arith_divsi value_symbol_func_return
value_symbol_def value_symbol_do value_symbol_colon value_gensym value_gensym_prefix value_free
value_clone
"""


def call(name, *arguments, state=None):
    return VALUE_FUNCTIONS[name].call(state or State(), *arguments)


def value(text):
    (made,) = read(text)
    return made


def test_all_functions_of_the_reference_are_there():
    assert [name for name in REFERENCE.split() if name not in VALUE_FUNCTIONS] == []


@pytest.mark.parametrize(
    ("name", "arguments", "made"),
    [
        ("value_list_new", (), List([])),
        ("value_vector_new", (), Vector([])),
        ("value_map_new", (), Map({})),
        ("value_nil_new", (), Nil()),
        ("value_symbol_new", ("arith.addi",), Symbol("arith.addi")),
        ("value_string_new", ("a b",), String("a b")),
        ("value_keyword_new", (":k",), Keyword("k")),
        ("value_keyword_new", ("k",), Keyword("k")),
        ("value_number_new", (21.0,), Number(21)),
        ("value_number_new", (0.5,), Number(0.5)),
        ("value_number_new", (-0.0,), Number(-0.0)),
        ("value_number_new", (1e300,), Number(1e300)),
        ("value_bool_new", (True,), Bool(True)),
        ("value_symbol_arith_divsi", (), Symbol("arith.divsi")),
        ("value_symbol_func_return", (), Symbol("func.return")),
        ("value_symbol_do", (), Symbol("do")),
        ("value_symbol_colon", (), Symbol(":")),
        ("value_read", ("(a [1 :b] {:c 2.0})",), value("(a [1 :b] {:c 2.0})")),
        ("value_list_last", (value("(a b)"),), Symbol("b")),
        ("value_list_last", (List([]),), None),
        ("value_list_last", (value("[a]"),), None),
        ("value_list_but_last", (value("(a b)"),), value("(a)")),
        ("value_list_but_last", (List([]),), List([])),
        ("value_list_but_last", (None,), None),
        ("value_list_every", (value("(a 0 b 1)"), 1, 2), value("(0 1)")),
        ("value_list_every", (value("(a 0 b)"), 0, 2), value("(a b)")),
        ("value_list_every", (value("(a)"), 5, 1), List([])),
        ("value_list_every", (value("(a)"), 0, 0), None),
        ("value_list_every", (value("(a)"), -1, 1), None),
        ("value_list_every", (Symbol("a"), 0, 1), None),
        ("value_list_typed", (value("(a)"), Symbol("i32")), value("((: a i32))")),
        ("value_list_typed", (value("(a b)"), value("[i32 f32]")), value("((: a i32) (: b f32))")),
        ("value_list_typed", (List([]), value("[]")), List([])),
        ("value_list_typed", (value("(a b)"), Symbol("i32")), None),
        ("value_list_typed", (value("(a)"), None), None),
        ("value_read", ("(a",), None),
        ("value_read", ("a b",), None),
    ],
)
def test_making(name, arguments, made):
    assert call(name, *arguments) == made


@pytest.mark.parametrize("name", [n for n, f in VALUE_FUNCTIONS.items() if f.inputs])
def test_null_and_other_kinds_are_harmless(name):
    function = VALUE_FUNCTIONS[name]
    numbers = {"i64": 1, "f64": 1.5, "i1": True}
    for pointer in (None, Nil(), value("(a b)"), value("[a]"), value("{:a 1}"), Symbol("s")):
        arguments = [
            numbers.get(type_, None if type_ == "text" else pointer) for type_ in function.inputs
        ]
        function.call(State(), *arguments)


def test_lists():
    items = value("(a 2 (b))")
    assert call("value_list_first", items) == Symbol("a")
    assert to_text(call("value_list_rest", items)) == "(2 (b))"
    assert call("value_list_len", items) == 3
    assert to_text(call("value_list_get", items, 2)) == "(b)"
    assert call("value_list_get", items, 3) is None
    assert call("value_list_get", items, -1) is None
    assert call("value_list_first", List([])) is None
    assert to_text(call("value_list_rest", List([]))) == "()"
    vector = value("[a]")
    assert call("value_list_first", vector) is None
    assert call("value_list_rest", vector) is None
    assert call("value_list_len", vector) == 0
    call("value_list_push", vector, Nil())
    assert to_text(vector) == "[a]"


def test_push_copies():
    target, item = List([]), value("(a)")
    call("value_list_push", target, item)
    call("value_list_push", item, Symbol("b"))
    call("value_list_push", target, target)
    assert to_text(target) == "((a) ((a)))"
    copy = call("value_list_get", target, 0)
    call("value_list_push", copy, Symbol("c"))
    assert to_text(target) == "((a) ((a)))"


def test_names_of_symbols_have_no_namespace():
    one, two, alias = read("(require-dialect [arith :as a]) arith.addi a/addi !llvm.ptr")[1:]
    assert [call("value_symbol_name", s) for s in (one, two, alias)] == [
        "addi",
        "addi",
        "!llvm.ptr",
    ]
    assert call("value_symbol_text", one) == "arith.addi"
    assert call("value_symbol_name", Symbol("arith.addi")) == "arith.addi"
    assert call("value_symbol_name", value("memref<4xf32>")) == "memref<4xf32>"
    assert call("value_symbol_name", String("a")) is None


def test_numbers():
    assert call("value_number_get", Number(3)) == 3.0
    assert call("value_number_get", Symbol("x")) == 0.0
    assert call("value_number_get", Number(-(10**400))) == float("-inf")


def test_made_up_names_count_on():
    state = State()
    names = [call("value_gensym", state=state), call("value_gensym_prefix", "t", state=state)]
    assert [name.text for name in names] == ["__G__0", "t__1"]


def test_refusing_keeps_the_first_reason():
    state = State()
    call("value_expect", value("(a)"), 2, 3, "(m x y)", state=state)
    call("value_fail", "later", state=state)
    assert state.failure == "wrong number of forms, expected 2 to 3, got 1: write (m x y)"
    for least, most in ((1, 1), (0, -1)):
        fine = State()
        call("value_expect", value("(a)"), least, most, "", state=fine)
        assert fine.failure is None


def test_places_and_texts():
    symbol = value("  x")
    assert call("value_place", symbol) == String("<text>:1:3")
    assert call("value_place", Symbol("x")) == String("")
    assert call("value_text", value('(a "b\\n")')) == String('(a "b\\n")')


def test_what_has_no_place_gets_one():
    inside = value("x")
    made = placed(List([inside, Map({"k": Number(1)})]), value("(call)").span)
    assert (made.span.column, inside.span.column) == (1, 1)
    assert made.items[1].entries["k"].span is made.span


def test_sizes_have_limits():
    deep = List([])
    for _ in range(MAX_DEPTH):
        deep = List([deep])
    with pytest.raises(UserError, match="nested more than 500 deep"):
        check_size(deep)
    wide = List([])
    for _ in range(40):
        wide = List([wide, wide])
    with pytest.raises(UserError, match="more than 1000000 parts"):
        check_size(wide)
    check_size(value("(a (b [c {:d e}]))"))


# -- pointers -------------------------------------------------------------------------------------

C = {"!llvm.ptr": ctypes.c_void_p, "text": ctypes.c_void_p, "": None, "f64": ctypes.c_double,
     "i64": ctypes.c_int64, "i1": ctypes.c_uint8}  # fmt: skip


def native(name, *arguments):
    function = VALUE_FUNCTIONS[name]
    types = [C[type_] for type_ in (function.output, *function.inputs)]
    return ctypes.CFUNCTYPE(*types)(address(name))(*arguments)


def test_through_pointers():
    made = native("value_list_new")
    symbol = ctypes.create_string_buffer(b"caf\xc3\xa9")
    item = native("value_symbol_new", ctypes.addressof(symbol))
    native("value_list_push", made, item)
    native("value_list_push", made, native("value_number_new", 2.5))
    assert native("value_list_len", made) == 2
    assert native("value_is_list", made) == 1
    assert native("value_number_get", native("value_list_get", made, 1)) == 2.5
    name = native("value_symbol_name", native("value_list_first", made))
    assert ctypes.string_at(name) == b"caf\xc3\xa9"
    HEAP.clear()
    assert native("value_list_len", made) == 0


def test_wild_pointers_are_no_values():
    for pointer in (0, 8, 2**63 + 5, ctypes.addressof(ctypes.c_int64())):
        assert not native("value_list_first", pointer)
        assert native("value_is_nil", pointer) == 0
        native("value_free", pointer)
        native("value_list_push", pointer, pointer)
    assert not native("value_symbol_new", 0)
    assert address("value_unknown") is None


def test_a_freed_pointer_is_no_value():
    made = native("value_nil_new")
    copy = native("value_clone", made)
    native("value_free", made)
    native("value_free", made)
    assert (native("value_is_nil", made), native("value_is_nil", copy)) == (0, 1)
    HEAP.clear()


def test_only_the_lowest_bit_of_a_truth_value_counts():
    assert HEAP.value(native("value_bool_new", 2)) == Bool(False)
    assert HEAP.value(native("value_bool_new", 255)) == Bool(True)
    HEAP.clear()
