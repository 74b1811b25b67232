"""Normalizations, with and without parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define, function

MAPS = "B C *S"
ROWS = "B D"
FRESH = "Scales are 1 and shifts 0 in a new model: a check must change them to see them used."


def rms_norm(x: Tensor) -> Tensor:
    """Over the channels, which are not the innermost dimension."""
    return x / torch.sqrt(torch.mean(x**2, dim=1, keepdim=True) + 1e-5)


PROBLEMS = {
    33: define("BatchNorm", lambda C: nn.BatchNorm2d(C), MAPS, remark=FRESH),
    34: define("InstanceNorm", lambda C: nn.InstanceNorm2d(C), MAPS),
    35: define("GroupNorm_", lambda C, G: nn.GroupNorm(G, C), MAPS, remark=FRESH),
    36: function("RMSNorm_", rms_norm, MAPS),
    37: function("FrobeniusNorm_", lambda x: x / torch.norm(x, p="fro"), MAPS),
    38: function("L1Norm_", lambda x: x / torch.mean(torch.abs(x), dim=1, keepdim=True), ROWS),
    39: function("L2Norm_", lambda x: x / torch.norm(x, p=2, dim=1, keepdim=True), ROWS),
    40: define("LayerNorm", lambda C, S: nn.LayerNorm((C, *S)), MAPS, remark=FRESH),
}
