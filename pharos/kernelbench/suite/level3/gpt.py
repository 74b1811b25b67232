"""Causal attention and the block of a small GPT; attention with ReLU in the place of softmax."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level1.activations import new_gelu
from pharos.kernelbench.suite.level3.layers import causal_mask
from pharos.kernelbench.suite.vocabulary import Chain


class CausalAttention(nn.Module):
    """Attention of (B, T, D); ``relu`` puts ReLU for softmax and leaves the projection out."""

    def __init__(self, D: int, heads: int, longest: int, relu: bool = False) -> None:
        super().__init__()
        self.heads, self.relu = heads, relu
        self.qkv = nn.Linear(D, 3 * D)
        # A new model of the public problem has these weights even where it does not use them.
        self.project = nn.Linear(D, D)
        self.mask: Tensor
        self.register_buffer("mask", causal_mask(longest))

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.size()
        q, k, v = (
            part.view(B, T, self.heads, D // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(D, dim=2)
        )
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        scores = scores.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        weights = F.relu(scores) if self.relu else F.softmax(scores, dim=-1)
        y = (weights @ v).transpose(1, 2).contiguous().view(B, T, D)
        return y if self.relu else self.project(y)


class Block(nn.Module):
    """Attention and a perceptron, each after a norm and added to its input."""

    def __init__(self, D: int, heads: int, longest: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(D)
        self.attention = CausalAttention(D, heads, longest)
        self.norm2 = nn.LayerNorm(D)
        self.mlp = Chain(nn.Linear(D, 4 * D), new_gelu, nn.Linear(4 * D, D))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


PROBLEMS = {
    43: define(
        "MinGPTCausalAttention",
        CausalAttention,
        "B T D",
        names="D heads longest",
    ),
    44: define("MiniGPTBlock", Block, "B T D"),
    50: define(
        "ReLUSelfAttention",
        lambda D, heads, T: CausalAttention(D, heads, T, relu=True),
        "B T D",
    ),
}
