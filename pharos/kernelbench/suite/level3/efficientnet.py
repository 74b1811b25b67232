"""EfficientNets: inverted residual blocks of several kernels, with and without squeezing."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

from torch import nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_norm, pooled_classifier
from pharos.kernelbench.suite.level3.mobilenet import depthwise, inverted
from pharos.kernelbench.suite.vocabulary import Chain, Sum


def mbconv(I: int, O: int, kernel: int, stride: int, ratio: int) -> nn.Module:
    """Up, depthwise, down; added to the input where the shape stays."""
    hidden = I * ratio
    steps = [conv_norm(I, hidden, 1, nn.ReLU6)] if ratio != 1 else []
    steps += [depthwise(hidden, kernel, stride), conv_norm(hidden, O, 1)]
    main = Chain(*steps)
    return Sum(main, nn.Identity()) if stride == 1 and I == O else main


# Channels in and out, kernel, stride, ratio.
B0 = [
    (32, 16, 3, 1, 1),
    (16, 24, 3, 2, 6),
    (24, 24, 3, 1, 6),
    (24, 40, 5, 2, 6),
    (40, 40, 5, 1, 6),
    (40, 80, 3, 2, 6),
    (80, 80, 3, 1, 6),
    (80, 112, 5, 1, 6),
    (112, 112, 5, 1, 6),
    (112, 192, 5, 2, 6),
    (192, 192, 5, 1, 6),
    (192, 192, 5, 1, 6),
    (192, 320, 3, 1, 6),
]
# Channels in and out, stride, ratio.
B1 = [
    (32, 16, 1, 1),
    (16, 24, 2, 6),
    (24, 40, 2, 6),
    (40, 80, 2, 6),
    (80, 112, 1, 6),
    (112, 192, 2, 6),
    (192, 320, 1, 6),
]
B2 = [(32, 96, 1, 3), (96, 144, 2, 6), (144, 192, 2, 6), (192, 288, 2, 6), (288, 384, 1, 6)]


def squeezed(I: int, O: int, stride: int, ratio: int) -> nn.Module:
    """The gate of squeeze-and-excitation without what it gates: from here on images are 1x1."""
    hidden = I * ratio
    return Chain(
        conv_norm(I, hidden, 1, nn.ReLU),
        depthwise(hidden, 3, stride, nn.ReLU),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Conv2d(hidden, hidden // 4, 1, bias=False),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden // 4, hidden, 1, bias=False),
        nn.Sigmoid(),
        conv_norm(hidden, O, 1),
    )


def network(blocks: list[nn.Module], inner: int, features: int, classes: int) -> nn.Module:
    return Chain(
        conv_norm(3, 32, 3, nn.ReLU, stride=2, padding=1),
        *blocks,
        conv_norm(inner, features, 1, nn.ReLU),
        pooled_classifier(features, classes),
    )


PROBLEMS = {
    21: define("EfficientNetMBConv", mbconv, "B I image image"),
    22: define(
        "EfficientNetB0",
        lambda classes: network([mbconv(*row) for row in B0], 320, 1280, classes),
        IMAGES,
    ),
    23: define(
        "EfficientNetB1",
        lambda classes: network([inverted(*row) for row in B1], 320, 1280, classes),
        IMAGES,
    ),
    24: define(
        "EfficientNetB2",
        lambda classes: network([squeezed(*row) for row in B2], 384, 1408, classes),
        IMAGES,
        remark="After the first block images are 1x1, and a batch of 1 has no statistics.",
    ),
}
