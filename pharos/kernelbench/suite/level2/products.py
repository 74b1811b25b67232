"""Level 2, problems that begin with a matrix product."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level2.steps import SMALL, gemm
from pharos.kernelbench.suite.vocabulary import (
    Beside,
    Chain,
    Learned,
    Then,
    clamped,
    copied,
    divided,
    largest,
    logsumexp,
    lowered,
    mean,
    minus,
    plus,
    scaled,
    smallest,
    softmax,
    swish,
    times,
    total,
)

ONE = "After the sum each row is one number: the reductions after it change nothing."


def wide(shape: tuple[int, ...]) -> Tensor:
    """Large inputs, whose products reach both sides of a threshold."""
    return 8 * torch.randn(shape)


def as_image(x: Tensor) -> Tensor:
    """Instance norm over features, as the public problem reaches it: as one channel of one row."""
    return F.instance_norm(x.unsqueeze(1).unsqueeze(1)).squeeze(1).squeeze(1)


def along_features(pool: nn.Module) -> nn.Module:
    """One-dimensional pooling of the features."""
    return Chain(lambda x: x.unsqueeze(1), pool, lambda x: x.squeeze(1))


PROBLEMS = {
    9: gemm(
        "Matmul_Subtract_Multiply_ReLU",
        lambda I, O: [nn.Linear(I, O), lowered(2.0), scaled(1.5), torch.relu],
        remark="On uniform inputs every output is 0.",
        check=wide,
    ),
    12: gemm(
        "Gemm_Multiply_LeakyReLU",
        lambda I, O: [nn.Linear(I, O), scaled(2.0), nn.LeakyReLU(0.1)],
    ),
    14: gemm(
        "Gemm_Divide_Sum_Scaling",
        lambda I, O: [
            Learned(lambda x, w: x @ w.T, torch.randn(O, I)),
            divided(2),
            total(1),
            scaled(1.5),
        ],
    ),
    18: gemm(
        "Matmul_Sum_Max_AvgPool_LogSumExp_LogSumExp",
        lambda I, O: [nn.Linear(I, O), total(1), largest(1), mean(1), logsumexp(1), logsumexp(1)],
        remark=ONE,
    ),
    22: gemm(
        "Matmul_Scale_ResidualAdd_Clamp_LogSumExp_Mish",
        lambda I, O: [
            nn.Linear(I, O),
            scaled(2.0),
            lambda x: x + x,
            clamped(-10.0, 10.0),
            logsumexp(1),
            lambda x: x * F.mish(x),
        ],
        remark="On uniform inputs nothing is clamped.",
        check=wide,
    ),
    28: define(
        "BMM_InstanceNorm_Sum_ResidualAdd_Multiply",
        lambda I, O: Then(nn.Linear(I, O), as_image, join=lambda x, y: (x + y) * y),
        "B I",
        "B O",
    ),
    29: gemm("Matmul_Mish_Mish", lambda I, O: [nn.Linear(I, O), F.mish, F.mish]),
    30: gemm(
        "Gemm_GroupNorm_Hardtanh",
        lambda I, O, G: [nn.Linear(I, O), nn.GroupNorm(G, O), nn.Hardtanh(-2.0, 2.0)],
    ),
    33: gemm("Gemm_Scale_BatchNorm", lambda I, O: [nn.Linear(I, O), times(O), nn.BatchNorm1d(O)]),
    37: gemm(
        "Matmul_Swish_Sum_GroupNorm",
        lambda I, O, G: [nn.Linear(I, O), swish, plus(O), nn.GroupNorm(G, O)],
    ),
    39: gemm("Gemm_Scale_BatchNorm", lambda I, O: [nn.Linear(I, O), times(O), nn.BatchNorm1d(O)]),
    40: gemm(
        "Matmul_Scaling_ResidualAdd",
        lambda I, O: [nn.Linear(I, O), Beside(scaled(0.5), join=lambda y, x: y + copied(x))],
    ),
    41: gemm(
        "Gemm_BatchNorm_GELU_ReLU",
        lambda I, O: [nn.Linear(I, O), nn.BatchNorm1d(O), F.gelu, torch.relu],
    ),
    45: gemm(
        "Gemm_Sigmoid_LogSumExp",
        lambda I, H, O: [
            nn.Linear(I, H),
            torch.sigmoid,
            nn.Linear(H, O),
            logsumexp(1, keep=False),
        ],
    ),
    51: gemm(
        "Gemm_Subtract_GlobalAvgPool_LogSumExp_GELU_ResidualAdd",
        lambda I, O: [
            Beside(
                nn.Linear(I, O),
                minus(O),
                mean(1),
                logsumexp(1),
                F.gelu,
                join=lambda y, x: y + copied(x),
            )
        ],
        remark="One number near 0 is added to each row of the input: the product hardly shows.",
        check=wide,
    ),
    53: gemm(
        "Gemm_Scaling_Hardtanh_GELU",
        lambda I, O: [nn.Linear(I, O), scaled(0.5), nn.Hardtanh(-2, 2), nn.GELU()],
    ),
    55: gemm(
        "Matmul_MaxPool_Sum_Scale",
        lambda I, O: [
            nn.Linear(I, O),
            along_features(nn.MaxPool1d(2)),
            total(1, keep=False),
            scaled(0.5),
        ],
    ),
    56: gemm("Matmul_Sigmoid_Sum", lambda I, O: [nn.Linear(I, O), torch.sigmoid, total(1)]),
    59: gemm("Matmul_Swish_Scaling", lambda I, O: [nn.Linear(I, O), swish, scaled(2.0)]),
    62: gemm(
        "Matmul_GroupNorm_LeakyReLU_Sum",
        lambda I, O, G: [
            nn.Linear(I, O),
            nn.GroupNorm(G, O),
            nn.LeakyReLU(0.01),
            lambda x: x + x,
        ],
    ),
    63: gemm("Gemm_ReLU_Divide", lambda I, O: [nn.Linear(I, O), torch.relu, divided(2.0)]),
    64: gemm(
        "Gemm_LogSumExp_LeakyReLU_LeakyReLU_GELU_GELU",
        lambda I, O: [
            nn.Linear(I, O),
            logsumexp(1),
            nn.LeakyReLU(0.01),
            nn.LeakyReLU(0.01),
            F.gelu,
            F.gelu,
        ],
        remark="The logarithms are positive: the leaky units change nothing.",
    ),
    66: gemm(
        "Matmul_Dropout_Softmax",
        lambda I, O: [nn.Linear(I, O), nn.Dropout(0.2), softmax(1)],
        remark=f"In training mode the outputs are random. {SMALL}",
    ),
    68: gemm(
        "Matmul_Min_Subtract",
        lambda I, O: [
            nn.Linear(I, O),
            Learned(lambda x, limit: torch.min(x, limit) - limit, torch.tensor(2.0)),
        ],
        remark="On uniform inputs the limit is never reached.",
        check=wide,
    ),
    70: gemm(
        "Gemm_Sigmoid_Scaling_ResidualAdd",
        lambda I, O: [nn.Linear(I, O), Beside(torch.sigmoid, scaled(2.0), join=torch.add)],
    ),
    75: gemm(
        "Gemm_GroupNorm_Min_BiasAdd",
        lambda I, O, G: [nn.Linear(I, O), nn.GroupNorm(G, O), smallest(1), plus(1, O, 1, 1)],
    ),
    76: gemm("Gemm_Add_ReLU", lambda I, O: [nn.Linear(I, O, bias=False), plus(O), torch.relu]),
    80: gemm(
        "Gemm_Max_Subtract_GELU",
        lambda I, O: [
            nn.Linear(I, O),
            largest(1),
            lambda x: x - x.mean(dim=1, keepdim=True),
            F.gelu,
        ],
        remark="The mean of one number is subtracted from it: every output is 0.",
        constant=True,
    ),
    81: gemm(
        "Gemm_Swish_Divide_Clamp_Tanh_Clamp",
        lambda I, O: [
            nn.Linear(I, O),
            swish,
            divided(2.0),
            clamped(-1.0, 1.0),
            torch.tanh,
            clamped(-1.0, 1.0),
        ],
    ),
    84: gemm(
        "Gemm_BatchNorm_Scaling_Softmax",
        lambda I, O: [
            nn.Linear(I, O),
            nn.BatchNorm1d(O),
            Learned(torch.mul, torch.ones(1)),
            softmax(1),
        ],
        remark=SMALL,
    ),
    86: gemm("Matmul_Divide_GELU", lambda I, O: [nn.Linear(I, O), divided(10.0), F.gelu]),
    88: gemm(
        "Gemm_GroupNorm_Swish_Multiply_Swish",
        lambda I, O, G: [nn.Linear(I, O), nn.GroupNorm(G, O), swish, times(O), swish],
    ),
    94: gemm(
        "Gemm_BiasAdd_Hardtanh_Mish_GroupNorm",
        lambda I, O, G: [
            nn.Linear(I, O),
            plus(O),
            nn.Hardtanh(),
            nn.Mish(),
            nn.GroupNorm(G, O),
        ],
    ),
    95: gemm(
        "Matmul_Add_Swish_Tanh_GELU_Hardtanh",
        lambda I, O: [
            nn.Linear(I, O),
            plus(O),
            swish,
            torch.tanh,
            F.gelu,
            nn.Hardtanh(-1, 1),
        ],
    ),
    97: gemm(
        "Matmul_BatchNorm_BiasAdd_Divide_Swish",
        lambda I, O: [nn.Linear(I, O), nn.BatchNorm1d(O), plus(1), divided(1.0), swish],
    ),
    98: gemm(
        "Matmul_AvgPool_GELU_Scale_Max",
        lambda I, O: [
            nn.Linear(I, O),
            along_features(nn.AvgPool1d(16)),
            F.gelu,
            scaled(2.0),
            largest(1, keep=False),
        ],
    ),
    99: gemm(
        "Matmul_GELU_Softmax", lambda I, O: [nn.Linear(I, O), F.gelu, softmax(1)], remark=SMALL
    ),
}
