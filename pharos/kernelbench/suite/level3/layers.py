"""Layers that several networks share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pharos.kernelbench.suite.vocabulary import Chain

IMAGES = "B 3 image image"


def flat(x: Tensor) -> Tensor:
    """All but the batch as one dimension."""
    return torch.flatten(x, 1)


def conv_relu(inner: int, outer: int, kernel: int, **more: Any) -> nn.Module:
    """A convolution with bias, and ReLU in place."""
    return nn.Sequential(nn.Conv2d(inner, outer, kernel, **more), nn.ReLU(inplace=True))


def conv_norm(
    inner: int, outer: int, kernel: int, act: type[nn.Module] | None = None, **more: Any
) -> nn.Module:
    """A convolution without bias, batch norm, and an activation in place if there is one."""
    steps = [nn.Conv2d(inner, outer, kernel, bias=False, **more), nn.BatchNorm2d(outer)]
    return Chain(*steps, *([act(inplace=True)] if act else []))


def pooled_classifier(features: int, classes: int) -> nn.Module:
    """The mean over the image, then one linear layer."""
    return Chain(nn.AdaptiveAvgPool2d((1, 1)), flat, nn.Linear(features, classes))


def causal_mask(length: int) -> Tensor:
    """Ones where a position may look, as a (1, 1, length, length) tensor."""
    return torch.tril(torch.ones(length, length)).view(1, 1, length, length)
