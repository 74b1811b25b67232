"""A model in KernelBench's form: pharos run examples/torch/model.py"""

import torch
from torch import nn


class Model(nn.Module):
    """Two layers and a softmax."""

    def __init__(self, inner: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(300, inner), nn.GELU(), nn.Linear(inner, 10))

    def forward(self, x):
        return torch.softmax(self.layers(x), dim=-1)


def get_inputs():
    """The arguments of one call of forward."""
    return [torch.randn(64, 300)]


def get_init_inputs():
    """The arguments of Model."""
    return [128]
