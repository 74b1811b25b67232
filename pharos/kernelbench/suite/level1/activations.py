"""Functions of each element, and softmax over rows."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pharos.kernelbench.suite.definition import define, function
from pharos.kernelbench.suite.vocabulary import swish

ROWS = "B D"
ONE_BRANCH = "The inputs, uniform in [0, 1), never reach the branch for negative numbers."
IDENTITY = "On the inputs, uniform in [0, 1), this is the identity."
SMALL = "Outputs are near 1/D: an absolute tolerance would let anything pass."


def softsign(x: Tensor) -> Tensor:
    return x / (1 + torch.abs(x))


def new_gelu(x: Tensor) -> Tensor:
    """GELU's approximation by tanh, spelled out with a power as minGPT does."""
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))
    return 0.5 * x * (1.0 + torch.tanh(inner))


PROBLEMS = {
    19: function("ReLU", torch.relu, ROWS, remark=IDENTITY),
    20: function("LeakyReLU", lambda x: F.leaky_relu(x, 0.01), ROWS, remark=IDENTITY),
    21: function("Sigmoid", torch.sigmoid, ROWS),
    22: function("Tanh", torch.tanh, ROWS),
    23: function("Softmax", lambda x: torch.softmax(x, dim=1), ROWS, remark=SMALL),
    24: function("LogSoftmax", lambda x: torch.log_softmax(x, dim=1), ROWS),
    25: function("Swish", swish, ROWS),
    26: function("GELU_", F.gelu, ROWS),
    27: function("SELU_", torch.selu, ROWS, remark=ONE_BRANCH),
    28: function("HardSigmoid", F.hardsigmoid, ROWS, remark=ONE_BRANCH),
    29: function("Softplus", F.softplus, ROWS),
    30: function("Softsign", softsign, ROWS, remark=ONE_BRANCH),
    31: define(
        "ELU",
        lambda alpha: lambda x: F.elu(x, alpha=alpha),
        ROWS,
        remark=IDENTITY,
    ),
    32: function("HardTanh", lambda x: F.hardtanh(x, -1.0, 1.0), ROWS, remark=IDENTITY),
    88: function("MinGPTNewGelu", new_gelu, ROWS),
}
