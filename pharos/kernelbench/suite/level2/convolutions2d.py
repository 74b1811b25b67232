"""Level 2, problems that begin with a convolution of images."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.level2.steps import conv
from pharos.kernelbench.suite.vocabulary import (
    Beside,
    Learned,
    at_most,
    clamped,
    divided,
    logsumexp,
    lowered,
    plus,
    scaled,
    smallest,
    times,
    total,
)


def hard_swish(x: Tensor) -> Tensor:
    """Hard swish in elementary operators."""
    return x * torch.clamp((x + 3) / 6, 0, 1)


def soft_gate(x: Tensor) -> Tensor:
    """Mish in elementary operators."""
    return torch.multiply(torch.tanh(F.softplus(x)), x)


PROBLEMS = {
    1: conv("Conv2D_ReLU_BiasAdd", lambda I, O: [nn.Conv2d(I, O, 3), torch.relu, plus(O, 1, 1)]),
    4: conv("Conv2d_Mish_Mish", lambda I, O: [nn.Conv2d(I, O, 3), F.mish, F.mish]),
    17: conv(
        "Conv2d_InstanceNorm_Divide",
        lambda I, O: [nn.Conv2d(I, O, 3), nn.InstanceNorm2d(O), divided(2.0)],
    ),
    21: conv(
        "Conv2d_Add_Scale_Sigmoid_GroupNorm",
        lambda I, O, G: [
            nn.Conv2d(I, O, 3),
            plus(O, 1, 1),
            times(O, 1, 1),
            torch.sigmoid,
            nn.GroupNorm(G, O),
        ],
    ),
    25: conv(
        "Conv2d_Min_Tanh_Tanh",
        lambda I, O: [nn.Conv2d(I, O, 3), smallest(1), torch.tanh, torch.tanh],
    ),
    31: conv(
        "Conv2d_Min_Add_Multiply",
        lambda I, O: [nn.Conv2d(I, O, 3), at_most(0.5), plus(O, 1, 1), scaled(2.0)],
    ),
    32: conv("Conv2d_Scaling_Min", lambda I, O: [nn.Conv2d(I, O, 3), scaled(2.0), smallest(1)]),
    35: conv(
        "Conv2d_Subtract_HardSwish_MaxPool_Mish",
        lambda I, O: [
            nn.Conv2d(I, O, 3),
            lowered(0.5),
            F.hardswish,
            nn.MaxPool2d(2),
            F.mish,
        ],
    ),
    46: conv(
        "Conv2d_Subtract_Tanh_Subtract_AvgPool",
        lambda I, O: [
            nn.Conv2d(I, O, 3),
            lowered(0.5),
            torch.tanh,
            lowered(0.2),
            nn.AvgPool2d(2),
        ],
    ),
    52: conv(
        "Conv2d_Activation_BatchNorm",
        lambda I, O: [nn.Conv2d(I, O, 3), soft_gate, nn.BatchNorm2d(O)],
    ),
    54: conv(
        "Conv2d_Multiply_LeakyReLU_GELU",
        lambda I, O: [nn.Conv2d(I, O, 3), times(O, 1, 1), nn.LeakyReLU(), F.gelu],
    ),
    57: conv("Conv2d_ReLU_HardSwish", lambda I, O: [nn.Conv2d(I, O, 3), torch.relu, hard_swish]),
    65: conv(
        "Conv2d_AvgPool_Sigmoid_Sum",
        lambda I, O: [
            nn.Conv2d(I, O, 3),
            nn.AvgPool2d(4),
            torch.sigmoid,
            total(1, 2, 3, keep=False),
        ],
    ),
    67: conv(
        "Conv2d_GELU_GlobalAvgPool",
        lambda I, O: [
            nn.Conv2d(I, O, 3),
            F.gelu,
            nn.AdaptiveAvgPool2d(1),
            lambda x: x.squeeze(-1).squeeze(-1),
        ],
    ),
    69: conv("Conv2d_HardSwish_ReLU", lambda I, O: [nn.Conv2d(I, O, 3), F.hardswish, torch.relu]),
    71: conv(
        "Conv2d_Divide_LeakyReLU",
        lambda I, O: [nn.Conv2d(I, O, 3), divided(2), nn.LeakyReLU(0.01)],
    ),
    73: conv(
        "Conv2d_BatchNorm_Scaling",
        lambda I, O: [nn.Conv2d(I, O, 3), nn.BatchNorm2d(O), scaled(2.0)],
    ),
    82: conv(
        "Conv2d_Tanh_Scaling_BiasAdd_Max",
        lambda I, O: [
            nn.Conv2d(I, O, 3),
            torch.tanh,
            scaled(2.0),
            plus(O, 1, 1),
            nn.MaxPool2d(4),
        ],
    ),
    85: conv(
        "Conv2d_GroupNorm_Scale_MaxPool_Clamp",
        lambda I, O, G: [
            nn.Conv2d(I, O, 3),
            nn.GroupNorm(G, O),
            Learned(torch.mul, torch.ones(O, 1, 1)),
            nn.MaxPool2d(4),
            clamped(0.0, 1.0),
        ],
    ),
    87: conv(
        "Conv2d_Subtract_Subtract_Mish",
        lambda I, O: [nn.Conv2d(I, O, 3), lowered(0.5), lowered(0.2), F.mish],
    ),
    92: conv(
        "Conv2d_GroupNorm_Tanh_HardSwish_ResidualAdd_LogSumExp",
        lambda I, O, G: [
            nn.Conv2d(I, O, 3),
            Beside(
                nn.GroupNorm(G, O),
                nn.Tanh(),
                nn.Hardswish(),
                join=lambda y, x: x + y,
            ),
            logsumexp(1),
        ],
    ),
}
