"""Pooling. Where a maximum is padded, inputs of one sign cannot tell padding by 0 from -inf."""

from __future__ import annotations

from typing import Any

from torch import nn

from pharos.kernelbench.suite.definition import Definition, define

PADDED = "The inputs are positive: padding with 0 instead of -inf would not show."


def pool(name: str, kind: Any, names: str, remark: str = "") -> Definition:
    """A pooling layer whose arguments are sizes, in the order in which torch takes them."""
    return define(name, kind, "B C *S", names=names, remark=remark)


PROBLEMS = {
    41: pool("Max_Pooling_1D", nn.MaxPool1d, "kernel stride padding dilation", PADDED),
    42: pool("Max_Pooling_2D", nn.MaxPool2d, "kernel stride padding dilation", PADDED),
    43: pool("Max_Pooling_3D", nn.MaxPool3d, "kernel stride padding dilation", PADDED),
    44: pool("Average_Pooling_1D", nn.AvgPool1d, "kernel stride padding"),
    45: pool("Average_Pooling_2D", nn.AvgPool2d, "kernel"),
    46: pool("Average_Pooling_3D", nn.AvgPool3d, "kernel stride padding"),
}
