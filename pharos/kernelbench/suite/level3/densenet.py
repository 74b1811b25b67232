"""Densely connected networks: each layer sees the outputs of all before it."""
# ruff: noqa: E741 (O is a size)

from __future__ import annotations

import torch
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_norm, pooled_classifier
from pharos.kernelbench.suite.vocabulary import Chain


class DenseBlock(nn.Module):
    """``depth`` layers of ``growth`` channels each; all of them and the input come out."""

    def __init__(self, depth: int, C: int, growth: int) -> None:
        super().__init__()
        inner = [C + layer * growth for layer in range(depth)]
        self.layers = nn.ModuleList(self.layer(width, growth) for width in inner)

    @staticmethod
    def layer(channels: int, growth: int) -> nn.Module:
        return nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, growth, 3, padding=1, bias=False),
            nn.Dropout(0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        # The first layer's ReLU is in place, but on its norm's output: x itself stays.
        features = [x]
        for layer in self.layers:
            features.append(layer(x))
            x = torch.cat(features, 1)
        return x


def transition(C: int, O: int) -> nn.Module:
    """Fewer channels and half the image."""
    return nn.Sequential(
        nn.BatchNorm2d(C),
        nn.ReLU(inplace=True),
        nn.Conv2d(C, O, 1, bias=False),
        nn.AvgPool2d(2, stride=2),
    )


def densenet(growth: int, depths: list[int], classes: int) -> nn.Module:
    stages: list[nn.Module] = []
    channels = 64
    for place, depth in enumerate(depths):
        stages.append(DenseBlock(depth, channels, growth))
        channels += depth * growth
        if place < len(depths) - 1:
            stages.append(transition(channels, channels // 2))
            channels //= 2
    return Chain(
        conv_norm(3, 64, 7, nn.ReLU, stride=2, padding=3),
        nn.MaxPool2d(3, stride=2, padding=1),
        *stages,
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        pooled_classifier(channels, classes),
    )


PROBLEMS = {
    13: define("DenseNet121TransitionLayer", transition, "B C *S"),
    14: define("DenseNet121DenseBlock", DenseBlock, "B C *S"),
    15: define("DenseNet121", densenet, IMAGES),
    16: define("DenseNet201", densenet, IMAGES),
}
