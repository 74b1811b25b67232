"""Transposed convolutions with strides, phase by phase, against torch."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn import functional

from pharos.ingress.torch import import_model
from pharos.toolchain import build
from pharos.toolchain.front_ends import torch_payload
from pharos.toolchain.torch_function import TorchFunction

CONVOLUTIONS = (
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)


class Layers(torch.nn.Module):
    """Several transposed convolutions of one compilation: ``(rank, bias, options)`` each."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, *tensors):
        found, rest = [], list(tensors)
        for rank, biased, options in self.layers:
            x, w = rest.pop(0), rest.pop(0)
            bias = rest.pop(0) if biased else None
            found.append(CONVOLUTIONS[rank - 1](x, w, bias, **options))
        return tuple(found)


def random_layer(random_: random.Random, rank: int):
    """A layer and its tensors; every extent, stride, padding and dilation on its own."""
    groups = random_.choice((1, 1, 2))
    batch, inputs, outputs = (random_.randint(1, n) for n in (3, 6, 7))
    inputs, outputs = inputs * groups, outputs * groups
    if groups > 1 and inputs == groups:  # torch-mlir imports no depthwise one
        inputs *= 2
    stride = [random_.randint(1, 4) for _ in range(rank)]
    stride[random_.randrange(rank)] = random_.randint(2, 4)
    dilation = [random_.randint(1, 3) for _ in range(rank)]
    window = [random_.randint(1, 5) for _ in range(rank)]
    reach = [d * (k - 1) for d, k in zip(dilation, window, strict=True)]
    padding = [random_.randint(0, r) for r in reach]
    more = [random_.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True)]
    least = [
        max(1, -(-(2 * p - r - o) // s) + 2)
        for p, r, o, s in zip(padding, reach, more, stride, strict=True)
    ]
    sizes = [random_.randint(n, n + 8) for n in least]
    biased = random_.random() < 0.5
    tensors = [torch.randn(batch, inputs, *sizes), torch.randn(inputs, outputs // groups, *window)]
    tensors += [torch.randn(outputs)] if biased else []
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": more,
        "dilation": dilation,
        "groups": groups,
    }
    return (rank, biased, options), tensors


def check(layers, tensors):
    imported = import_model(Layers(layers), tensors)
    bound = TorchFunction(imported, build(torch_payload(imported)).artifact).bind(
        *tensors, poison=True
    )
    bound()
    for found, expected in zip(bound.finish(), Layers(layers)(*tensors), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def run(seed: int, count: int) -> None:
    random_ = random.Random(seed)
    torch.manual_seed(seed)
    layers, tensors = [], []
    for number in range(count):
        layer, own = random_layer(random_, number % 3 + 1)
        layers.append(layer)
        tensors += own
    check(layers, tensors)


def test_random_transposed_convolutions():
    run(0, 2)


def test_wide_phases_are_packed_and_exact():
    torch.manual_seed(1)
    options = {"stride": 2, "padding": 1, "output_padding": 1}
    check(
        [(2, True, options)],
        [torch.randn(2, 16, 9, 37), torch.randn(16, 20, 3, 3), torch.randn(20)],
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_many_transposed_convolutions(seed):
    run(seed, 9)
