"""What PyTorch scatters and sorts: gradients of lookups, pooling and losses, top k, index_add."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

IDS = torch.tensor([[1, 2, 1], [9, 0, 1]])
CLASSES = torch.tensor([1, 6, 3, 0])

GRADIENTS = {
    "embedding": (lambda w: F.embedding(IDS, w).pow(2).sum(), (10, 4)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1).pow(2).sum(), (2, 3, 9, 8)),
    "cross_entropy": (lambda x: F.cross_entropy(x, CLASSES), (4, 7)),
    "gather": (lambda x: torch.gather(x, 1, IDS[:, :2] % 3).exp().sum(), (2, 3)),
}
VALUES = {
    "sort": lambda x: torch.sort(x, dim=0),
    "descending": lambda x: torch.sort(x, dim=-1, descending=True),
    "topk": lambda x: torch.topk(x, 3),
    "argsort": lambda x: (torch.argsort(x, dim=1),),
    "index_add": lambda x: (x.index_add(0, torch.tensor([1, 3, 1]), x[:3] * 2),),
    "scatter_add": lambda x: (x.scatter_add(0, (x[:2].long() % 2).abs(), x[2:4]),),
    "index_put": lambda x: (torch.ops.aten.index_put(x, [torch.tensor([2, 0])], x[:2], True),),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    function, shape = GRADIENTS[name]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), requires_grad=True)
    (expected,) = torch.autograd.grad(function(x), [x])
    (found,) = torch.autograd.grad(torch.compile(function, backend="pharos")(x), [x])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    x = torch.randn((5, 9), generator=torch.Generator().manual_seed(2))
    expected = VALUES[name](x)
    found = torch.compile(VALUES[name], backend="pharos")(x)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
