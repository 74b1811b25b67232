"""The state space scan of Mamba 2, in blocks: within a block by products, between them by states.

B batch, T positions in C blocks of length L, H heads of width P, N states. The decays A and the
projections of the states are parameters, one for each place of the batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define


def segment_sums(x: Tensor) -> Tensor:
    """[..., i, j] is the sum of x after j up to i, and -inf where j > i."""
    T = x.size(-1)
    sums = torch.cumsum(x, dim=-1)
    segments = sums[..., :, None] - sums[..., None, :]
    below = torch.tril(torch.ones(T, T, device=x.device, dtype=torch.bool))
    return segments.masked_fill(~below, -torch.inf)


class Mamba2(nn.Module):
    """(B, T, H, P) to the outputs of the same shape, or to the last state (B, H, P, N)."""

    def __init__(self, B: int, T: int, H: int, N: int, L: int, last: bool) -> None:
        super().__init__()
        self.length, self.last = L, last
        self.A = nn.Parameter(torch.randn(B, T, H))
        self.B = nn.Parameter(torch.randn(B, T, H, N))
        self.C = nn.Parameter(torch.randn(B, T, H, N))

    def blocks(self, x: Tensor) -> Tensor:
        """(B, T, ...) to (B, blocks, length, ...)."""
        return x.unflatten(1, (-1, self.length))

    def forward(self, X: Tensor) -> Tensor:
        x, b, c = self.blocks(X), self.blocks(self.B), self.blocks(self.C)
        a = self.blocks(self.A).permute(0, 3, 1, 2)
        sums = torch.cumsum(a, dim=-1)
        within = torch.exp(segment_sums(a))
        diagonal = torch.einsum("bclhn,bcshn,bhcls,bcshp->bclhp", c, b, within, x)
        left = torch.exp(sums[:, :, :, -1:] - sums)
        states = torch.einsum("bclhn,bhcl,bclhp->bchpn", b, left, x)
        states = torch.cat([torch.zeros_like(states[:, :1]), states], dim=1)
        between = torch.exp(segment_sums(F.pad(sums[:, :, :, -1], (1, 0))))
        states = torch.einsum("bhzc,bchpn->bzhpn", between, states)
        if self.last:
            return states[:, -1]
        decayed = torch.exp(sums)
        off = torch.einsum("bclhn,bchpn,bhcl->bclhp", c, states[:, :-1], decayed)
        return (diagonal + off).flatten(1, 2)


WIDE = "Decays are random, not negative: outputs range over many powers of ten."

PROBLEMS = {
    48: define(
        "Mamba2ReturnY",
        lambda B, T, H, N, L: Mamba2(B, T, H, N, L, last=False),
        "B T H P",
        remark=WIDE,
    ),
    49: define(
        "Mamba2ReturnFinalState",
        lambda B, T, H, N, L: Mamba2(B, T, H, N, L, last=True),
        "B T H P",
        remark=WIDE,
    ),
}
