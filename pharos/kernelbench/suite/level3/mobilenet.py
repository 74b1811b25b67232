"""MobileNets: depthwise convolutions between pointwise ones."""

from __future__ import annotations

from torch import nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_norm, flat, pooled_classifier
from pharos.kernelbench.suite.vocabulary import Chain


def depthwise(
    channels: int, kernel: int, stride: int, act: type[nn.Module] = nn.ReLU6
) -> nn.Module:
    padding = (kernel - 1) // 2
    return conv_norm(
        channels, channels, kernel, act, stride=stride, padding=padding, groups=channels
    )


def separable(inner: int, outer: int, stride: int) -> nn.Module:
    return Chain(depthwise(inner, 3, stride, nn.ReLU), conv_norm(inner, outer, 1, nn.ReLU))


def mobilenet_v1(image: int, classes: int) -> nn.Module:
    """Image sizes are multiples of 32: the public 224 leaves 7x7, which one pool averages."""
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    widths = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    pairs = zip(widths, widths[1:], strides, strict=False)
    return Chain(
        conv_norm(3, 32, 3, nn.ReLU, stride=2, padding=1),
        *(separable(inner, outer, stride) for inner, outer, stride in pairs),
        nn.AvgPool2d(image // 32),
        flat,
        nn.Linear(1024, classes),
    )


def inverted(inner: int, outer: int, stride: int, ratio: int, expand: bool = True) -> nn.Module:
    """Pointwise up, depthwise, pointwise down; ``expand`` false leaves the first out."""
    hidden = inner * ratio
    first = [conv_norm(inner, hidden, 1, nn.ReLU6)] if expand else []
    return Chain(*first, depthwise(hidden, 3, stride), conv_norm(hidden, outer, 1))


# Ratio, channels, repeats, first stride.
STAGES = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def mobilenet_v2(classes: int) -> nn.Module:
    """As the public one: it finds out where a residual could be added, and adds none."""
    blocks: list[nn.Module] = []
    channels = 32
    for ratio, width, repeats, stride in STAGES:
        for place in range(repeats):
            step = 1 if place else stride
            blocks.append(inverted(channels, width, step, ratio, expand=ratio != 1))
            channels = width
    model = Chain(
        conv_norm(3, 32, 3, nn.ReLU6, stride=2, padding=1),
        *blocks,
        conv_norm(channels, 1280, 1, nn.ReLU6),
        pooled_classifier(1280, classes),
    )
    for module in model.modules():
        initialize(module)
    return model


def initialize(module: nn.Module) -> None:
    """The weights that keep the size of activations through all layers."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


PROBLEMS = {
    19: define("MobileNetV1", mobilenet_v1, IMAGES),
    20: define("MobileNetV2", mobilenet_v2, IMAGES),
}
