"""A concatenation that begins with another one takes that whole."""

from __future__ import annotations

import re

from pharos import ir
from pharos.transform.nested_concats import NestedConcats

PART = "tensor<2x3xf32>"
PARTS = [f"tensor<2x{3 * n}xf32>" for n in range(6)]
TALL = [f"tensor<{2 * n}x3xf32>" for n in range(6)]


def concat(name: str, *values: str, dim: int = 1) -> str:
    result = (TALL, PARTS)[dim][len(values)]
    types = ", ".join([PART] * len(values))
    return f"%{name} = tensor.concat dim({dim}) {', '.join(values)} : ({types}) -> {result}\n"


def rewritten(body: str) -> list[str]:
    """The operands of each concatenation, in order."""
    text = f"func.func @f(%x: {PART}, %y: {PART}, %z: {PART}, %c: i1) {{\n{body}return\n}}"
    module = ir.parse(text)
    NestedConcats().run(module)
    ir.verify(module)
    return re.findall(r"tensor.concat dim\(\d\) ([^:]*) :", ir.to_text(module))


def test_each_begins_with_the_longest_before_it():
    body = concat("a", "%x", "%y") + concat("b", "%x", "%y", "%z")
    body += concat("d", "%x", "%y", "%z", "%x") + concat("e", "%x", "%y", "%x")
    assert rewritten(body) == [
        "%arg0, %arg1",
        "%concat, %arg2",
        "%concat_0, %arg0",
        "%concat, %arg0",
    ]


def test_the_same_one_again_stays_for_cse():
    assert rewritten(concat("a", "%x", "%y") + concat("b", "%x", "%y")) == ["%arg0, %arg1"] * 2


def test_other_beginnings_and_dimensions_stay():
    body = concat("a", "%x", "%y") + concat("b", "%y", "%x", "%z")
    body += concat("d", "%x", "%y", "%z", dim=0) + concat("e", "%x")
    body += concat("g", "%x", "%z")
    assert rewritten(body)[1:] == ["%arg1, %arg0, %arg2", "%arg0, %arg1, %arg2", "%arg0",
                                   "%arg0, %arg2"]  # fmt: skip


def test_what_may_not_have_been_computed_is_not_used():
    inner = f"scf.if %c {{\n{concat('a', '%x', '%y')}}}\n"
    assert rewritten(inner + concat("b", "%x", "%y", "%z"))[1] == "%arg0, %arg1, %arg2"
