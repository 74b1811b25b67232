"""Level 2, problems that begin with a transposed convolution of images."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from pharos.kernelbench.suite.level2.steps import conv
from pharos.kernelbench.suite.vocabulary import (
    at_most,
    clamped,
    divided,
    logsumexp,
    mean,
    minus,
    plus,
    scaled,
    shifted,
    smallest,
    softmax,
    total,
)


def doubling(I: int, O: int, kernel: int = 3) -> nn.Module:
    """Stride 2 and padding 1 at both ends: images of twice the extents (kernel 3)."""
    return nn.ConvTranspose2d(I, O, kernel, stride=2, padding=1, output_padding=1)


PROBLEMS = {
    2: conv(
        "ConvTranspose2d_BiasAdd_Clamp_Scaling_Clamp_Divide",
        lambda I, O: [
            doubling(I, O),
            plus(O, 1, 1),
            clamped(0.0, 1.0),
            scaled(2.0),
            clamped(0.0, 1.0),
            divided(2.0),
        ],
    ),
    5: conv(
        "ConvTranspose2d_Subtract_Tanh",
        lambda I, O: [doubling(I, O, 4), minus(O, 1, 1), torch.tanh],
    ),
    10: conv(
        "ConvTranspose2d_MaxPool_Hardtanh_Mean_Tanh",
        lambda I, O: [
            nn.ConvTranspose2d(I, O, 3, stride=1, padding=1),
            nn.MaxPool2d(2, stride=2),
            nn.Hardtanh(-1, 1),
            mean(2, 3),
            torch.tanh,
        ],
    ),
    11: conv(
        "ConvTranspose2d_BatchNorm_Tanh_MaxPool_GroupNorm",
        lambda I, O, G: [
            nn.ConvTranspose2d(I, O, 5, stride=1, padding=1),
            nn.BatchNorm2d(O),
            nn.Tanh(),
            nn.MaxPool2d(2, stride=2),
            nn.GroupNorm(G, O),
        ],
    ),
    16: conv(
        "ConvTranspose2d_Mish_Add_Hardtanh_Scaling",
        lambda I, O: [doubling(I, O), F.mish, shifted(0.5), nn.Hardtanh(-1, 1), scaled(2)],
    ),
    19: conv(
        "ConvTranspose2d_GELU_GroupNorm",
        lambda I, O, G: [nn.ConvTranspose2d(I, O, 3), F.gelu, nn.GroupNorm(G, O)],
    ),
    36: conv(
        "ConvTranspose2d_Min_Sum_GELU_Add",
        lambda I, O: [doubling(I, O), smallest(1), total(2), F.gelu, plus(1, 1, 1)],
        remark="Sums of minima are far below 0, where GELU is 0: the output is the one bias.",
        constant=True,
    ),
    42: conv(
        "ConvTranspose2d_GlobalAvgPool_BiasAdd_LogSumExp_Sum_Multiply",
        lambda I, O: [
            nn.ConvTranspose2d(I, O, 3),
            mean(2, 3),
            plus(O, 1, 1),
            logsumexp(1),
            total(2, 3, keep=False),
            scaled(10.0),
        ],
    ),
    44: conv(
        "ConvTranspose2d_Multiply_GlobalAvgPool_GlobalAvgPool_Mean",
        lambda I, O: [doubling(I, O), scaled(0.5), mean(2, 3), mean(2, 3)],
    ),
    91: conv(
        "ConvTranspose2d_Softmax_BiasAdd_Scaling_Sigmoid",
        lambda I, O: [
            doubling(I, O, 4),
            softmax(1),
            plus(O, 1, 1),
            scaled(2.0),
            torch.sigmoid,
        ],
    ),
    93: conv(
        "ConvTranspose2d_Add_Min_GELU_Multiply",
        lambda I, O: [
            nn.ConvTranspose2d(I, O, 4, stride=2),
            shifted(0.5),
            at_most(0.0),
            F.gelu,
            scaled(2.0),
        ],
    ),
}
