"""linalg operations: section 6.6 of the language reference."""

from __future__ import annotations

import pytest
from lisp_lowering import assert_lines, body_of

PARAMETERS = (
    "(: a memref<4x4xf32>) (: b memref<4x4xf32>) (: c memref<4x4xf32>) (: x memref<4xf32>)"
    " (: i memref<4x4xi32>) (: h memref<4x4xbf16>) (: t tensor<4x4xf32>)"
    " (: q memref<2x4x4xf32>) (: y memref<4xf32>) (: z memref<f32>) (: u tensor<?x?xf32>)"
)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("(linalg.fill (: 0.0 f32) a)", "linalg.fill ins(%cst : f32) outs(%arg0"),
        ("(linalg.copy a b)", "linalg.copy ins(%arg0 : memref<4x4xf32>) outs(%arg1"),
        ("(linalg.transpose {:permutation [1 0]} a b)", "permutation = [1, 0]"),
        ("(linalg.broadcast {:dimensions [0]} x a)", "linalg.broadcast ins(%arg3"),
        ("(linalg.add a b c)", "linalg.add ins(%arg0, %arg1"),
        ("(linalg.sub a b c)", "linalg.sub ins(%arg0, %arg1"),
        ("(linalg.mul a b c)", "linalg.mul ins(%arg0, %arg1"),
        ("(linalg.div a b c)", "linalg.div ins(%arg0, %arg1"),
        ("(linalg.exp a b)", "linalg.exp ins(%arg0"),
        ("(linalg.matmul a b c)", "linalg.matmul ins(%arg0, %arg1"),
        ("(linalg.matmul {:ins 2 :outs 1} i i i)", "linalg.matmul ins(%arg4, %arg4"),
        ("(linalg.matmul h h a)", "memref<4x4xbf16>) outs(%arg0 : memref<4x4xf32>)"),
        ("(linalg.batch_matmul q q q)", "linalg.batch_matmul ins(%arg7"),
        ("(linalg.matvec a x y)", "linalg.matvec ins(%arg0, %arg3"),
        ("(linalg.vecmat x a y)", "linalg.vecmat ins(%arg3, %arg0"),
        ("(linalg.dot x y z)", "linalg.dot ins(%arg3, %arg8"),
        ("(linalg.matmul {:result tensor<4x4xf32>} t t t)", "-> tensor<4x4xf32>"),
        ("(linalg.fill {:result tensor<?x?xf32>} 1.5 u)", "-> tensor<?x?xf32>"),
        (
            """(linalg.generic {:ins 1 :outs 1
                 :indexing_maps [affine_map<(d0, d1) -> (d0, d1)> "affine_map<(r, c) -> (c, r)>"]
                 :iterator_types ["#linalg.iterator_type<parallel>" "parallel"]} a b
                 (region (block [(: p f32) (: old f32)] (linalg.yield (arith.mulf p 2.0)))))""",
            'iterator_types = ["parallel", "parallel"]} ins(%arg0',
        ),
        (
            """(linalg.generic {:indexing_maps [affine_map<(d0, d1) -> (d0, d1)>
                                                affine_map<(d0, d1) -> (d0)>]
                                :iterator_types ["parallel" "reduction"]} a x
                 (region (block [(: p f32) (: s f32)] (linalg.yield (arith.addf p s)))))""",
            'iterator_types = ["parallel", "reduction"]} ins(%arg0',
        ),
    ],
)  # fmt: skip
def test_operations(form: str, line: str) -> None:
    assert_lines(body_of(PARAMETERS, form), line)


def test_a_written_body_is_kept() -> None:
    text = body_of(
        PARAMETERS,
        """(linalg.generic {:ins 2 :outs 1
             :indexing_maps [affine_map<(d0,d1,d2) -> (d0,d2)> affine_map<(d0,d1,d2) -> (d2,d1)>
                             affine_map<(d0,d1,d2) -> (d0,d1)>]
             :iterator_types ["parallel" "parallel" "reduction"]} h h a
             (region (block [(: l bf16) (: r bf16) (: acc f32)]
               (def p (arith.mulf (arith.extf {:result f32} l) (arith.extf {:result f32} r)))
               (linalg.yield (arith.addf acc p)))))""",
    )
    assert_lines(text, "arith.extf %in", "arith.extf %in_", "arith.mulf", "arith.addf %out")


def test_a_number_yielded_has_the_element_type() -> None:
    text = body_of(
        PARAMETERS,
        "(linalg.map h (region (block [(: old bf16)] (linalg.yield 1.5))))",
    )
    assert_lines(text, "arith.constant 1.500000e+00 : bf16")


def test_a_body_of_a_named_operation() -> None:
    text = body_of(
        PARAMETERS,
        """(linalg.matmul {:ins 2 :outs 1} a b c
             (region (block [(: l f32) (: r f32) (: acc f32)]
               (linalg.yield (arith.addf acc (arith.mulf l r))))))""",
    )
    assert_lines(text, "linalg.matmul ins(%arg0, %arg1")
