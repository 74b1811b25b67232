"""Trees, outlines, scopes and positions of texts that are being written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos.tools.language.outline import outline
from pharos.tools.language.positions import Positions
from pharos.tools.language.scopes import binding_of, visible
from pharos.tools.language.tree import Node, node_at, parse

SOUP = st.text(alphabet=st.sampled_from('()[]{}"\\;<>`~@^:- \nab1é𝔸'), max_size=60)
WORDS = st.lists(
    st.sampled_from(
        ["(", ")", "[", "]", "{", "}", "(defn", "f", "(def", "x", "(let", "(: ", "i32)", "\n",
         "(defstruct", "(require", '"p"', ":as", "(block", "^l", ":sym_name", "(region", "\n("]
    ),
    max_size=30,
).map(" ".join)  # fmt: skip


@given(SOUP | WORDS)
def test_any_text_has_a_tree(text):
    root = parse(text)
    made = outline(root, text)
    for node in root.walk():
        assert 0 <= node.start <= node.end <= len(text)
        for child in node.children:
            assert child.parent is node
            assert node.start <= child.start
            assert child.end <= node.end
        list(visible(node))
        binding_of(node)
    for defined in made.definitions:
        made.named(defined.name)
    for offset in range(len(text) + 1):
        node_at(root, offset)


@given(SOUP, st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_positions_go_both_ways(text, encoding):
    positions = Positions(text, encoding)
    for offset in range(len(text) + 1):
        assert positions.from_editor(*positions.to_editor(offset)) == offset
        assert positions.offset_of(*positions.line_of(offset)) == offset


@given(SOUP, st.integers(-3, 9), st.integers(-3, 99))
def test_places_outside_are_the_nearest(text, line, column):
    positions = Positions(text)
    assert 0 <= positions.offset_of(line, column) <= len(text)
    assert 0 <= positions.from_editor(max(line, 0), max(column, 0)) <= len(text)


def test_unfinished_form_does_not_swallow_the_next():
    text = "(defn f [] (a (b\n(defn g [] (c))\n(defn h"
    root = parse(text)
    assert [form.head for form in root.children] == ["defn", "defn", "defn"]
    assert [made.name for made in outline(root, text).definitions] == ["f", "g", "h"]


def test_brackets_that_do_not_match():
    root = parse("(a [b) c)")
    assert [child.kind for child in root.children] == ["list", "symbol"]
    root = parse(") a (b")
    assert [(child.kind, child.start, child.end) for child in root.children] == [
        ("symbol", 2, 3),
        ("list", 4, 6),
    ]


def test_outline():
    text = """
    (require-dialect [arith :as a] func)
    (require ["low.lisp" :as low])
    (module
      (func.func {:sym_name "raw" :function_type (-> [i64] [i32])} (region (block [])))
      (func.func {:sym_name "declared" :function_type (-> [] [])} (region))
      (memref.global {:sym_name "g" :type memref<i32>}))
    (defn f [(: x i32)] -> i32 x)
    (extern-fn puts (-> [!llvm.ptr] [i32]))
    (defstruct P [x f32])
    (deftype T memref<4xf32>)
    (def [q r] (op))
    (defmacro f)
    """
    made = outline(parse(text), text)
    assert [(d.name, d.kind, d.detail) for d in made.definitions] == [
        ("raw", "function", "(-> [i64] [i32])"),
        ("declared", "declaration", "(-> [] [])"),
        ("g", "global", "memref<i32>"),
        ("f", "function", "[(: x i32)] -> i32"),
        ("puts", "declaration", "(-> [!llvm.ptr] [i32])"),
        ("P", "struct", ""),
        ("P/x", "field", "f32"),
        ("T", "type", "memref<4xf32>"),
        ("q", "value", ""),
        ("r", "value", ""),
        ("f", "macro", ""),
    ]
    assert made.dialects == {"arith": "arith", "a": "arith", "func": "func"}
    assert list(made.files) == ["low"]
    assert made.named("f").kind == "function"


SCOPED = """
(defn f [(: a i32) (: n index)]
  (def b (op a))
  (scf.for n (region (block [(: i index)]
    (let [c (op i) d (op c)]
      (HERE c))
    (def e 1))))
  (def later 1))
"""


def here(text: str) -> Node:
    return next(node for node in parse(text).walk() if node.text == "HERE")


def test_visible_names_are_those_before_and_around():
    assert [found.name for found in visible(here(SCOPED))] == ["d", "c", "i", "b", "a", "n"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("(defn f [(: x i32)]\n (def x 1)\n (def y x)\n (HERE x))", 1),
        ("(defn f [(: x i32)]\n (let [x 1\n x 2]\n (HERE x)))", 2),
        ("(defn f [(: x i32)]\n (block [(: x i64)]\n (HERE x)))", 1),
    ],
)
def test_the_innermost_and_latest_binding_counts(text, line):
    name = here(text).parent.children[1]
    found = binding_of(name)
    assert text.count("\n", 0, found.node.start) == line


def test_variables_of_loops():
    text = "(for {:result f32} [i 0 n] [sum (: 0 f32)] (HERE i sum))"
    i, total = (binding_of(name) for name in here(text).parent.children[1:])
    assert (i.told, i.node.start) == ("index", text.index("i 0"))
    assert (total.type.text, total.node.start) == ("f32", text.index("sum"))
    text = "(loop {:result i64} [v 1] :while (HERE v) :do v)"
    assert binding_of(here(text).parent.children[1]).type.text == "i64"
    assert list(visible(here("(for [j (HERE j) n] j)"))) == []


def test_a_let_binding_does_not_see_itself():
    text = "(let [x 1 x (HERE x)] x)"
    found = binding_of(here(text).parent.children[1])
    assert found.node.start == text.index("x 1")
