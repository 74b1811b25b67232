"""Sums of narrow floats keep growing: they are added up in f32, as eager does."""

from __future__ import annotations

import pytest
import torch

from pharos.ingress.torch import import_model
from pharos.toolchain import build
from pharos.toolchain.front_ends import torch_payload
from pharos.toolchain.torch_function import TorchFunction


class Sums(torch.nn.Module):
    def forward(self, x, scores, target):
        return (
            x.sum(),
            x.mean(),
            x.sum(0),
            x.mean((0, 1), keepdim=True),
            x.sum(1, dtype=torch.float32),
            torch.nn.functional.cross_entropy(scores, target),
            torch.norm(x, p="fro"),
            x.norm(dim=0),
            x.var(0),
            x.std(),
            x.cumsum(0),
            (x / x).prod(0),
            x.softmax(0),
            x.log_softmax(0),
            x.logsumexp(0),
            torch.nn.functional.avg_pool2d(x[None, None], 23),
            torch.nn.functional.mse_loss(x, 2 * x),
        )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_narrow_sums_are_added_in_f32(dtype):
    torch.manual_seed(3)
    x = (torch.rand(901, 37) + 0.5).to(dtype) * (1.0 if dtype != torch.float16 else 0.5)
    scores, target = torch.randn(700, 13).to(dtype), torch.randint(0, 13, (700,))
    imported = import_model(Sums(), (x, scores, target))
    step = torch.finfo(dtype).eps
    function = TorchFunction(imported, build(torch_payload(imported)).artifact)
    # Of f32 the order of the terms shows; narrow results are rounded once.
    for found, expected in zip(function(x, scores, target), Sums()(x, scores, target), strict=True):
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected, rtol=max(1e-5, 2 * step), atol=0)
