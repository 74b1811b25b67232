"""Attention is recognised by what is computed; near misses say why they are none."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.ingress.payloads.forms import Forms
from pharos.ingress.payloads.softmax import softmax
from pharos.ingress.payloads.writer import Writer
from pharos.payload import inspect_payload
from pharos.transform.attention.stage import AttentionInPlace, FuseAttention

FIRST, SECOND = ("bmk", "bnk", "bmn"), ("bmn", "bnv", "bmv")


class Hand:
    """An attention written by hand, of 2 heads, 5 queries, 5 keys, depth 4."""

    def __init__(self, form: str = "generic", dtype: str = "f32") -> None:
        self.writer, self.dtype = Writer("f"), dtype
        self.forms = Forms(self.writer, form)
        self.q, self.k, self.v = (self.writer.argument(n, (2, 5, 4), dtype) for n in "qkv")

    def scores(self, q=None):
        start = self.writer.filled(0.0, (2, 5, 5), self.dtype)
        return self.forms.contract(q or self.q, self.k, start, FIRST)

    def out(self, weights, start: float = 0.0):
        zero = self.writer.filled(start, (2, 5, 4), self.dtype)
        return self.forms.contract(weights, self.v, zero, SECOND)

    def function(self, result):
        module = ir.parse(self.writer.text(result))
        return inspect_payload(module).functions[0], module


def found(function):
    return [motif for motif in function.motifs if motif.kind == "attention"]


@pytest.mark.parametrize("form", ["generic", "named", "category"])
def test_two_attentions_one_behind_the_other(form):
    hand = Hand(form)
    first = hand.out(softmax(hand.forms, hand.scores(), 2))
    function, _ = hand.function(hand.out(softmax(hand.forms, hand.scores(first), 2)))
    assert [(m.queries, m.keys, m.depth, m.obstacle) for m in found(function)] == [
        (5, 5, 4, "")
    ] * 2
    assert not function.misses


def test_queries_and_keys_may_stand_in_either_order_and_have_factors():
    hand = Hand()
    scaled = hand.forms.pointwise(("mul", 0, 0.5), hand.k)
    start = hand.writer.filled(0.0, (2, 5, 5), "f32")
    scores = hand.forms.contract(scaled, hand.q, start, ("bnk", "bmk", "bmn"))
    function, module = hand.function(hand.out(softmax(hand.forms, scores, 2)))
    assert len(found(function)) == 1
    text = str(FuseAttention(every=True).run(module))
    assert "call @pharos.attention_0(%arg0, %arg1, %arg2," in text
    assert text.count("linalg.generic") == 1 and "5.000000e-01" in text


def test_what_makes_an_operand_stays_outside():
    hand = Hand()
    q = hand.forms.pointwise(("tanh", 0), hand.q)
    _, module = hand.function(hand.out(softmax(hand.forms, hand.scores(q), 2)))
    FuseAttention(every=True).run(module)
    ir.run_passes(module, "func.func(linalg-fuse-elementwise-ops),canonicalize,cse")
    AttentionInPlace().run(module)
    ir.verify(module)
    text = str(module)
    assert "attention_0" not in text and text.count("linalg.generic") == 2
    body = text[text.index("pharos.attention") :]
    assert "tanh" not in body and "tanh" in text


def near(hand, weights, start=0.0):
    function, _ = hand.function(hand.out(weights, start))
    assert not found(function)
    return [miss.reason for miss in function.misses]


def test_softmax_along_the_queries():
    hand = Hand()
    assert near(hand, softmax(hand.forms, hand.scores(), 1)) == [
        "what the weights are divided by is not their sum along the keys"
    ]


def test_weights_that_are_not_normal():
    hand = Hand()
    weights = hand.forms.pointwise(("mul", 0, 2.0), softmax(hand.forms, hand.scores(), 2))
    (reason,) = near(hand, weights)
    assert "not divided by their sum" in reason


def test_dropout_of_weights():
    hand = Hand()
    mask = hand.writer.argument("mask", (2, 5, 5), "f32")
    weights = hand.forms.pointwise(("mul", 0, 1), softmax(hand.forms, hand.scores(), 2), mask)
    (reason,) = near(hand, weights)
    assert "not divided by their sum" in reason


def test_a_second_product_that_starts_from_something():
    hand = Hand()
    assert near(hand, softmax(hand.forms, hand.scores(), 2), 1.0) == [
        "the second product does not start from zero"
    ]


def test_scores_that_are_needed_elsewhere():
    hand = Hand()
    weights = softmax(hand.forms, hand.scores(), 2)
    out = hand.out(weights)
    both = hand.forms.contract(
        weights, out, hand.writer.filled(0.0, (2, 5, 4), "f32"), ("bmn", "bnv", "bmv")
    )
    function, _ = hand.function(both)
    assert not found(function)
    assert {m.reason for m in function.misses} == {
        "its scores or weights are read by something else, too"
    }


def test_scores_that_are_no_product():
    hand = Hand()
    scores = hand.writer.argument("scores", (2, 5, 5), "f32")
    mixed = hand.forms.pointwise(("add", 0, 1), scores, hand.scores())
    normal = softmax(hand.forms, mixed, 2)
    again = softmax(hand.forms, normal, 2)
    (reason,) = near(hand, again)
    assert "sums or maxima" in reason


def test_f64_is_attention_and_stays_as_it_is():
    hand = Hand(dtype="f64")
    function, module = hand.function(hand.out(softmax(hand.forms, hand.scores(), 2)))
    (motif,) = found(function)
    assert motif.obstacle == "its query is stored as f64"
    before = str(module)
    assert str(FuseAttention(every=True).run(module)) == before


def test_only_what_a_selector_spoke_for_is_fused():
    hand = Hand()
    _, module = hand.function(hand.out(softmax(hand.forms, hand.scores(), 2)))
    before = str(module)
    assert str(FuseAttention().run(module)) == before
    facts = inspect_payload(module).functions[0]
    (motif,) = found(facts)
    ir.write_parameters(motif.operation, {"key_tile": 16}, motif.key)
    text = str(FuseAttention().run(module))
    assert "call @pharos.attention_0" in text and "key_tile = 16" in text
