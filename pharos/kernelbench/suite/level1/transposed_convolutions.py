"""Transposed convolutions: strided, padded, grouped and dilated, of every extent and kernel."""

from __future__ import annotations

from torch import nn

from pharos.kernelbench.suite.level1.convolutions import K, conv

PROBLEMS = {
    57: conv("conv_transposed_2D__square_input__square_kernel", nn.ConvTranspose2d, K),
    58: conv("conv_transposed_3D__asymmetric_input__asymmetric_kernel", nn.ConvTranspose3d, K),
    61: conv("conv_transposed_3D__square_input__square_kernel", nn.ConvTranspose3d, K),
    64: conv("conv_transposed_1D", nn.ConvTranspose1d, K),
    65: conv("conv_transposed_2D__square_input__asymmetric_kernel", nn.ConvTranspose2d, K),
    68: conv("conv_transposed_3D__square_input__asymmetric_kernel", nn.ConvTranspose3d, K),
    69: conv("conv_transposed_2D__asymmetric_input__asymmetric_kernel", nn.ConvTranspose2d, K),
    70: conv("conv_transposed_3D__asymmetric_input__square_kernel", nn.ConvTranspose3d, K),
    71: conv("conv_transposed_2D__asymmetric_input__square_kernel", nn.ConvTranspose2d, K),
    72: conv(
        "conv_transposed_3D_asymmetric_input_asymmetric_kernel___strided_padded_grouped_",
        nn.ConvTranspose3d,
        f"{K} stride padding output_padding groups",
    ),
    # The public problem hands its groups to an argument that it does not use: it has one group.
    73: conv(
        "conv_transposed_3D_asymmetric_input_square_kernel__strided_padded__grouped",
        nn.ConvTranspose3d,
        f"{K} stride padding",
    ),
    74: conv("conv_transposed_1D_dilated", nn.ConvTranspose1d, f"{K} dilation"),
    75: conv(
        "conv_transposed_2D_asymmetric_input_asymmetric_kernel_strided__grouped____padded____dilated__",
        nn.ConvTranspose2d,
        f"{K} stride padding dilation groups",
    ),
    # Stride and dilation of 2 leave seven of eight results 0.
    77: conv(
        "conv_transposed_3D_square_input_square_kernel___padded____dilated____strided__",
        nn.ConvTranspose3d,
        f"{K} stride padding dilation",
    ),
    78: conv(
        "conv_transposed_2D_asymmetric_input_asymmetric_kernel___padded__",
        nn.ConvTranspose2d,
        f"{K} padding",
    ),
    79: conv(
        "conv_transposed_1D_asymmetric_input_square_kernel___padded____strided____dilated__",
        nn.ConvTranspose1d,
        f"{K} stride padding dilation",
    ),
    81: conv(
        "conv_transposed_2D_asymmetric_input_square_kernel___dilated____padded____strided__",
        nn.ConvTranspose2d,
        f"{K} stride padding dilation",
    ),
}
