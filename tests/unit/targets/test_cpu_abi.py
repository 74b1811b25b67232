"""Signatures of callable functions, read from modules before lowering."""

from __future__ import annotations

from typing import Any

import pytest

from pharos import ir
from pharos.core.artifact import Argument
from pharos.core.errors import UserError
from pharos.targets.cpu import abi


def entries(text: str) -> dict[str, Any]:
    return {entry.name: entry for entry in abi.entry_points(ir.parse(text))}


def argument(kind: str) -> Argument:
    text = f"func.func @f(%a: {kind}) {{ return }}"
    (found,) = entries(text)["f"].arguments
    assert isinstance(found, Argument)
    return found


KINDS = {
    "f32": Argument("scalar", "f32"),
    "bf16": Argument("scalar", "bf16"),
    "i1": Argument("scalar", "i1"),
    "index": Argument("scalar", "index"),
    "!llvm.ptr": Argument("pointer", "index"),
    "memref<f64>": Argument("memref", "f64", (), None, written=False),
    "memref<?x4xi8>": Argument("memref", "i8", (-1, 4), None, written=False),
    "memref<2x3xf32, strided<[3, 1]>>": Argument("memref", "f32", (2, 3), (3, 1), written=False),
    "memref<?x3xf32, strided<[?, 1], offset: ?>>": Argument(
        "memref", "f32", (-1, 3), (-1, 1), written=False
    ),
    "tensor<?x4xbf16>": Argument("memref", "bf16", (-1, 4), None, written=False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_arguments(kind: str) -> None:
    assert argument(kind) == KINDS[kind]


REFUSED = {
    "vector<4xf32>": "argument 0 has type vector<4xf32>",
    "complex<f32>": "argument 0 has type complex<f32>",
    "i128": "argument 0 has type i128",
    "memref<4xvector<2xf32>>": "argument 0 has type vector<2xf32>",
    "memref<*xf32>": "argument 0 has type memref<*xf32>",
    "memref<4xf32, 1>": "argument 0 is in a memory space of its own, memref<4xf32, 1 : i32>",
    "memref<4xf32, strided<[1], offset: 3>>": "argument 0 has a fixed offset",
    "memref<2x3xf32, affine_map<(i, j) -> (j, i)>>": "has a layout that is not strided",
    "memref<4xf32, affine_map<(i) -> (i mod 2, i)>>": "argument 0 has a layout that is not strided",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_cross_a_call_says_why(kind: str) -> None:
    module = ir.parse(f"func.func @f(%a: {kind}) {{ return }}")
    assert abi.entry_points(module) == ()
    assert REFUSED[kind].split(" : ")[0] in abi.uncallable(module)["f"]


def test_only_public_functions_with_a_body() -> None:
    found = entries(
        """func.func private @declared(i32)
           func.func private @inner() { return }
           func.func @outer() -> (i1, f64) {
             %0 = arith.constant true
             %1 = arith.constant 1.0 : f64
             return %0, %1 : i1, f64
           }"""
    )
    assert list(found) == ["outer"]
    assert [result.dtype for result in found["outer"].results] == ["i1", "f64"]


def test_a_result_that_cannot_be_taken() -> None:
    module = ir.parse(
        "func.func @f(%a: i128) -> i128 { return %a : i128 }\nfunc.func @g() {return}"
    )
    assert [entry.name for entry in abi.entry_points(module)] == ["g"]
    assert list(abi.uncallable(module)) == ["f"]


def test_names_come_from_locations() -> None:
    found = entries('func.func @f(%a: f32 loc("weight"), %b: f32) { return }')["f"]
    assert [one.name for one in found.arguments] == ["weight", ""]


WRITES = {
    "memref.load %a[%i] : memref<?xf32>": False,
    "memref.store %x, %a[%i] : memref<?xf32>": True,
    "memref.copy %a, %b : memref<?xf32> to memref<?xf32>": False,
    "memref.copy %b, %a : memref<?xf32> to memref<?xf32>": True,
    "linalg.copy ins(%a : memref<?xf32>) outs(%b : memref<?xf32>)": False,
    "linalg.fill ins(%x : f32) outs(%a : memref<?xf32>)": True,
    "vector.load %a[%i] : memref<?xf32>, vector<4xf32>": False,
    "affine.load %a[0] : memref<?xf32>": False,
    "affine.store %x, %a[0] : memref<?xf32>": True,
    "memref.atomic_rmw addf %x, %a[%i] : (f32, memref<?xf32>) -> f32": True,
    "memref.store %a, %m[] : memref<memref<?xf32>>": True,
    "func.call @reads(%a) : (memref<?xf32>) -> ()": False,
    "func.call @writes(%a) : (memref<?xf32>) -> ()": True,
    "func.call @unknown(%a) : (memref<?xf32>) -> ()": True,
    "func.call @promises(%a) : (memref<?xf32>) -> ()": False,
    "func.call @gives(%a) : (memref<?xf32>) -> memref<?xf32>": True,
    "func.call @turns(%a, %i) : (memref<?xf32>, index) -> ()": True,
    "%s = memref.subview %a[1] [2] [1] : memref<?xf32> to memref<2xf32, strided<[1], offset: 1>>\n"
    "memref.load %s[%i] : memref<2xf32, strided<[1], offset: 1>>": False,
    "%s = memref.cast %a : memref<?xf32> to memref<4xf32>\n"
    "memref.store %x, %s[%i] : memref<4xf32>": True,
    "%t = bufferization.to_tensor %a restrict : memref<?xf32> to tensor<?xf32>": False,
    "%t = bufferization.to_tensor %a restrict writable : memref<?xf32> to tensor<?xf32>": True,
}


@pytest.mark.parametrize("use", WRITES)
def test_written(use: str) -> None:
    found = entries(
        f"""func.func @reads(%a: memref<?xf32>) {{
              %i = arith.constant 0 : index
              %v = memref.load %a[%i] : memref<?xf32>
              return }}
            func.func @writes(%a: memref<?xf32>) {{
              %i = arith.constant 0 : index
              %x = arith.constant 0.0 : f32
              memref.store %x, %a[%i] : memref<?xf32>
              return }}
            func.func private @unknown(memref<?xf32>)
            func.func private @promises(memref<?xf32> {{llvm.readonly}})
            func.func @gives(%a: memref<?xf32>) -> memref<?xf32> {{ return %a : memref<?xf32> }}
            func.func @turns(%a: memref<?xf32>, %i: index) {{
              func.call @back(%a, %i) : (memref<?xf32>, index) -> ()
              return }}
            func.func @back(%a: memref<?xf32>, %i: index) {{
              func.call @turns(%a, %i) : (memref<?xf32>, index) -> ()
              func.call @writes(%a) : (memref<?xf32>) -> ()
              return }}
            func.func @f(%a: memref<?xf32>, %b: memref<?xf32>, %x: f32, %i: index) {{
              %m = memref.alloca() : memref<memref<?xf32>>
              {use}
              return }}"""
    )["f"]
    assert found.arguments[0].written is WRITES[use]


def test_a_recursive_function_that_only_reads() -> None:
    found = entries(
        """func.func @f(%a: memref<?xf32>) {
             func.call @g(%a) : (memref<?xf32>) -> ()
             return }
           func.func @g(%a: memref<?xf32>) {
             func.call @f(%a) : (memref<?xf32>) -> ()
             return }"""
    )
    assert not found["f"].arguments[0].written


def test_restrict_asks_for_memory_of_its_own() -> None:
    found = entries(
        """func.func @inner(%t: tensor<?xf32>, %o: memref<?xf32>) {
             bufferization.materialize_in_destination %t in restrict writable %o
               : (tensor<?xf32>, memref<?xf32>) -> ()
             return }
           func.func @f(%t: tensor<?xf32>, %o: memref<?xf32>, %p: memref<?xf32>) {
             func.call @inner(%t, %o) : (tensor<?xf32>, memref<?xf32>) -> ()
             return }"""
    )["f"]
    assert [one.unique for one in found.arguments] == [False, True, False]
    assert [one.written for one in found.arguments] == [False, True, False]


def test_wrappers_are_requested_where_they_help() -> None:
    module = ir.parse(
        """func.func private @puts(!llvm.ptr) -> i32
           func.func private @printMemrefF32(memref<*xf32>)
           func.func private @helper() { return }
           func.func @f() { return }"""
    )
    abi.request_wrappers(module)
    ir.verify(module)
    marked = {
        function.sym_name.value
        for function in abi.functions(module)
        if "llvm.emit_c_interface" in function.attributes
    }
    assert marked == {"printMemrefF32", "helper", "f"}


def test_tensors_of_callers_are_protected() -> None:
    module = ir.parse(
        """func.func @f(%a: tensor<4xf32>, %b: memref<4xf32> {llvm.noalias}, %c: tensor<2xf32>
                          {bufferization.writable = true}) { return }
           func.func private @inner(%a: tensor<4xf32>) { return }"""
    )
    abi.request_wrappers(module)
    ir.verify(module)
    text = ir.to_text(module)
    assert "tensor<4xf32> {bufferization.writable = false}, %arg1" in text
    assert "memref<4xf32> {llvm.noalias}" in text
    assert "tensor<2xf32> {bufferization.writable = true}" in text
    assert text.count("writable = false") == 1


MAINS = [
    ("func.func @main() { return }", None),
    ("func.func @main(%n: i32, %v: !llvm.ptr) -> i32 { return %n : i32 }", None),
    ("func.func @main(%n: i64, %v: !llvm.ptr) { return }", None),
    ("func.func @main(%n: f32) { return }", r"main takes nothing, or .* found \(f32\)"),
    ("func.func @main(%n: i32) { return }", r"found \(i32\)"),
    ("func.func @start() { return }", "the program has no function main"),
]


@pytest.mark.parametrize(("text", "message"), MAINS)
def test_main(text: str, message: str | None) -> None:
    module = ir.parse(text)
    if message is None:
        abi.require_main(module)
        return
    with pytest.raises(UserError, match=message):
        abi.require_main(module)
