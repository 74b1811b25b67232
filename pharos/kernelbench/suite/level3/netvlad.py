"""NetVLAD: features assigned softly to clusters, and their distances to them summed up."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define


class NetVlad(nn.Module):
    """(B, T, D) to (B, D * clusters); features assigned to one of the ghosts are left out."""

    def __init__(self, clusters: int, D: int, ghosts: int) -> None:
        super().__init__()
        self.count, self.width = clusters, D
        scale = 1 / math.sqrt(D)
        self.assign = nn.Parameter(scale * torch.randn(D, clusters + ghosts))
        self.norm = nn.BatchNorm1d(clusters + ghosts)
        self.centres = nn.Parameter(scale * torch.randn(1, D, clusters))

    def forward(self, x: Tensor) -> Tensor:
        T = x.size()[1]
        rows = x.view(-1, self.width)
        weights = F.softmax(self.norm(torch.matmul(rows, self.assign)), dim=1)
        weights = weights[:, : self.count].view(-1, T, self.count)
        away = torch.sum(weights, dim=1, keepdim=True) * self.centres
        sums = torch.matmul(weights.transpose(1, 2), rows.view(-1, T, self.width))
        vlad = F.normalize(sums.transpose(1, 2) - away)
        return F.normalize(vlad.reshape(-1, self.count * self.width))


SMALL = "Each row of outputs has norm 1 over thousands of them: compare relative to their size."

PROBLEMS = {
    46: define("NetVladWithGhostClusters", NetVlad, "B T D", remark=SMALL),
    47: define("NetVladNoGhostClusters", NetVlad, "B T D", remark=SMALL),
}
