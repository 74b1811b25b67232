"""Residual networks: blocks whose input is added to their output."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_norm, pooled_classifier
from pharos.kernelbench.suite.vocabulary import Chain, Sum

Block = Callable[[int, int, int], nn.Module]


def shortcut(inner: int, outer: int, stride: int) -> nn.Module:
    """The input itself, or a projection of it where the shape changes."""
    if stride == 1 and inner == outer:
        return nn.Identity()
    return conv_norm(inner, outer, 1, stride=stride)


def basic_main(inner: int, width: int, stride: int) -> nn.Module:
    return Chain(
        conv_norm(inner, width, 3, nn.ReLU, stride=stride, padding=1),
        conv_norm(width, width, 3, padding=1),
    )


def basic_block(inner: int, width: int, stride: int) -> nn.Module:
    main = basic_main(inner, width, stride)
    return Chain(Sum(main, shortcut(inner, width, stride)), nn.ReLU(inplace=True))


def bottleneck(inner: int, width: int, stride: int) -> nn.Module:
    main = Chain(
        conv_norm(inner, width, 1, nn.ReLU),
        conv_norm(width, width, 3, nn.ReLU, stride=stride, padding=1),
        conv_norm(width, 4 * width, 1),
    )
    return Chain(Sum(main, shortcut(inner, 4 * width, stride)), nn.ReLU(inplace=True))


def projected_block(I: int, O: int, stride: int) -> nn.Module:  # noqa: E741
    """A basic block that projects even where the shape stays."""
    projection = conv_norm(I, O, 1, stride=stride)
    return Chain(Sum(basic_main(I, O, stride), projection), nn.ReLU(inplace=True))


def resnet(block: Block, expansion: int, depths: list[int], classes: int) -> nn.Module:
    """Four groups of blocks; each but the first halves the image and doubles the channels."""
    stages: list[nn.Module] = []
    channels = 64
    for group, depth in enumerate(depths):
        for place in range(depth):
            stride = 2 if group and not place else 1
            stages.append(block(channels, 64 << group, stride))
            channels = (64 << group) * expansion
    return Chain(
        conv_norm(3, 64, 7, nn.ReLU, stride=2, padding=3),
        nn.MaxPool2d(3, stride=2, padding=1),
        *stages,
        pooled_classifier(channels, classes),
    )


PROBLEMS = {
    8: define("ResNetBasicBlock", projected_block, "B I image image"),
    9: define("ResNet18", lambda classes: resnet(basic_block, 1, [2] * 4, classes), IMAGES),
    10: define("ResNet101", lambda depths, classes: resnet(bottleneck, 4, depths, classes), IMAGES),
}
