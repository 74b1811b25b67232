"""Convolutions in one, two and three dimensions: dense, dilated, strided, depthwise, pointwise."""

from __future__ import annotations

from typing import Any

from torch import nn

from pharos.kernelbench.suite.definition import Definition, define


def conv(name: str, kind: Any, sizes: str, **fixed: Any) -> Definition:
    """A convolution from I to O channels without bias; ``sizes`` are its further arguments."""
    fixed = {"bias": False, **fixed}
    names = ["in_channels", "out_channels", *sizes.split()]

    def build(*values: Any) -> nn.Module:
        return kind(**dict(zip(names, values, strict=True)), **fixed)

    return define(name, build, "B I *S", names=f"I O {sizes}")


def depthwise(name: str, sizes: str) -> Definition:
    """Each channel has a filter of its own."""
    names = sizes.split()

    def build(channels: int, *values: Any) -> nn.Module:
        arguments = dict(zip(names, values, strict=True))
        return nn.Conv2d(channels, channels, **arguments, groups=channels, bias=False)

    return define(name, build, "B I *S", names=f"I {sizes}")


def separable(I: int, O: int, kernel_size: int, padding: int) -> nn.Module:  # noqa: E741
    """A depthwise convolution, then a pointwise one."""
    return nn.Sequential(
        nn.Conv2d(I, I, kernel_size, padding=padding, groups=I, bias=False),
        nn.Conv2d(I, O, 1, bias=False),
    )


K = "kernel_size"
PROBLEMS = {
    50: conv(
        "conv_standard_2D__square_input__square_kernel",
        nn.Conv2d,
        f"{K} stride padding",
        bias=True,
    ),
    54: conv("conv_standard_3D__square_input__square_kernel", nn.Conv3d, K),
    55: conv("conv_standard_2D__asymmetric_input__square_kernel", nn.Conv2d, K),
    56: conv("conv_standard_2D__asymmetric_input__asymmetric_kernel", nn.Conv2d, K),
    59: conv("conv_standard_3D__asymmetric_input__square_kernel", nn.Conv3d, K),
    60: conv("conv_standard_3D__square_input__asymmetric_kernel", nn.Conv3d, K),
    62: conv("conv_standard_2D__square_input__asymmetric_kernel", nn.Conv2d, K),
    63: conv("conv_standard_2D__square_input__square_kernel", nn.Conv2d, K),
    66: conv("conv_standard_3D__asymmetric_input__asymmetric_kernel", nn.Conv3d, K),
    67: conv("conv_standard_1D", nn.Conv1d, K),
    76: conv("conv_standard_1D_dilated_strided__", nn.Conv1d, f"{K} stride dilation"),
    80: conv(
        "conv_standard_2D_square_input_asymmetric_kernel___dilated____padded__",
        nn.Conv2d,
        f"{K} padding dilation",
    ),
    82: depthwise("conv_depthwise_2D_square_input_square_kernel", K),
    83: depthwise("conv_depthwise_2D_square_input_asymmetric_kernel", K),
    84: depthwise("conv_depthwise_2D_asymmetric_input_square_kernel", K),
    85: depthwise("conv_depthwise_2D_asymmetric_input_asymmetric_kernel", K),
    86: define("conv_depthwise_separable_2D", separable, "B I *S"),
    87: conv("conv_pointwise_2D", nn.Conv2d, "", kernel_size=1),
}
