"""Networks without branches: perceptrons, LeNet, AlexNet, VGG, RegNet."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

from torch import nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_relu, flat
from pharos.kernelbench.suite.vocabulary import Chain, Step, mean


def perceptron(I: int, hidden: list[int], O: int) -> nn.Module:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inner, outer in zip([I, *hidden[:-1]], hidden, strict=True):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], O))


def lenet(classes: int) -> nn.Module:
    return Chain(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=2),
        lambda x: x.view(-1, 16 * 5 * 5),
        perceptron(16 * 5 * 5, [120, 84], classes),
    )


def head(inner: int, hidden: int, classes: int) -> nn.Module:
    """The three linear layers of AlexNet and VGG."""
    layers: list[nn.Module] = []
    for features in (inner, hidden):
        layers += [nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Dropout(p=0.0)]
    return nn.Sequential(*layers, nn.Linear(hidden, classes))


def alexnet(image: int, hidden: int, classes: int) -> nn.Module:
    left = (image + 4 - 11) // 4 + 1
    for _ in range(3):
        left = (left - 3) // 2 + 1
    return Chain(
        conv_relu(3, 96, 11, stride=4, padding=2),
        nn.MaxPool2d(3, stride=2),
        conv_relu(96, 256, 5, padding=2),
        nn.MaxPool2d(3, stride=2),
        conv_relu(256, 384, 3, padding=1),
        conv_relu(384, 384, 3, padding=1),
        conv_relu(384, 256, 3, padding=1),
        nn.MaxPool2d(3, stride=2),
        flat,
        head(256 * left**2, hidden, classes),
    )


def vgg(image: int, depths: list[int], hidden: int, classes: int) -> nn.Module:
    """Groups of ``depths`` convolutions; each group halves the image."""
    steps: list[Step] = []
    channels = 3
    for depth, width in zip(depths, (64, 128, 256, 512, 512), strict=True):
        for _ in range(depth):
            steps.append(conv_relu(channels, width, 3, padding=1))
            channels = width
        steps.append(nn.MaxPool2d(2, stride=2))
    return Chain(*steps, flat, head(512 * (image // 32) ** 2, hidden, classes))


def regnet(I: int, widths: list[int], classes: int) -> nn.Module:
    stages: list[Step] = []
    for width in widths:
        for channels in (I, width):
            stages += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        stages.append(nn.MaxPool2d(2, stride=2))
        I = width
    return Chain(*stages, mean(2, 3, keep=False), nn.Linear(widths[-1], classes))


PROBLEMS = {
    1: define("MLP", perceptron, "B I"),
    2: define("ShallowWideMLP", perceptron, "B I"),
    3: define("DeepNarrowMLP", perceptron, "B I"),
    4: define("LeNet5", lenet, "B 1 32 32"),
    5: define("AlexNet", alexnet, IMAGES),
    11: define("VGG16", vgg, IMAGES),
    12: define("VGG19", vgg, IMAGES),
    27: define("RegNet", regnet, "B I image image"),
}
