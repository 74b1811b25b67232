"""What linalg computes becomes kernels, of any sizes."""

import numpy as np
import pytest
from gpu_programs import HEAD, TARGETS, TOOLS, output

START = """
(defn numbers [(: x memref<?xf32>)]
  (for [i 0 (memref.dim x 0)]
    (def k (arith.index_cast {:result i32} i))
    (memref.store (arith.sitofp {:result f32} (- (arith.remsi (* k 7) (: 11 i32)) 5)) x i))
  (func.return))
(defn matrix [(: x memref<?xf32>) (: n index) (: m index)] -> memref<?x?xf32>
  (def sizes (memref.alloca {:result memref<2xindex>}))
  (memref.store n sizes 0)
  (memref.store m sizes 1)
  (func.return (memref.reshape {:result memref<?x?xf32>} x sizes)))
(defn full [(: n index) (: m index)] -> memref<?x?xf32>
  (def x (call memref<?xf32> both (* n m)))
  (call! numbers x)
  (func.return (call memref<?x?xf32> matrix x n m)))
(defn print-all [(: x memref<?x?xf32>)]
  (for [i 0 (memref.dim x 0)]
    (for [j 0 (memref.dim x 1)]
      (print "%g " (arith.extf {:result f64} (memref.load x i j)))))
  (func.return))
"""
SIZES = [(5, 3, 7), (33, 17, 20)]


def numbers(*shape: int) -> np.ndarray:
    k = np.arange(np.prod(shape), dtype=np.int32)
    return ((k * 7) % 11 - 5).astype(np.float32).reshape(shape)


def values(text: str) -> np.ndarray:
    return np.array(text.split(), np.float32)


def program(*lines: str) -> str:
    return HEAD + TOOLS + START + "\n".join(["(defn main []", *lines, "(func.return))"])


@pytest.mark.parametrize("target", TARGETS)
def test_products_of_any_size(capfd, target):
    n, m, k = SIZES[1]
    text = program(
        f"(def a (call memref<?x?xf32> full (: {n} index) (: {k} index)))",
        f"(def b (call memref<?x?xf32> full (: {k} index) (: {m} index)))",
        f"(def c (call memref<?x?xf32> full (: {n} index) (: {m} index)))",
        "(linalg.matmul a b c)",
        "(call! print-all c)",
    )
    expected = numbers(n, k) @ numbers(k, m) + numbers(n, m)
    np.testing.assert_array_equal(values(output(capfd, text, target)), expected.ravel())


@pytest.mark.slow
def test_functions_and_reductions_of_rows_and_to_one_number(capfd):
    text = program(
        "(def a (call memref<?x?xf32> full (: 6 index) (: 9 index)))",
        "(def rows (call memref<?xf32> both (: 6 index)))",
        "(def all (memref.alloc {:result memref<f32>}))",
        '(gpu.host_register (memref.cast {:result "memref<*xf32>"} all))',
        "(linalg.fill (: 0.0 f32) rows)",
        "(linalg.fill (: 0.0 f32) all)",
        "(linalg.generic {:ins 1 :outs 1",
        "                 :indexing_maps [affine_map<(i, j) -> (i, j)> affine_map<(i, j) -> (i)>]",
        '                 :iterator_types ["parallel" "reduction"]} a rows',
        "  (region (block [(: v f32) (: s f32)] (linalg.yield (+ s (math.exp v))))))",
        "(linalg.generic {:ins 1 :outs 1",
        "                 :indexing_maps [affine_map<(i) -> (i)> affine_map<(i) -> ()>]",
        '                 :iterator_types ["reduction"]} rows all',
        "  (region (block [(: v f32) (: s f32)] (linalg.yield (+ s v)))))",
        "(call! show rows)",
        '(println "%g" (arith.extf {:result f64} (memref.load all)))',
    )
    found = values(output(capfd, text))
    rows = np.exp(numbers(6, 9)).sum(1)
    np.testing.assert_allclose(found, [*rows, rows.sum()], rtol=1e-5)


@pytest.mark.slow
def test_nothing_is_launched_for_arrays_without_elements(capfd):
    text = program(
        "(def a (call memref<?x?xf32> full (: 0 index) (: 9 index)))",
        "(linalg.fill (: 0.0 f32) a)",
        '(println "done")',
    )
    assert output(capfd, text) == "done\n"


@pytest.mark.slow
def test_copies_by_maps_and_views_with_gaps(capfd):
    text = program(
        "(def a (call memref<?x?xf32> full (: 6 index) (: 8 index)))",
        "(def b (call memref<?x?xf32> full (: 8 index) (: 6 index)))",
        "(linalg.generic {:ins 1 :outs 1",
        "                 :indexing_maps [affine_map<(i, j) -> (j, i)>",
        "                                 affine_map<(i, j) -> (i, j)>]",
        '                 :iterator_types ["parallel" "parallel"]} a b',
        "  (region (block [(: v f32) (: s f32)] (linalg.yield v))))",
        "(def part (memref.subview",
        "  {:static_offsets array<i64: 2, 1> :static_sizes array<i64: 3, 2>",
        "   :static_strides array<i64: 2, 3> :operandSegmentSizes array<i32: 1, 0, 0, 0>",
        '   :result "memref<3x2xf32, strided<[?, 3], offset: ?>>"} b))',
        "(linalg.fill (: 77.0 f32) part)",
        "(call! print-all b)",
    )
    expected = numbers(6, 8).T.copy()
    expected[2:8:2, 1:6:3] = 77
    np.testing.assert_array_equal(values(output(capfd, text)), expected.ravel())
