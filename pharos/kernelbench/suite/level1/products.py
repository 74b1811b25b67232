"""Matrix products of every form, and attention."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pharos.kernelbench.suite.definition import Draw, Input, function


def made_by(change: Callable[[Tensor], Tensor]) -> dict[str, Draw]:
    """How to draw and check a matrix that ``change`` makes of a random one."""
    return {
        "draw": lambda shape: change(torch.rand(shape)),
        "check": lambda shape: change(torch.randn(shape)),
    }


SYMMETRIC = Input("N N", **made_by(lambda a: (a + a.T) / 2))
UPPER = Input("N N", **made_by(torch.triu))
LOWER = Input("N N", **made_by(torch.tril))
SCALAR = Input("", draw=lambda _: 3.14, check=lambda _: 3.14)
FLAT = (
    "Uniform inputs give weights near 1/T and outputs near 0.5: a mistake in Q or K hardly shows."
)

PROBLEMS = {
    1: function("Square_matrix_multiplication_", torch.matmul, "N N", "N N"),
    2: function("Standard_matrix_multiplication_", torch.matmul, "M K", "K N"),
    3: function("Batched_matrix_multiplication", torch.bmm, "B M K", "B K N"),
    4: function("Matrix_vector_multiplication_", torch.matmul, "M K", "K 1"),
    5: function("Matrix_scalar_multiplication", lambda a, s: a * s, "M N", SCALAR),
    6: function("Matmul_with_large_K_dimension_", torch.matmul, "M K", "K N"),
    7: function("Matmul_with_small_K_dimension_", torch.matmul, "M K", "K N"),
    8: function("Matmul_with_irregular_shapes_", torch.matmul, "M K", "K N"),
    9: function("Tall_skinny_matrix_multiplication_", torch.matmul, "M N", "N M"),
    10: function("3D_tensor_matrix_multiplication", torch.matmul, "B M K", "K N"),
    11: function(
        "4D_tensor_matrix_multiplication",
        lambda a, b: torch.einsum("bijl,lk->bijk", a, b),
        "B I J L",
        "L K",
    ),
    12: function("Matmul_with_diagonal_matrices_", lambda a, b: a.unsqueeze(1) * b, "N", "N M"),
    13: function("Matmul_for_symmetric_matrices", torch.matmul, SYMMETRIC, SYMMETRIC),
    14: function(
        "Matmul_for_upper_triangular_matrices",
        lambda a, b: torch.triu(torch.matmul(a, b)),
        UPPER,
        UPPER,
    ),
    15: function(
        "Matmul_for_lower_triangular_matrices",
        lambda a, b: torch.tril(torch.matmul(a, b)),
        LOWER,
        LOWER,
    ),
    16: function("Matmul_with_transposed_A", lambda a, b: torch.matmul(a.T, b), "K M", "K N"),
    17: function("Matmul_with_transposed_B", lambda a, b: torch.matmul(a, b.T), "M K", "N K"),
    18: function("Matmul_with_transposed_both", lambda a, b: torch.matmul(a.T, b.T), "K M", "N K"),
    97: function(
        "ScaledDotProductAttention",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        "B H T D",
        "B H T D",
        "B H T D",
        remark=FLAT,
    ),
}
