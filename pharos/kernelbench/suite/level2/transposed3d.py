"""Level 2, problems that begin with a transposed convolution of volumes."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level2.steps import conv
from pharos.kernelbench.suite.vocabulary import (
    Beside,
    Learned,
    Then,
    clamped,
    copied,
    divided,
    largest,
    logsumexp,
    mean,
    minus,
    plus,
    scaled,
    softmax,
    swish,
    times,
    total,
)


def doubling(I: int, O: int) -> nn.Module:
    """Kernel 3, stride 2: volumes of twice the extents."""
    return nn.ConvTranspose3d(I, O, 3, stride=2, padding=1, output_padding=1)


def striding(I: int, O: int, kernel: int = 3, padding: int = 1) -> nn.Module:
    """Stride 2 without output padding: one less than twice the extents (kernel 3)."""
    return nn.ConvTranspose3d(I, O, kernel, stride=2, padding=padding)


def centred(x: Tensor) -> Tensor:
    return x - torch.mean(x, dim=(2, 3, 4), keepdim=True)


def volume_softmax(x: Tensor) -> Tensor:
    """Softmax over all voxels of a channel."""
    B, O, *extents = x.shape
    return torch.softmax(x.view(B, O, -1), dim=2).view(B, O, *extents)


def residuals(y: Tensor, x: Tensor) -> Tensor:
    """The original is added, multiplied and added again to what a bias made of it."""
    original = copied(x)
    return (y + original) * original + original


def gated_sum(x: Tensor, y: Tensor) -> Tensor:
    x = x + y
    return x * F.hardswish(x)


def twice(B: int, O: int, S: list[int]) -> tuple[int, ...]:
    return (B, O, *(2 * extent for extent in S))


PROBLEMS = {
    3: conv(
        "ConvTranspose3d_Sum_LayerNorm_AvgPool_GELU",
        # The norm is over the innermost extent, which the public sizes make equal to the channels.
        lambda I, O: [
            doubling(I, O),
            Learned(torch.add, torch.tensor(1.0)),
            nn.LayerNorm((O,)),
            nn.AvgPool3d((2, 2, 2)),
            nn.GELU(),
        ],
    ),
    13: conv(
        "ConvTranspose3d_Mean_Add_Softmax_Tanh_Scaling",
        lambda I, O: [
            nn.ConvTranspose3d(I, O, 3, stride=1, padding=1),
            mean(2),
            plus(1, O, 1, 1, 1),
            softmax(1),
            torch.tanh,
            scaled(2.0),
        ],
    ),
    15: conv(
        "ConvTranspose3d_BatchNorm_Subtract",
        lambda I, O: [striding(I, O), nn.BatchNorm3d(O), centred],
    ),
    20: conv(
        "ConvTranspose3d_Sum_ResidualAdd_Multiply_ResidualAdd",
        lambda I, O: [doubling(I, O), Beside(plus(O, 1, 1, 1), join=residuals)],
    ),
    26: define(
        "ConvTranspose3d_Add_HardSwish",
        # The public problem makes a bias parameter and does not use it.
        lambda I, O: Then(doubling(I, O), join=gated_sum),
        "B I *S",
        twice,
    ),
    34: conv(
        "ConvTranspose3d_LayerNorm_GELU_Scaling",
        # As in problem 3, the norm is over the innermost extent.
        lambda I, O: [striding(I, O, 4), nn.LayerNorm(O, eps=1e-5), F.gelu, scaled(1.0)],
    ),
    38: conv(
        "ConvTranspose3d_AvgPool_Clamp_Softmax_Multiply",
        lambda I, O: [
            nn.AvgPool3d(2),
            doubling(I, O),
            clamped(0.0, 1.0),
            volume_softmax,
            Learned(torch.mul, torch.ones(1, O, 1, 1, 1)),
        ],
        remark="Outputs are near 1 over the voxels: an absolute tolerance would let anything pass.",
    ),
    49: conv(
        "ConvTranspose3d_Softmax_Sigmoid",
        lambda I, O: [doubling(I, O), nn.Softmax(dim=1), nn.Sigmoid()],
    ),
    50: conv(
        "ConvTranspose3d_Scaling_AvgPool_BiasAdd_Scaling",
        lambda I, O: [
            striding(I, O),
            Learned(torch.mul, torch.tensor(0.5)),
            nn.AvgPool3d(2),
            plus(O, 1, 1, 1),
            Learned(torch.mul, torch.tensor(1.0)),
        ],
    ),
    58: conv(
        "ConvTranspose3d_LogSumExp_HardSwish_Subtract_Clamp",
        lambda I, O: [
            striding(I, O),
            logsumexp(1),
            lambda x: x * torch.sigmoid(x + 3) / 6,
            minus(1, 1, 1, 1),
            clamped(-1, 1),
        ],
        remark="The one number subtracted is random: for some seeds every output is -1, or 1.",
    ),
    60: conv(
        "ConvTranspose3d_Swish_GroupNorm_HardSwish",
        lambda I, O, G: [striding(I, O), swish, nn.GroupNorm(G, O, eps=1e-5), F.hardswish],
    ),
    61: conv(
        "ConvTranspose3d_ReLU_GroupNorm",
        lambda I, O, G: [
            nn.ConvTranspose3d(I, O, 3, bias=False),
            nn.ReLU(),
            nn.GroupNorm(G, O),
        ],
    ),
    72: conv(
        "ConvTranspose3d_BatchNorm_AvgPool_AvgPool",
        lambda I, O: [striding(I, O), nn.BatchNorm3d(O), nn.AvgPool3d(2), nn.AvgPool3d(2)],
    ),
    74: conv(
        "ConvTranspose3d_LeakyReLU_Multiply_LeakyReLU_Max",
        lambda I, O: [
            doubling(I, O),
            nn.LeakyReLU(0.2),
            times(O, 1, 1, 1),
            nn.LeakyReLU(0.2),
            nn.MaxPool3d(2),
        ],
    ),
    77: conv(
        "ConvTranspose3d_Scale_BatchNorm_GlobalAvgPool",
        lambda I, O: [
            nn.ConvTranspose3d(I, O, 5),
            scaled(2.0),
            nn.BatchNorm3d(O),
            nn.AdaptiveAvgPool3d((1, 1, 1)),
        ],
    ),
    78: conv(
        "ConvTranspose3d_Max_Max_Sum",
        lambda I, O: [striding(I, O, 5, 2), nn.MaxPool3d(2), nn.MaxPool3d(3), total(1)],
    ),
    89: conv(
        "ConvTranspose3d_MaxPool_Softmax_Subtract_Swish_Max",
        lambda I, O: [
            doubling(I, O),
            nn.MaxPool3d(2, stride=2, padding=0),
            softmax(1),
            Learned(lambda x, s: x - s.view(1, -1, 1, 1, 1), torch.randn(O)),
            swish,
            largest(1, keep=False),
        ],
    ),
    96: conv(
        "ConvTranspose3d_Multiply_Max_GlobalAvgPool_Clamp",
        lambda I, O: [
            striding(I, O),
            scaled(0.5),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d((1, 1, 1)),
            clamped(0, 1),
        ],
    ),
    100: conv(
        "ConvTranspose3d_Clamp_Min_Divide",
        lambda I, O: [striding(I, O), clamped(low=-1.0), divided(2.0)],
        remark="On uniform inputs nothing is below the limit.",
    ),
}
