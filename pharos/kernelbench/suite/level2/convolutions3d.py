"""Level 2, problems that begin with a convolution of volumes."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.level2.steps import conv
from pharos.kernelbench.suite.vocabulary import (
    Learned,
    at_most,
    clamped,
    divided,
    largest,
    logsumexp,
    mean,
    plus,
    smallest,
    softmax,
    times,
    total,
)


def gated_norm(x: Tensor, gate: Tensor) -> Tensor:
    """One parameter multiplies before and after the norm."""
    return torch.clamp(F.instance_norm(x * gate), -1.0, 1.0) * gate


PROBLEMS = {
    6: conv(
        "Conv3d_Softmax_MaxPool_MaxPool",
        lambda I, O: [nn.Conv3d(I, O, 3), softmax(1), nn.MaxPool3d(2), nn.MaxPool3d(2)],
    ),
    7: conv(
        "Conv3d_ReLU_LeakyReLU_GELU_Sigmoid_BiasAdd",
        lambda I, O: [
            nn.Conv3d(I, O, 3),
            torch.relu,
            nn.LeakyReLU(0.01),
            F.gelu,
            torch.sigmoid,
            plus(O, 1, 1, 1),
        ],
    ),
    8: conv(
        "Conv3d_Divide_Max_GlobalAvgPool_BiasAdd_Sum",
        lambda I, O: [
            nn.Conv3d(I, O, (3, 3, 3)),
            divided(2.0),
            nn.MaxPool3d((2, 2, 2)),
            nn.AdaptiveAvgPool3d((1, 1, 1)),
            plus(O, 1, 1, 1),
            total(1, keep=False),
        ],
    ),
    23: conv(
        "Conv3d_GroupNorm_Mean",
        lambda I, O, G: [nn.Conv3d(I, O, 3), nn.GroupNorm(G, O), mean(1, 2, 3, 4, keep=False)],
        remark="The mean of what was normalized is the mean of the norm's shifts: 0 in a new "
        "model, up to rounding, whatever the inputs.",
        constant=True,
    ),
    24: conv(
        "Conv3d_Min_Softmax",
        lambda I, O: [nn.Conv3d(I, O, 3), smallest(2, keep=False), softmax(1)],
    ),
    27: conv(
        "Conv3d_HardSwish_GroupNorm_Mean",
        lambda I, O: [
            nn.Conv3d(I, O, 4),
            F.hardswish,
            nn.GroupNorm(4, O),
            mean(2, 3, 4, keep=False),
        ],
    ),
    43: conv(
        "Conv3d_Max_LogSumExp_ReLU",
        lambda I, O: [
            nn.Conv3d(I, O, 3, stride=1, padding=1),
            nn.MaxPool3d(2, stride=2),
            logsumexp(1),
            torch.relu,
        ],
    ),
    47: conv("Conv3d_Mish_Tanh", lambda I, O: [nn.Conv3d(I, O, 3), F.mish, torch.tanh]),
    48: conv(
        "Conv3d_Scaling_Tanh_Multiply_Sigmoid",
        lambda I, O: [
            nn.Conv3d(I, O, 3),
            times(O, 1, 1, 1),
            torch.tanh,
            times(O, 1, 1, 1),
            torch.sigmoid,
        ],
    ),
    79: conv(
        "Conv3d_Multiply_InstanceNorm_Clamp_Multiply_Max",
        lambda I, O: [
            nn.Conv3d(I, O, 3),
            Learned(gated_norm, torch.randn(O, 1, 1, 1)),
            largest(1, keep=False),
        ],
    ),
    83: conv(
        "Conv3d_GroupNorm_Min_Clamp_Dropout",
        lambda I, O, G: [
            nn.Conv3d(I, O, 3),
            nn.GroupNorm(G, O),
            at_most(0.0),
            clamped(0.0, 1.0),
            nn.Dropout(0.2),
        ],
        remark="At most 0, then at least 0: every output is 0.",
        constant=True,
    ),
    90: conv(
        "Conv3d_LeakyReLU_Sum_Clamp_GELU",
        lambda I, O: [
            nn.Conv3d(I, O, 3),
            nn.LeakyReLU(0.2),
            plus(O, 1, 1, 1),
            clamped(-1.0, 1.0),
            F.gelu,
        ],
    ),
}
