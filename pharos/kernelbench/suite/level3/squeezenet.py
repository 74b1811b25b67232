"""SqueezeNet and its fire module: few channels, then two wider branches of them."""

from __future__ import annotations

from torch import nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_relu, flat
from pharos.kernelbench.suite.vocabulary import Chain, Concat


def fire(C: int, squeeze: int, expand: int) -> nn.Module:
    return Chain(
        conv_relu(C, squeeze, 1),
        Concat(conv_relu(squeeze, expand, 1), conv_relu(squeeze, expand, 3, padding=1)),
    )


def halving() -> nn.Module:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def squeezenet(classes: int) -> nn.Module:
    return Chain(
        conv_relu(3, 96, 7, stride=2),
        halving(),
        fire(96, 16, 64),
        fire(128, 16, 64),
        fire(128, 32, 128),
        halving(),
        fire(256, 32, 128),
        fire(256, 48, 192),
        fire(384, 48, 192),
        fire(384, 64, 256),
        halving(),
        fire(512, 64, 256),
        nn.Dropout(p=0.0),
        conv_relu(512, classes, 1),
        nn.AdaptiveAvgPool2d((1, 1)),
        flat,
    )


PROBLEMS = {
    17: define("SqueezeNetFireModule", fire, "B C *S"),
    18: define("SqueezeNet", squeezenet, IMAGES),
}
