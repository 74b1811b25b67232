"""Macros written in Lispier that need no compiler, and the prelude."""

from __future__ import annotations

import pytest

from pharos.core.errors import ErrorList, UserError, render
from pharos.lisp import load, load_text, read, to_text
from pharos.lisp.expand import Expander
from pharos.lisp.functions import all_functions
from pharos.lisp.lean import without_macros
from pharos.lisp.macros import BUILT_IN
from pharos.lisp.macros.prelude import NAMES, PRELUDE, prelude

HEAD = "(require-dialect func arith scf llvm)\n"
FIRST = "(call !llvm.ptr value_list_first a)"


def macro(name, body):
    return f"(defn {name} [(: a !llvm.ptr)] -> !llvm.ptr {body})(defmacro {name})\n"


def returning(name, value):
    return macro(name, f"(func.return {value})")


def forms(text):
    return [to_text(form) for form in load_text(HEAD + text, "t.lisp").forms]


def last(text):
    return forms(text)[-1]


def failed(text):
    with pytest.raises(UserError) as caught:
        load_text(HEAD + text, "t.lisp")
    return caught.value


def test_the_example_of_the_reference():
    text = """
    (extern :value-ffi)
    (func.func {:sym_name "value_list_first" :function_type (-> [!llvm.ptr] [!llvm.ptr])
                :sym_visibility "private"} (region))
    (func.func {:sym_name "ident" :function_type (-> [!llvm.ptr] [!llvm.ptr])}
      (do (block [(: args !llvm.ptr)]
        (func.return (func.call {:callee @value_list_first :result !llvm.ptr} args)))))
    (defmacro ident)
    (defn main [] -> i64 (func.return (ident (: 8 i64))))"""
    _, function, main = forms(text)
    assert '"ident"' in function
    assert "(func.return (: 8 i64))" in main


def test_arguments_are_not_expanded_and_expansions_are():
    text = returning("m", f"(call !llvm.ptr value_text {FIRST})") + "(f (m (when x y)))"
    assert last(text) == '(f "(when x y)")'
    assert last(returning("n", "`(+i ~@a)") + "(f (n 1 2))") == "(f (arith.addi 1 2))"


def test_vectors_are_expanded_and_maps_are_not():
    assert last(returning("m", FIRST) + "(f {:a (m 1)} [(m 2)])") == "(f {:a (m 1)} [2])"


def test_a_macro_is_known_to_what_follows_it_only():
    assert "(m 1)" in forms("(f (m 1))" + returning("m", FIRST))[0]


@pytest.mark.parametrize("group", ["module", "do"])
def test_macros_in_groups(group):
    assert last(f"({group} {returning('m', FIRST)} (f (m 7)))") == "(f 7)"


def test_a_macro_that_defines_a_macro():
    text = returning(
        "constant",
        """`(do (func.func {:sym_name "seven" :function_type (-> [!llvm.ptr] [!llvm.ptr])}
               (do (block [(: a !llvm.ptr)] (func.return `(: ~~(call !llvm.ptr value_list_get a 0)
                                                             i64)))))
             (defmacro seven))""",
    )
    # The number is no pointer; what the outer macro passes on is code.
    text = text.replace("~~(call !llvm.ptr value_list_get a 0)", "7")
    assert last(text + "(constant) (f (seven))") == "(f (: 7 i64))"


def test_macros_use_macros_defined_before():
    text = returning("first-of", "`(call !llvm.ptr value_list_first ~@a)") + returning(
        "m", "(first-of a)"
    )
    assert last(text + "(f (m 5 6))") == "(f 5)"


def test_choices_in_macros():
    choice = (
        "(if {:result !llvm.ptr} (call i1 value_is_list "
        + FIRST
        + ") (do (call! value_list_push a a) `list) `other)"
    )
    text = returning("m", choice)
    assert last(text + "(f (m (x)) (m x))") == "(f list other)"


def test_made_up_names_differ_over_files(tmp_path):
    head = HEAD + returning("m", "(call !llvm.ptr value_gensym)")
    (tmp_path / "u.lisp").write_text(head + "(f (m) (m))")
    (tmp_path / "main.lisp").write_text('(require ["u.lisp" :as u])' + head + "(g (m))")
    program = load(tmp_path / "main.lisp")
    calls = [to_text(form) for form in program.forms if form.head in ("f", "g")]
    assert calls == ["(f __G__0 __G__1)", "(g __G__2)"]


def test_macros_are_of_one_file(tmp_path):
    (tmp_path / "u.lisp").write_text(HEAD + returning("m", FIRST))
    (tmp_path / "main.lisp").write_text('(require ["u.lisp" :as u]) (f (m 1))')
    assert to_text(load(tmp_path / "main.lisp").forms[-1]) == "(f (m 1))"


