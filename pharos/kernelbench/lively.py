"""Weights under which a network's output depends on its input.

New deep networks forget their inputs: default weights shrink what passes through them layer by
layer until only the last biases are left, and norms in evaluation mode, whose statistics are those
of no data, do not mend it. A comparison of outputs would then pass whatever the first layers do.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

_LAYERS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def enliven(model: nn.Module, inputs: Sequence[Any]) -> None:
    """Scale the layers of ``model``, in place, so that each gives numbers of deviation 1.

    Batch norms get the statistics of what they see as their running ones. ``inputs`` are one call
    of the model: a copy of it is called once, in evaluation mode, so that nothing but the state
    dict changes.
    """
    scaled = copy.deepcopy(model).eval()
    for module in scaled.modules():
        if isinstance(module, _NORMS):
            module.register_forward_pre_hook(_observe)
        elif isinstance(module, _LAYERS):
            module.register_forward_hook(_scale)
    with torch.no_grad():
        scaled(*inputs)
    model.load_state_dict(scaled.state_dict())


def _scale(layer: Any, _: Any, output: Tensor) -> Tensor | None:
    """Weight and bias divided by the deviation of the output, and so the output."""
    deviation = output.float().std().item() if output.numel() > 1 else 0.0
    if not 1e-20 < deviation < 1e20:
        return None
    for tensor in (layer.weight, layer.bias):
        if tensor is not None:
            tensor.div_(deviation)
    return output / deviation


def _observe(norm: Any, inputs: tuple[Tensor, ...]) -> None:
    if norm.running_mean is None:
        return
    dims = [dim for dim in range(inputs[0].dim()) if dim != 1]
    norm.running_mean.copy_(inputs[0].mean(dims))
    variance = inputs[0].var(dims, correction=0)
    # A channel without variance (one pixel of one image) would become a division by nothing.
    norm.running_var.copy_(torch.where(variance > 1e-6, variance, 1.0))
