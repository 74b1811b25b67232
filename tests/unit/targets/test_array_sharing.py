"""Which arrays may be the same memory: arguments, views, globals, and what callers pass."""

from __future__ import annotations

import pytest

from pharos import ir
from pharos.targets.common.nests.sharing import NoteSharing, forget_sharing, may_share

KIND = "memref<16xf32>"


def sharing(text: str, function: str = "f") -> bool:
    """Whether the operands of a cast in ``function`` may have memory in common."""
    module = ir.parse(text)
    NoteSharing().run(module)
    (found,) = [
        op
        for each in ir.operations(module, "func.func")
        if each.attributes["sym_name"].value == function
        for op in ir.operations(each, "builtin.unrealized_conversion_cast")
    ]
    return may_share(*found.operands)


def function(arguments: str, body: str, name: str = "f") -> str:
    return f"func.func @{name}({arguments}) {{\n{body}\nreturn\n}}\n"


def two(a: str, b: str, first: str = KIND, second: str = KIND) -> str:
    return f"%two = builtin.unrealized_conversion_cast {a}, {b} : {first}, {second} to i1"


VIEW = f"""
%v = memref.subview %a[4] [8] [1] : {KIND} to memref<8xf32, strided<[1], offset: 4>>
%w = memref.subview %b[0] [8] [1] : {KIND} to memref<8xf32, strided<[1]>>"""
VIEWS = two("%v", "%w", "memref<8xf32, strided<[1], offset: 4>>", "memref<8xf32, strided<[1]>>")
ALLOCATIONS = f"%a = memref.alloc() : {KIND}\n%b = memref.alloc() : {KIND}"
GLOBALS = f"""
memref.global "private" @x : {KIND}
memref.global "private" @y : {KIND}
"""

GET = f"%a = memref.get_global @{{}} : {KIND}\n%b = memref.get_global @{{}} : {KIND}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (function(f"%a: {KIND}, %b: {KIND}", two("%a", "%b")), True),
        (function(f"%a: {KIND}, %b: memref<8xf32>", two("%a", "%b", KIND, "memref<8xf32>")), False),
        (function(f"%a: {KIND}, %b: memref<?xf32>", two("%a", "%b", KIND, "memref<?xf32>")), True),
        (function(f"%a: {KIND}, %b: memref<16xi8>", two("%a", "%b", KIND, "memref<16xi8>")), False),
        (function(f"%a: {KIND}, %b: {KIND}", VIEW + VIEWS), True),
        (function("", ALLOCATIONS + VIEW + VIEWS), False),
        (function("", ALLOCATIONS + two("%a", "%b")), False),
        (function(f"%a: {KIND}", f"%b = memref.alloc() : {KIND}" + two("%a", "%b")), False),
        (function("%c: i1", ALLOCATIONS + f"""
%s = scf.if %c -> {KIND} {{ scf.yield %a : {KIND} }} else {{ scf.yield %b : {KIND} }}"""
                  + two("%s", "%b")), True),
        (function("%c: i1", ALLOCATIONS + f"""
cf.cond_br %c, ^next(%a : {KIND}), ^next(%b : {KIND})
^next(%s: {KIND}):""" + two("%s", "%b")), True),
        (GLOBALS + function("", GET.format("x", "x") + two("%a", "%b")), True),
        (GLOBALS + function("", GET.format("x", "y") + two("%a", "%b")), False),
        (function(f"%a: {KIND}, %b: {KIND}",
                  f"%t = bufferization.to_tensor %b restrict : {KIND} to tensor<16xf32>"
                  + two("%a", "%b")), False),
        (function(f"%a: {KIND}, %b: {KIND} {{llvm.noalias}}", two("%a", "%b")), False),
    ],
    ids=["arguments", "sizes", "dynamic", "elements", "views", "views-apart", "allocations",
         "argument-and-allocation", "if", "branch", "global", "globals", "restrict", "noalias"],
)  # fmt: skip
def test_arrays(text, expected):
    assert sharing(text) is expected


INNER = function("%a: memref<4xf32>, %b: memref<16xf32>",
                 two("%a", "%b", "memref<4xf32>", "memref<16xf32>"), "inner")  # fmt: skip


def caller(a: str, b: str, arguments: str, body: str = "") -> str:
    called = f"func.call @inner({a}, {b}) : (memref<4xf32>, memref<16xf32>) -> ()"
    return INNER + function(arguments, body + called, "outer")


PART = """%p = memref.subview %w[0] [4] [1] : memref<16xf32> to memref<4xf32, strided<[1]>>
%q = memref.cast %p : memref<4xf32, strided<[1]>> to memref<4xf32>
"""


def test_two_views_of_one_array_are_passed():
    assert sharing(caller("%q", "%w", "%w: memref<16xf32>", PART), "inner")
    assert not sharing(caller("%q", "%o", "%w: memref<8xf32>, %o: memref<16xf32>",
                              PART.replace("16xf32", "8xf32")), "inner")  # fmt: skip


def test_what_an_overlapping_function_passes_on_overlaps():
    middle = function("%x: memref<4xf32>, %y: memref<16xf32>",
                      "func.call @inner(%x, %y) : (memref<4xf32>, memref<16xf32>) -> ()",
                      "middle")  # fmt: skip
    outer = function("%w: memref<16xf32>",
                     PART + "func.call @middle(%q, %w) : (memref<4xf32>, memref<16xf32>) -> ()",
                     "outer")  # fmt: skip
    assert sharing(INNER + middle + outer, "inner")
    assert sharing(outer + middle + INNER, "inner")
    assert not sharing(INNER + middle, "inner")


def test_a_function_that_is_a_value_may_be_passed_anything():
    kind = "(memref<4xf32>, memref<16xf32>) -> ()"
    text = INNER + function("", f"%f = func.constant @inner : {kind}", "outer")
    assert sharing(text, "inner")


def test_nothing_stays_written():
    module = ir.parse(caller("%q", "%w", "%w: memref<16xf32>", PART))
    before = ir.to_text(module)
    NoteSharing().run(module)
    assert "pharos.overlapping" in ir.to_text(module)
    forget_sharing(module)
    assert ir.to_text(module) == before
