"""Losses: everything down to one number."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import Draw, Input, define, function

AVERAGE = "One number, an average of millions: a few wrong elements do not show in it."


def scaled_uniform(shape: tuple[int, ...]) -> Tensor:
    """Uniform up to a random bound, so that the loss differs from one draw to the next."""
    scale = torch.rand(())
    return torch.rand(shape) * scale


def distribution(draw: Draw) -> Draw:
    """Rows of positive numbers whose sum is 1."""
    return lambda shape: draw(shape).softmax(dim=-1)


def signs(shape: tuple[int, ...]) -> Tensor:
    return torch.randint(0, 2, shape).float() * 2 - 1


def hinge(predictions: Tensor, targets: Tensor) -> Tensor:
    """Targets are one row: they go with the columns, not the rows, of the predictions."""
    return torch.mean(torch.clamp(1 - predictions * targets, min=0))


def classes(B: int, D: int) -> tuple[int, ...]:
    return (B, D)


# A draw sees only shapes: the number of classes is carried by the second dimension and dropped.
LABELS = Input(
    classes,
    draw=lambda shape: torch.randint(0, shape[1], shape[:1]),
    check=lambda shape: torch.randint(0, shape[1], shape[:1]),
)
SCALED = Input("B D", scaled_uniform)

PROBLEMS = {
    94: function("MSELoss", lambda p, t: torch.mean((p - t) ** 2), SCALED, "B D", remark=AVERAGE),
    95: function(
        "CrossEntropyLoss", lambda p, t: F.cross_entropy(p, t), "B D", LABELS, remark=AVERAGE
    ),
    96: function("HuberLoss", lambda p, t: F.smooth_l1_loss(p, t), SCALED, "B D", remark=AVERAGE),
    98: function(
        "KLDivLoss",
        lambda p, t: F.kl_div(torch.log(p), t, reduction="batchmean"),
        Input("B D", distribution(scaled_uniform), distribution(torch.randn)),
        Input("B D", distribution(torch.rand), distribution(torch.randn)),
        remark=AVERAGE,
    ),
    99: define(
        "TripletMarginLoss",
        lambda margin: nn.TripletMarginLoss(margin=margin),
        SCALED,
        "B D",
        "B D",
        remark=AVERAGE,
    ),
    100: function("HingeLoss", hinge, "D D", Input("D", signs, signs), remark=AVERAGE),
}
