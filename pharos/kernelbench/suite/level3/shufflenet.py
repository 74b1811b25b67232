"""ShuffleNet and its unit: grouped pointwise convolutions, and a transposition of channels."""

from __future__ import annotations

from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, conv_norm, pooled_classifier
from pharos.kernelbench.suite.vocabulary import Chain, Function, Sum


def shuffle(groups: int) -> nn.Module:
    """Channel c of group g becomes channel g of group c."""

    def shuffled(x: Tensor) -> Tensor:
        B, C, H, W = x.size()
        x = x.view(B, groups, C // groups, H, W).transpose(1, 2).contiguous()
        return x.view(B, -1, H, W)

    return Function(shuffled)


def unit(C: int, O: int, groups: int) -> nn.Module:  # noqa: E741
    middle = O // 4
    main = Chain(
        conv_norm(C, middle, 1, nn.ReLU, groups=groups),
        conv_norm(middle, middle, 3, padding=1, groups=middle),
        shuffle(groups),
        conv_norm(middle, O, 1, nn.ReLU, groups=groups),
    )
    return Sum(main, nn.Identity() if C == O else conv_norm(C, O, 1))


def shufflenet(repeats: list[int], widths: list[int], groups: int, classes: int) -> nn.Module:
    units: list[nn.Module] = []
    for inner, outer, count in zip(widths, widths[1:], repeats, strict=False):
        units += [unit(outer if place else inner, outer, groups) for place in range(count)]
    return Chain(
        conv_norm(3, widths[0], 3, nn.ReLU, stride=2, padding=1),
        nn.MaxPool2d(3, stride=2, padding=1),
        *units,
        conv_norm(widths[-1], 1024, 1, nn.ReLU),
        pooled_classifier(1024, classes),
    )


PROBLEMS = {
    25: define("ShuffleNetUnit", unit, "B C *S"),
    26: define("ShuffleNet", shufflenet, IMAGES),
}
