"""Quasiquote: its exact expansions, and the values that they make."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.lisp import expand, read, to_text
from pharos.lisp.expand import Expander
from pharos.lisp.namespaces import Namespaces


def expansion(text):
    """The expansion of ``text``, its calls of value functions written short."""
    (form,) = read(text, namespaces=Namespaces(lenient=True))
    shown = to_text(Expander().expand(form))
    shown = shown.replace("(func.call {:callee @value_", "(").replace(" :result !llvm.ptr}", "!")
    return shown.replace("(llvm.mlir.addressof {:global_name @_print_str_", "(str ")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("`~x", "x"),
        ("`~(f x)", "(f x)"),
        ("`1", "(number_new! (: 1 f64))"),
        ("`-2.5", "(number_new! (: -2.5 f64))"),
        ("`true", "(bool_new! (: 1 i1))"),
        ("`false", "(bool_new! (: 0 i1))"),
        ("`nil", "(nil_new!)"),
        ("`arith.addi", "(symbol_arith_addi!)"),
        ("`:", "(symbol_colon!)"),
        ("`x", "(symbol_new! (str 0!))"),
        ('`"a"', "(string_new! (str 0!))"),
        ("`:k", "(keyword_new! (str 0!))"),
        ("`()", "(let [__qq__0 (list_new!)] __qq__0)"),
        (
            "`(def ~x 1)",
            "(let [__qq__0 (list_new!) __qq__1 (symbol_def!) __qq__2 (number_new! (: 1 f64))] "
            "(list_push} __qq__0 __qq__1) (list_push} __qq__0 x) (list_push} __qq__0 __qq__2) "
            "__qq__0)",
        ),
        (
            "`(~@xs ~@(f))",
            "(let [__qq__0 (list_new!) __qq__1 (f)] (list_extend} __qq__0 xs) "
            "(list_extend} __qq__0 __qq__1) __qq__0)",
        ),
        (
            "`[~x]",
            "(list_to_vector! (let [__qq__0 (list_new!)] (list_push} __qq__0 x) __qq__0))",
        ),
        (
            "`{:a ~x}",
            "(let [__qq__0 (map_new!) __qq__1 x] (map_set} __qq__0 (str 0!) __qq__1) __qq__0)",
        ),
        ("`9007199254740993", "(read! (str 0!))"),
        ("`1.0", "(read! (str 0!))"),
    ],
)
def test_exact_expansions(text, code):
    assert expansion(text) == code


def test_equal_texts_share_a_global():
    forms = expand(read("`(a a)"))
    assert sum(form.head == "llvm.mlir.global" for form in forms) == 1


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("~x", "1:1", "'~' stands only in a quasiquote"),
        ("(f ~@x)", "1:4", "'~@' stands only in a quasiquote"),
        ("`~@x", "1:2", "'~@' fills in the items of a list"),
        ("`{:a ~@x}", "1:6", "'~@' fills in the items of a list"),
        ("(quasiquote)", "1:1", "macro 'quasiquote': wrong number of arguments, expected 1, got 0"),
        ("(quasiquote a b)", "1:1", "macro 'quasiquote': wrong number of arguments"),
        ('(c-string "a" 1)', "1:1", "macro 'c-string': wrong number of arguments"),
    ],
)
def test_errors(text, place, message):
    with pytest.raises(UserError) as caught:
        expand(read(text, "t.lisp"))
    assert caught.value.message.startswith(message)
    assert str(caught.value.span) == f"t.lisp:{place}"


def made(template):
    """What a macro makes that returns ``template``; its arguments are (1 (b c) [d])."""
    text = f"""(require-dialect func)
    (defn m [(: args !llvm.ptr)] -> !llvm.ptr
      (def one (call !llvm.ptr value_list_first args))
      (def list (call !llvm.ptr value_list_get args 1))
      (def vector (call !llvm.ptr value_list_get args 2))
      (func.return {template}))
    (defmacro m)
    (got (m 1 (b c) [d]))"""
    return to_text(expand(read(text, namespaces=Namespaces(lenient=True)))[-1])[5:-1]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("`(a ~one ~list)", "(a 1 (b c))"),
        ("`(a ~@list ~@vector z)", "(a b c d z)"),
        ("`[a ~@list [~one]]", "[a b c [1]]"),
        ("`{:a ~one :b {:c [~@list]} :d x/y}", "{:a 1 :b {:c [b c]} :d x/y}"),
        ('`("s\\n\\"" :k nil true false)', '("s\\n\\"" :k nil true false)'),
        ('`"a\\0b"', '"a\\0b"'),
        ("`(1 -1 0.5 1.0 -0.0 1e300 123456789012345678901 9007199254740993)",
         "(1 -1 0.5 1.0 -0.0 1e+300 123456789012345678901 9007199254740993)"),
        ("`(memref<?xf32> !llvm.ptr ^label @f % arith.addi u/f ...)",
         "(memref<?xf32> !llvm.ptr ^label @f % arith.addi u/f ...)"),
    ],
)  # fmt: skip
def test_values(template, value):
    assert made(template) == value


def test_an_inner_quasiquote_keeps_its_holes():
    template = "(call !llvm.ptr value_text `(a `(b ~c ~~one ~@d ~@~list)))"
    inner = "(b (unquote c) (unquote 1) (unquote-splice d) (unquote-splice (b c)))"
    assert made(template) == f'"(a (quasiquote {inner}))"'