def test_values_are_placed():
    program = load_text(HEAD + returning("m", "`(a ~@a b)") + "\n (f (m x))", "t.lisp")
    call = program.forms[-1].items[1]
    places = [(item.span.line, item.span.column) for item in call.items]
    assert places == [(4, 5), (4, 8), (4, 5)]


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("(defmacro m)", "2:11", "failed to compile dynamic macro 'm': no func.func found with "
         "name 'm'"),
        ("(extern-fn m (-> [!llvm.ptr] [!llvm.ptr]))\n(defmacro m)", "3:11",
         "failed to compile dynamic macro 'm': no func.func found"),
        ("(defn m [(: a i64)] -> i64 (func.return a))\n(defmacro m)", "2:1",
         "failed to compile dynamic macro 'm': expected a function of type"),
        ("(defn m [] (func.return))\n(defmacro m)", "2:1", "failed to compile dynamic macro 'm'"),
        ("(defmacro)", "2:1", "defmacro: wrong number of arguments, expected 1, got 0"),
        ('(defmacro "m")', "2:11", "defmacro: expected a symbol, got string"),
        (returning("m", FIRST) + "(f\n (m))", "4:2", "JIT macro 'm' returned null"),
        (returning("m", "`(m)") + "(m)", "3:1", "maximum macro expansion depth exceeded"),
        (returning("m", "`(f (m))") + "(m)", "3:1", "maximum macro expansion depth exceeded"),
        (returning("m", "`(do (m))") + "(m)", "3:1", "maximum macro expansion depth exceeded"),
        (returning("m", "`[(m)]") + "(m)", "3:1", "maximum macro expansion depth exceeded"),
        (macro("m", '(call! value_fail (c-string "no")) (func.return a)') + "(m)", "3:1",
         "macro 'm': no"),
        ('(require-macros "none.lisp")', "2:17", "file not found: none.lisp"),
        ("(require-macros)", "2:1", "require-macros: wrong number of arguments"),
        ("(require-macros m)", "2:17", "require-macros: expected a string"),
    ],
)  # fmt: skip
def test_errors(text, place, message):
    error = failed(text)
    assert error.message.startswith(message)
    assert str(error.span) == f"t.lisp:{place}"


def test_an_expansion_that_never_ends_is_refused_soon():
    doubling = returning("m", "`(f (n) (n))") + returning("n", "`(f (m) (m))")
    # Each level twice as many calls; the depth is what ends it.
    assert (
        "maximum macro expansion depth"
        in failed(returning("m", "`(f (m) (m))") + doubling + "(m)").message
    )


def test_errors_show_the_call_and_the_macro():
    error = failed(returning("m", FIRST) + "(f (m))")
    (note,) = error.notes
    assert (note.message, str(note.span)) == ("the macro 'm' is written here", "t.lisp:2:7")
    error = failed(returning("m", "`(loop 1)") + "\n(f (m))")
    (note,) = error.notes
    assert str(error.span) == "t.lisp:4:4"
    assert note.message == "in the expansion of macro 'm', written here"
    assert str(note.span) == "t.lisp:2:7"
    assert "t.lisp:4:4: error: macro 'loop'" in render(error)


def test_a_macro_whose_function_is_wrong_is_no_mistake_of_its_own():
    error = failed("(defn m [x] (func.return))(defmacro m)")
    assert not isinstance(error, ErrorList)
    assert error.message.startswith("macro 'defn'")


def test_without_a_compiler_a_macro_with_a_loop_is_refused_at_its_use():
    loop = """(scf.for (: 0 index) (: 2 index) (: 1 index)
                (region (block [(: i index)] (scf.yield)))) (func.return a)"""
    assert '"m"' in last(macro("m", loop))
    error = failed(macro("m", loop) + "(f (m))")
    assert error.message == "macro 'm' has to be compiled, and nothing here compiles"


# -- files of macros ------------------------------------------------------------------------------


def test_two_files_get_the_macros_of_one(tmp_path):
    (tmp_path / "m.lisp").write_text(HEAD + "(defmacro m)" + returning("m", FIRST)[:-13])
    (tmp_path / "u.lisp").write_text('(require-macros "m.lisp") (g (m 1))')
    (tmp_path / "main.lisp").write_text(
        '(f (m 2)) (require ["u.lisp" :as u]) (require-macros "m.lisp")'
    )
    program = load(tmp_path / "main.lisp")
    assert [to_text(form) for form in program.forms] == ["(g 1)", "(f 2)"]
    assert sorted(file.rpartition("/")[2] for file in program.files) == [
        "m.lisp",
        "main.lisp",
        "u.lisp",
    ]


