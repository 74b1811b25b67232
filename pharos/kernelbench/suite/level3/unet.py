"""A U-Net whose activation is softmax along the rows of the image."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define

LEVELS = 4


def double_conv(inner: int, outer: int) -> nn.Module:
    steps: list[nn.Module] = []
    for channels in (inner, outer):
        steps += [nn.Conv2d(channels, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.Softmax(-1)]
    return nn.Sequential(*steps)


class UNet(nn.Module):
    """Four levels down, four up; each level up also sees the level down of its extents."""

    def __init__(self, I: int, O: int, width: int) -> None:
        super().__init__()
        widths = [width << level for level in range(LEVELS + 1)]
        self.down = nn.ModuleList(map(double_conv, [I, *widths], widths))
        self.pool = nn.MaxPool2d(2, stride=2)
        rising = list(reversed(widths))
        self.raise_ = nn.ModuleList(
            nn.ConvTranspose2d(inner, outer, 2, stride=2) for inner, outer in pairwise(rising)
        )
        self.up = nn.ModuleList(map(double_conv, rising, rising[1:]))
        self.final = nn.Conv2d(width, O, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen: list[Tensor] = []
        for level, down in enumerate(self.down):
            x = down(self.pool(x) if level else x)
            seen.append(x)
        for raise_, up, beside in zip(self.raise_, self.up, seen[-2::-1], strict=True):
            x = up(torch.cat((raise_(x), beside), dim=1))
        return self.final(x)


PROBLEMS = {
    45: define(
        "UNetSoftmax",
        UNet,
        "B I *S",
        remark="Softmax along rows leaves numbers near 1/W before the last layer: outputs differ "
        "little from its bias.",
    )
}
