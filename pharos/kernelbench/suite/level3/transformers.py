"""Transformers of images, and attention over the positions of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import define
from pharos.kernelbench.suite.level3.layers import IMAGES, flat


class VisionTransformer(nn.Module):
    """Patches, a class token, an encoder, a head.

    The encoder is not told that the batch comes first: as in the public problem, attention runs
    over the images of the batch, not over the patches of an image.
    """

    def __init__(
        self, image: int, patch: int, classes: int, dim: int, depth: int, heads: int, hidden: int
    ) -> None:
        super().__init__()
        self.patch = patch
        self.positions = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, dim))
        self.embed = nn.Linear(3 * patch**2, dim)
        self.token = nn.Parameter(torch.randn(1, 1, dim))
        self.dropout = nn.Dropout(0.0)
        layer = nn.TransformerEncoderLayer(dim, heads, hidden, dropout=0.0)
        self.transformer = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(0.0), nn.Linear(hidden, classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        B, C, _, _ = images.shape
        p = self.patch
        x = images.unfold(2, p, p).unfold(3, p, p).reshape(B, -1, p * p * C)
        x = torch.cat((self.token.expand(B, -1, -1), self.embed(x)), dim=1)
        x += self.positions
        x = self.transformer(self.dropout(x))
        return self.head(x[:, 0])


class PositionAttention(nn.Module):
    """Attention over the pixels of an image, a residual and a norm."""

    def __init__(self, C: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(C, heads)
        self.norm = nn.LayerNorm(C)

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        x = x.view(B, C, H * W).permute(2, 0, 1)
        x = self.norm(self.attention(x, x, x)[0] + x)
        return x.permute(1, 2, 0).view(B, C, H, W)


class ConvolutionalTransformer(nn.Module):
    """All patches become one token; it and the class token make a sequence of two."""

    def __init__(self, image: int, classes: int, dim: int, heads: int, depth: int) -> None:
        super().__init__()
        patch = 4
        self.patches = nn.Conv2d(3, dim, patch, stride=patch)
        self.project = nn.Linear(dim * (image // patch) ** 2, dim)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, heads, 4 * dim, dropout=0.0, batch_first=True)
            for _ in range(depth)
        )
        self.token = nn.Parameter(torch.zeros(1, 1, dim))
        self.head = nn.Linear(dim, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.project(flat(self.patches(images)))
        token = self.token.expand(images.size(0), -1, -1)
        x = torch.cat((token, x.unsqueeze(1)), dim=1)
        for layer in self.layers:
            x = layer(x)
        return self.head(x[:, 0])


FAST_PATH = "In evaluation mode eager PyTorch may take a fused path, with other rounding."

PROBLEMS = {
    28: define(
        "VisionTransformer",
        VisionTransformer,
        IMAGES,
        remark="The class token attends to the class tokens of the other images, which are the "
        "same: the output does not depend on the images.",
        constant=True,
    ),
    31: define("VisionAttention", PositionAttention, "B C *S", remark=FAST_PATH),
    32: define(
        "ConvolutionalVisionTransformer", ConvolutionalTransformer, IMAGES, remark=FAST_PATH
    ),
}
