"""Scatters and sorts become loops: what they compute, on both pipelines, odd cases among them."""

from __future__ import annotations

import numpy as np
import pytest

from pharos import ir
from pharos.toolchain import Request, compile, load, mlir_payload
from pharos.transform.scatters import Scatters
from pharos.transform.sorts import Sorts

PIPELINES = ["default", "optimize"]


def scatter(updates: str, indices: str, original: str, dims: str) -> str:
    u, i, x = (f"tensor<{t}>" for t in (updates, indices, original))
    return f"""
func.func @f(%u: {u}, %i: {i}, %x: {x}) -> {x} {{
  %y = tm_tensor.scatter {{dimension_map = array<i64: {dims}>}} unique_indices(false)
    ins(%u, %i : {u}, {i}) outs(%x : {x}) {{
  ^bb0(%update: f32, %before: f32):
    %s = arith.addf %before, %update : f32
    tm_tensor.yield %s : f32
  }} -> {x}
  return %y : {x}
}}"""


def sort(shape: str, dtype: str, predicate: str, dimension: int) -> str:
    v, i = f"tensor<{shape}x{dtype}>", f"tensor<{shape}xi64>"
    compare = "cmpf" if dtype[0] == "f" else "cmpi"
    return f"""
func.func @f(%v: {v}, %i: {i}) -> ({v}, {i}) {{
  %y:2 = tm_tensor.sort dimension({dimension}) outs(%v, %i : {v}, {i}) {{
  ^bb0(%a: {dtype}, %b: {dtype}, %p: i64, %q: i64):
    %good = arith.{compare} {predicate}, %a, %b : {dtype}
    tm_tensor.yield %good : i1
  }} -> {v}, {i}
  return %y#0, %y#1 : {v}, {i}
}}"""


def runner(text: str, pipeline: str):
    return load(compile(mlir_payload(text), Request(pipeline=pipeline)))


def numbers(shape) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def test_a_scatter_is_a_nest_that_asserts_its_indices():
    module = ir.parse(scatter("9x4xf32", "9x1xi32", "6x4xf32", "0"))
    Scatters().run(module)
    ir.verify(module)
    text = ir.to_text(module)
    assert "tm_tensor" not in text
    assert text.count("scf.for") == 2
    assert "cf.assert %" in text and "outside of the tensor" in text


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_rows_are_added_as_often_as_they_are_named(pipeline):
    run = runner(scatter("9x4xf32", "9x1xi32", "6x4xf32", "0"), pipeline)
    updates, original = numbers((9, 4)), numbers((6, 4))
    indices = np.array([[0], [5], [5], [2], [0], [5], [1], [2], [2]], np.int32)
    expected = original.copy()
    np.add.at(expected, indices[:, 0], updates)
    np.testing.assert_array_equal(run.call("f", updates, indices, original.copy()), expected)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_elements_anywhere_of_sizes_known_at_run_time(pipeline):
    run = runner(scatter("?xf32", "?x2xi64", "?x?xf32", "0, 1"), pipeline)
    updates, original = numbers(11), numbers((3, 5))
    indices = np.random.default_rng(2).integers(0, 3, (11, 2))
    expected = original.copy()
    np.add.at(expected, (indices[:, 0], indices[:, 1]), updates)
    np.testing.assert_array_equal(run.call("f", updates, indices, original.copy()), expected)


def test_a_sort_merges():
    module = ir.parse(sort("3x10", "f32", "ole", 1))
    Sorts().run(module)
    ir.verify(module)
    text = ir.to_text(module)
    assert "tm_tensor" not in text
    assert text.count("scf.while") == 1


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("length", [1, 2, 3, 8, 13, 100])
def test_rows_are_sorted_and_ties_keep_their_order(length, pipeline):
    run = runner(sort("?x?", "i32", "sle", 1), pipeline)
    values = np.random.default_rng(length).integers(0, 7, (4, length)).astype(np.int32)
    order = np.tile(np.arange(length), (4, 1))
    found, places = run.call("f", values.copy(), order)
    np.testing.assert_array_equal(found, np.sort(values, 1))
    np.testing.assert_array_equal(places, np.argsort(values, 1, kind="stable"))


@pytest.mark.parametrize(("predicate", "sign"), [("ole", 1), ("oge", -1)])
@pytest.mark.parametrize("dimension", [0, 1, 2])
def test_nan_is_the_greatest(predicate, sign, dimension):
    values = numbers((5, 6, 7))
    values[np.random.default_rng(3).random(values.shape) < 0.2] = np.nan
    values[0, 0, 0] = np.inf
    run = runner(sort("5x6x7", "f32", predicate, dimension), "optimize")
    found, _ = run.call("f", values.copy(), np.zeros(values.shape, np.int64))
    expected = np.sort(values, dimension)
    expected = expected if sign == 1 else np.flip(expected, dimension)
    np.testing.assert_array_equal(found, expected)