def test_several_files_of_macros_in_one_form(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.lisp").write_text(HEAD + returning(name, FIRST))
    (tmp_path / "main.lisp").write_text(
        '(module (require-macros "a.lisp" "b.lisp")) (f (a 1) (b 2))'
    )
    assert to_text(load(tmp_path / "main.lisp").forms[-1]) == "(f 1 2)"


def test_mistakes_in_a_file_of_macros_have_their_place(tmp_path):
    (tmp_path / "m.lisp").write_text("(require-dialect func)\n(defmacro m)\n (defn)")
    (tmp_path / "main.lisp").write_text('(require-macros "m.lisp")')
    with pytest.raises(ErrorList) as caught:
        load(tmp_path / "main.lisp")
    places = [str(error.span).rpartition("/")[2] for error in caught.value.errors]
    assert sorted(places) == ["m.lisp:2:11", "m.lisp:3:2"]


# -- the prelude ----------------------------------------------------------------------------------


def test_the_names_of_the_prelude_are_those_of_its_file():
    assert tuple(prelude()) == NAMES
    assert all(name in BUILT_IN for name in NAMES)


def test_no_function_of_the_prelude_has_to_be_compiled():
    assert [
        name for name, made in prelude().items() if made.handler.__self__.straight is None
    ] == []
    assert PRELUDE.is_file()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(inc x)", "(+ x 1)"),
        ("(not c)", "(arith.xori c (: 1 i1))"),
        ("(<f a b)", '(arith.cmpf {:predicate "olt"} a b)'),
        ("(!=f a b)", '(arith.cmpf {:predicate "une"} a b)'),
        ("(while c x y)",
         "(scf.while (region (block [] (scf.condition c))) (region (block [] x y (scf.yield))))"),
        ("(for [i 0 n] x)",
         "(scf.for (as-index 0) (as-index n) (as-index 1) "
         "(region (block [(: i index)] x (scf.yield))))"),
        ("(for [i 0 n 2] x y)",
         "(scf.for (as-index 0) (as-index n) (as-index 2) "
         "(region (block [(: i index)] x y (scf.yield))))"),
        ("(for {:result i64} [i 0 n] [s 0] x y)",
         "(scf.for {:result i64} (as-index 0) (as-index n) (as-index 1) 0 "
         "(region (block [(: i index) (: s i64)] x (scf.yield y))))"),
        ("(for {:result [i64 f32]} [i 0 n] [s 0 t u] [y (f s)])",
         "(scf.for {:result [i64 f32]} (as-index 0) (as-index n) (as-index 1) 0 u "
         "(region (block [(: i index) (: s i64) (: t f32)] (scf.yield [y (f s)]))))"),
        ("(while {:result [i64 f32]} [s 0 t u] (c s) x [y z])",
         "(scf.while {:result [i64 f32]} 0 u "
         "(region (block [(: s i64) (: t f32)] (scf.condition (c s) s t))) "
         "(region (block [(: s i64) (: t f32)] x (scf.yield [y z]))))"),
    ],
)  # fmt: skip
def test_expansions_of_the_prelude(text, code):
    (form,) = read(text)
    assert to_text(Expander().expand(form)) == code


def test_assert_tells_its_place():
    (form,) = read("\n (assert (< a b))", "t.lisp")
    expander = Expander()
    expander.expand(form)
    assert "t.lisp:2:2: assertion failed: (< a b)" in expander.strings
    (form,) = read('(assert c "why")', "t.lisp")
    expander.expand(form)
    assert "t.lisp:1:1: assertion failed: why" in expander.strings
    assert expander.needed == {"dprintf", "exit", "fflush"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(inc)", "macro 'inc': wrong number of forms, expected 1, got 0: write (inc x)"),
        ("(while)", "macro 'while': wrong number of forms, expected at least 1, got 0"),
        ("(for [i 0] x)", "macro 'for': wrong number of forms, expected 3 to 4, got 2"),
        ("(for x y)", "macro 'for': wrong number of forms, expected 3 to 4, got 0"),
        ("(for {:result i64} [i 0 1] x)", "macro 'for': wrong number of forms, expected at least"),
        ("(=f a)", "macro '=f': wrong number of forms, expected 2, got 1: write (=f a b)"),
    ],
)
def test_mistakes_with_the_prelude(text, message):
    error = failed(text)
    assert error.message.startswith(message)
    assert str(error.span) == "t.lisp:2:1"
    assert error.notes == ()


def test_names_of_the_program_come_first():
    assert last(returning("inc", "`mine") + "(f (inc 1))") == "(f mine)"
    error = failed("(defn inc [(: x i64)] -> i64 (func.return x))\n(f (inc 1))")
    assert error.message == "macro 'inc': this program has a function of that name"
    assert str(error.span) == "t.lisp:3:4"


# -- without what macros needed -------------------------------------------------------------------


def test_a_program_without_its_macros():
    text = (
        "(defn helper [(: p !llvm.ptr)] -> !llvm.ptr (func.return (call !llvm.ptr value_clone p)))"
        + returning("m", "(call !llvm.ptr helper a)")
        + returning("called", "a")
        + "(defn plain [(: x i64)] -> i64 (func.return x))"
        + "(defn main [] (call !llvm.ptr called (null-ptr)) (func.return))"
    )
    program = load_text(HEAD + text, "t.lisp")
    lean = without_macros(program)
    names = [function.name for function in all_functions(lean.forms)]
    assert names == ["called", "plain", "main"]
    assert len(program.forms) == 5
