"""The Swin MLP: perceptrons over the positions of windows, windows shifted in every other block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, flat
from pharos.kernelbench.suite.vocabulary import Chain


def windows_of(x: Tensor, size: int) -> Tensor:
    """(B, H, W, C) to (windows, size * size, C)."""
    B, H, W, C = x.shape
    x = x.view(B, H // size, size, W // size, size, C)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, size * size, C)


def image_of(windows: Tensor, size: int, H: int, W: int) -> Tensor:
    """The inverse of ``windows_of``."""
    C = windows.shape[-1]
    x = windows.reshape(-1, H // size, W // size, size, size, C)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, H, W, C)


class SwinBlock(nn.Module):
    """One block on (B, side * side, C): mix positions within windows, then channels."""

    def __init__(self, channels: int, side: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        if side <= window:
            window, shift = side, 0
        self.side, self.heads, self.window, self.shift = side, heads, window, shift
        self.norm1 = nn.LayerNorm(channels)
        mixed = heads * window**2
        self.spatial = nn.Conv1d(mixed, mixed, kernel_size=1, groups=heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )

    def mix(self, windows: Tensor) -> Tensor:
        """A linear map of the positions of each window, one per head."""
        count, positions, C = windows.shape
        x = windows.view(count, positions, self.heads, C // self.heads).transpose(1, 2)
        x = self.spatial(x.reshape(count, self.heads * positions, C // self.heads))
        x = x.view(count, self.heads, positions, C // self.heads).transpose(1, 2)
        return x.reshape(count, positions, C)

    def forward(self, x: Tensor) -> Tensor:
        B, L, C = x.shape
        image = self.norm1(x).view(B, self.side, self.side, C)
        before, after = self.window - self.shift, self.shift
        if self.shift:
            image = F.pad(image, [0, 0, before, after, before, after])
        _, H, W, _ = image.shape
        image = image_of(self.mix(windows_of(image, self.window)), self.window, H, W)
        if self.shift:
            image = image[:, before:-after, before:-after, :].contiguous()
        x = x + image.view(B, L, C)
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Four neighbours become one position of twice the channels."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)
        self.norm = nn.LayerNorm(4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        B, _, C = x.shape
        x = x.view(B, self.side, self.side, C)
        corners = [x[:, row::2, column::2, :] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, -1).view(B, -1, 4 * C)))


def swin_mlp(
    image: int, classes: int, channels: int, depths: list[int], heads: list[int], window: int
) -> nn.Module:
    stages: list[nn.Module] = []
    side, width = image // 4, channels
    for place, (depth, count) in enumerate(zip(depths, heads, strict=True)):
        shifts = [0 if block % 2 == 0 else window // 2 for block in range(depth)]
        stages += [SwinBlock(width, side, count, window, shift) for shift in shifts]
        if place < len(depths) - 1:
            stages.append(PatchMerging(width, side))
            side, width = side // 2, 2 * width
    return Chain(
        nn.Conv2d(3, channels, 4, stride=4),
        lambda x: x.flatten(2).transpose(1, 2),
        nn.LayerNorm(channels),
        *stages,
        nn.LayerNorm(width),
        lambda x: x.transpose(1, 2),
        nn.AdaptiveAvgPool1d(1),
        flat,
        nn.Linear(width, classes),
    )


PROBLEMS = {29: define("SwinMLP", swin_mlp, IMAGES)}
