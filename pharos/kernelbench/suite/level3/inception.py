"""GoogLeNet and its module: four branches of one input, side by side."""

from __future__ import annotations

from torch import nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_relu, flat
from pharos.kernelbench.suite.vocabulary import Chain, Concat


def inception(C: int, widths: list[int]) -> nn.Module:
    """Widths: of the 1x1 branch, then reduction and width of 3x3 and of 5x5, then of the pool."""
    plain, reduce3, width3, reduce5, width5, pooled = widths
    return Concat(
        nn.Conv2d(C, plain, 1),
        Chain(nn.Conv2d(C, reduce3, 1), nn.Conv2d(reduce3, width3, 3, padding=1)),
        Chain(nn.Conv2d(C, reduce5, 1), nn.Conv2d(reduce5, width5, 5, padding=2)),
        Chain(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(C, pooled, 1)),
    )


# Channels in, and the widths of the branches; None halves the image.
MODULES: list[tuple[int, list[int]] | None] = [
    (192, [64, 96, 128, 16, 32, 32]),
    (256, [128, 128, 192, 32, 96, 64]),
    None,
    (480, [192, 96, 208, 16, 48, 64]),
    (512, [160, 112, 224, 24, 64, 64]),
    (512, [128, 128, 256, 24, 64, 64]),
    (512, [112, 144, 288, 32, 64, 64]),
    (528, [256, 160, 320, 32, 128, 128]),
    None,
    (832, [256, 160, 320, 32, 128, 128]),
    (832, [384, 192, 384, 48, 128, 128]),
]


def halving() -> nn.Module:
    return nn.MaxPool2d(3, stride=2, padding=1)


def googlenet(classes: int) -> nn.Module:
    return Chain(
        conv_relu(3, 64, 7, stride=2, padding=3),
        halving(),
        conv_relu(64, 64, 1),
        conv_relu(64, 192, 3, padding=1),
        halving(),
        *(inception(*module) if module else halving() for module in MODULES),
        nn.AdaptiveAvgPool2d((1, 1)),
        flat,
        nn.Dropout(0.0),
        nn.Linear(1024, classes),
    )


PROBLEMS = {
    6: define("GoogleNetInceptionModule", inception, "B C *S"),
    7: define("GoogleNetInceptionV1", googlenet, IMAGES),
}
